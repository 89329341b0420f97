package import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// A handler's subscription as the log has it.
package struct StoredSubscription: Sendable {
    /// `instance.handler`.
    package var handler: String
    package var name: String
    /// Its `from` is the revision that comes next.
    package var wish: StreamWish
    /// Events of its stream from that revision on, also those that it does not ask for.
    package var lag: UInt64
    /// Events that are delivered and neither done nor dead letters.
    package var unsettled: Int
}

extension StoredSubscription {
    /// Those of a data folder, in the order in which they were made. Takes no lock and changes nothing, so a host may have
    /// the folder; what is unsettled is read from its frames.
    package static func all(in folder: String) throws(StoredEventError) -> [StoredSubscription] {
        let fold = SubscriptionFold()
        let (reader, ledger) = try StoredLedger.open(folder, extra: fold.extra, other: fold.section)
        do {
            let unsettled = try Self.unsettled(fold.records.map(\.scope), ledger, reader)
            return fold.records.compactMap { record in
                guard let wish = record.wish else { return nil }
                let next = ledger.streams[wish.stream]?.next ?? 0
                let hash = SubscriptionStore.keyHash(of: record.name, HandlerScope(name: record.scope))
                return StoredSubscription(
                    handler: record.scope, name: record.name, wish: wish, lag: next > wish.from ? next - wish.from : 0,
                    unsettled: unsettled[hash] ?? 0)
            }
        } catch {
            throw StoredEventError(opening: folder, error)
        }
    }

    /// By key hash: pending deliveries of these handlers, and of the one that buries, that a subscription brought.
    private static func unsettled(
        _ handlers: [String], _ ledger: Ledger, _ reader: LogReader
    ) throws -> [UInt64: Int] {
        guard let route = ledger.names.number(.route, Blueprint.subscriptionRouteName) else { return [:] }
        var counts: [UInt64: Int] = [:]
        for handler in Set(handlers + [""]) {
            guard let number = ledger.names.number(.handler, handler) else { continue }
            for pending in ledger.pending(number) {
                let frame = try reader.read(pending.location)
                var first = frame.view.header.firstPosition
                _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
                    guard kind == .events else { return }
                    let section = try EventsSection(bytes)
                    defer { first += UInt64(section.count) }
                    guard first == pending.firstPosition else { return }
                    try section.forEachDelivery {
                        guard $0.handler == number, $0.route == route, pending.events.contains($0.event) else { return }
                        counts[$0.keyHash, default: 0] += 1
                    }
                }
            }
        }
        return counts
    }
}

/// Folds what a checkpoint and frames say of handlers' subscriptions. One thread.
final class SubscriptionFold {
    /// As they stand, in the order in which they were made.
    private(set) var records: [SubscriptionRecord] = []

    /// A part of a checkpoint.
    func extra(_ name: String, _ bytes: [UInt8]) throws(LogFormatError) {
        guard name == CheckpointParts.subscriptions else { return }
        try bytes.withUnsafeBufferPointer { raw throws(LogFormatError) in
            try section(.subscriptions, UnsafeRawBufferPointer(raw))
        }
    }

    func section(_ kind: SectionKind, _ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        guard kind == .subscriptions else { return }
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try SubscriptionRecord(&reader)
            let place = records.firstIndex { $0.scope == record.scope && $0.name == record.name }
            switch (place, record.wish) {
            case (let place?, nil): records.remove(at: place)
            case (let place?, _): records[place] = record
            case (nil, nil): break
            case (nil, _): records.append(record)
            }
        }
    }
}
