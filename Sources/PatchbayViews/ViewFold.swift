import Foundation
import GRDB
import PatchbayEvents
import PatchbayLog

/// Turns the log's frames into rows, in their order. One thread; between two transactions nothing is pending in memory.
///
/// A delivery that its first attempt does is seen coming and going within a transaction and never becomes a row.
struct ViewFold {
    /// A delivery that no row is about yet.
    private struct Fresh {
        var route: UInt16
        var acceptedAt: UInt64
    }

    private struct Tally {
        var done = 0
        var skipped = 0
        var dead = 0
        var failed = 0
    }

    private struct TallyKey: Hashable {
        var segment: UInt32
        var hour: UInt64
        var handler: UInt16
    }

    private let reader: LogReader
    private let codec = CloudEventsCodec.ofStored()
    private(set) var names: NameTable
    /// State of handlers up to this frame is known from a checkpoint.
    private let stateKnownThrough: UInt64
    private var fresh: [DeliveryID: Fresh] = [:]
    private var tallies: [TallyKey: Tally] = [:]
    /// Of the frame that is taken in.
    private var segment: UInt32 = 0

    init(_ reader: LogReader, names: NameTable, stateKnownThrough: UInt64) {
        self.reader = reader
        self.names = names
        self.stateKnownThrough = stateKnownThrough
    }

    /// Takes the next frame in.
    mutating func take(_ frame: LogFrame, _ database: Database) throws {
        let header = frame.view.header
        segment = frame.location.segment
        var first = header.firstPosition
        var letters: UInt32 = 0
        _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
            guard kind == .events else { return }
            let section = try EventsSection(bytes)
            try section.forEachDelivery { delivery in
                fresh[DeliveryID(position: first + UInt64(delivery.event), handler: delivery.handler)] = Fresh(
                    route: delivery.route, acceptedAt: header.writtenAt)
            }
            first += UInt64(section.count)
        }
        for record in try frame.records {
            switch record {
            case .outcome(let outcome): try take(outcome, at: header.writtenAt, database)
            case .failure(let failure): try take(failure, database)
            case .deadLetter(let letter):
                try take(letter, LetterID(sequence: header.sequence, index: letters), database)
                letters += 1
            case .operation(let operation): try take(operation, at: header.writtenAt, database)
            case .state(let state): if header.sequence > stateKnownThrough { try Self.take(state, database) }
            case .name(let name): if names.name(name.kind, name.number) == nil { try names.add(name) }
            default: break
            }
        }
    }

    /// Writes what is only in memory.
    mutating func flush(_ database: Database) throws {
        for id in fresh.keys.sorted(by: { ($0.position, $0.handler) < ($1.position, $1.handler) }) {
            try insert(id, database)
        }
        for (key, tally) in tallies {
            try database.cachedStatement(
                sql: """
                    INSERT INTO patchbay_outcomes VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET done = done + excluded.done,
                      skipped = skipped + excluded.skipped, dead = dead + excluded.dead,
                      failed = failed + excluded.failed
                    """
            ).execute(arguments: [
                Int(key.segment), String(UnixTime.text(key.hour * Self.hour).prefix(13)) + ":00Z", name(key.handler),
                tally.done,
                tally.skipped, tally.dead, tally.failed,
            ])
        }
        tallies.removeAll(keepingCapacity: true)
    }

    // MARK: Deliveries

    private mutating func take(_ outcome: OutcomeRecord, at time: UInt64, _ database: Database) throws {
        count(outcome.delivery.handler, at: time) { tally in
            if outcome.kind == .done { tally.done += 1 } else { tally.skipped += 1 }
        }
        if outcome.kind == .done, outcome.attempts == 1 {
            if fresh.removeValue(forKey: outcome.delivery) != nil { return }
            try database.cachedStatement(sql: "DELETE FROM deliveries WHERE position = ? AND handler = ?")
                .execute(arguments: [Int64(clamping: outcome.delivery.position), name(outcome.delivery.handler)])
            return
        }
        try insert(outcome.delivery, database)
        try set(
            outcome.delivery, outcome.kind == .done ? "done" : "skipped", attempts: outcome.attempts, endedAt: time,
            database)
    }

    private mutating func take(_ failure: FailureRecord, _ database: Database) throws {
        count(failure.delivery.handler, at: failure.endedAt) { $0.failed += 1 }
        try insert(failure.delivery, database)
        let state =
            switch failure.verdict {
            case .retries: "retrying"
            case .halts: "halted"
            case .dead: "dead"
            }
        try database.cachedStatement(
            sql: """
                UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, class = ?, reason = ?, ended_at = ?
                WHERE position = ? AND handler = ?
                """
        ).execute(arguments: [
            state, Int(failure.attempts), failure.verdict == .retries ? UnixTime.text(failure.due) : nil,
            failure.failureClass, failure.reason, failure.verdict == .dead ? UnixTime.text(failure.endedAt) : nil,
            Int64(clamping: failure.delivery.position), name(failure.delivery.handler),
        ])
    }

    /// Makes a row of a delivery that has none.
    private mutating func insert(_ id: DeliveryID, _ database: Database) throws {
        guard let delivery = fresh.removeValue(forKey: id), let stored = try reader.event(at: id.position) else {
            return
        }
        let event = try codec.event(stored.line)
        try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO deliveries(position, handler, route, event_id, source, type, state, attempts,
                  accepted_at) VALUES(?, ?, ?, ?, ?, ?, 'pending', 0, ?)
                """
        ).execute(arguments: [
            Int64(clamping: id.position), name(id.handler), names.name(.route, delivery.route) ?? "[\(delivery.route)]",
            event.id,
            event.source, event.type, UnixTime.text(delivery.acceptedAt),
        ])
    }

    private func set(
        _ id: DeliveryID, _ state: String, attempts: UInt32? = nil, endedAt: UInt64, _ database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                UPDATE deliveries SET state = ?, attempts = coalesce(?, attempts), due_at = NULL, ended_at = ?
                WHERE position = ? AND handler = ?
                """
        ).execute(arguments: [
            state, attempts.map { Int($0) }, UnixTime.text(endedAt), Int64(clamping: id.position), name(id.handler),
        ])
    }

    // MARK: Dead letters

    private mutating func take(_ letter: DeadLetterRecord, _ id: LetterID, _ database: Database) throws {
        let event = try codec.event(letter.event)
        if letter.delivery.handler != DeadLetterRecord.noHandler {
            count(letter.delivery.handler, at: letter.diedAt) { $0.dead += 1 }
            try insert(letter.delivery, database)
            try set(letter.delivery, "dead", endedAt: letter.diedAt, database)
        }
        try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO dead_letters(id, sequence, state, position, event_id, source, type, handler, route, class,
                  reason, attempts, "group", redrives, died_at, event)
                VALUES(?, ?, 'kept', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            "\(id)", Int64(clamping: id.sequence),
            letter.delivery.position == .max ? nil : Int64(clamping: letter.delivery.position), event.id, event.source,
            event.type, event["dlqhandler"] ?? "", event["dlqroute"] ?? "", event["dlqclass"] ?? "",
            event["dlqreason"] ?? "", event["dlqattempts"].flatMap { Int($0) } ?? 0, event["dlqprint"] ?? "",
            event["dlqredrives"].flatMap { Int($0) } ?? 0, UnixTime.text(letter.diedAt),
            String(decoding: letter.event, as: UTF8.self),
        ])
    }

    private mutating func take(_ operation: OperationRecord, at time: UInt64, _ database: Database) throws {
        let change =
            switch operation.kind {
            case .redrive, .redirect: "state = 'redriven'"
            case .purge: "state = 'purged'"
            case .edit: "edited = 1"
            }
        try database.cachedStatement(
            sql: "UPDATE dead_letters SET \(change), changed_by = ?, changed_at = ? WHERE id = ?"
        ).execute(arguments: [operation.who, UnixTime.text(operation.at), "\(operation.letter)"])
        switch operation.kind {
        case .edit: break
        case .purge: try set(operation.delivery, "purged", endedAt: operation.at, database)
        case .redrive, .redirect:
            try set(operation.delivery, "redriven", endedAt: operation.at, database)
            guard !operation.isAnew else { break }
            let target = DeliveryID(position: operation.delivery.position, handler: operation.target)
            // Pending anew, without attempts.
            fresh[target] = Fresh(route: try route(of: operation.delivery, database), acceptedAt: time)
            try insert(target, database)
        }
    }

    private func route(of id: DeliveryID, _ database: Database) throws -> UInt16 {
        let text = try String.fetchOne(
            database, sql: "SELECT route FROM deliveries WHERE position = ? AND handler = ?",
            arguments: [Int64(clamping: id.position), name(id.handler)])
        return text.flatMap { names.number(.route, $0) } ?? .max
    }

    // MARK: State

    /// A key as it is now; also those of a checkpoint.
    static func take(_ record: StateRecord, _ database: Database) throws {
        guard let value = record.value else {
            return try database.cachedStatement(sql: "DELETE FROM state WHERE handler = ? AND key = ?")
                .execute(arguments: [record.scope, record.key])
        }
        try database.cachedStatement(sql: "INSERT OR REPLACE INTO state VALUES(?, ?, ?, ?, ?, ?, ?)").execute(
            arguments: [
                record.scope, record.key, Data(value), Int64(bitPattern: record.revision),
                record.expires == 0 ? nil : UnixTime.text(record.expires),
                record.origin == .unknown ? nil : StableHash.text(record.origin.definition),
                record.origin == .unknown ? nil : Int64(clamping: record.origin.position),
            ])
    }

    // MARK: Counting

    private static let hour: UInt64 = 3_600_000_000_000

    private mutating func count(_ handler: UInt16, at time: UInt64, _ change: (inout Tally) -> Void) {
        change(&tallies[TallyKey(segment: segment, hour: time / Self.hour, handler: handler), default: Tally()])
    }

    private func name(_ handler: UInt16) -> String { names.name(.handler, handler) ?? "[\(handler)]" }
}

extension LogFrame {
    /// What the frame says beside its events.
    fileprivate var records: [LogRecord] {
        get throws(LogFormatError) {
            var records: [LogRecord] = []
            try view.forEachRecord { record throws(LogFormatError) in
                if case .event = record { return }
                records.append(record)
            }
            return records
        }
    }
}
