import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// Folds what the log says of handlers' state, timers and subscriptions.
final class HandlerFold {
    private let state: StateStore
    private let subscriptions: SubscriptionStore
    private var timers: [String: TimerRecord] = [:]
    /// Events that handlers emitted for later, by their ids, which are unique with their sources only: earliest first.
    private var delayed: [String: [TimerRecord]] = [:]
    private let codec = CloudEventsCodec.ofStored()
    /// Windows of routes as the checkpoint has them.
    private var windows: [(route: String, bytes: [UInt8])] = []
    /// Admitted since.
    private var admitted: [DeduplicationRecord] = []

    init(state: StateStore, subscriptions: SubscriptionStore) {
        self.state = state
        self.subscriptions = subscriptions
    }

    /// A part of a checkpoint.
    func extra(_ name: String, _ bytes: [UInt8]) throws(LogFormatError) {
        let kind: SectionKind
        switch name {
        case CheckpointParts.state: kind = .state
        case Checkpoint.stateWithoutOriginName: kind = .stateWithoutOrigin
        case CheckpointParts.timers: kind = .timers
        case CheckpointParts.subscriptions: kind = .subscriptions
        case CheckpointParts.deduplication:
            windows = try CheckpointParts.windows(bytes)
            return
        default: return
        }
        try bytes.withUnsafeBufferPointer { raw throws(LogFormatError) in
            try section(kind, UnsafeRawBufferPointer(raw))
        }
    }

    func section(_ kind: SectionKind, _ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            switch kind {
            case .state, .stateWithoutOrigin:
                state.restore(try StateRecord(&reader, hasOrigin: kind == .state).change)
            case .timers: take(try TimerRecord(&reader))
            case .subscriptions: subscriptions.restore(try SubscriptionRecord(&reader))
            case .deduplication: admitted.append(try DeduplicationRecord(&reader))
            default: return
            }
        }
    }

    private func take(_ record: TimerRecord) {
        switch record.change {
        case .set: timers["\(record.scope)\u{0}\(record.key)"] = record
        case .cancelled, .fired: timers["\(record.scope)\u{0}\(record.key)"] = nil
        case .delayed:
            let later = delayed[record.key, default: []].firstIndex { $0.due > record.due }
            delayed[record.key, default: []].insert(record, at: later ?? delayed[record.key, default: []].count)
        case .released:
            if delayed[record.key]?.isEmpty == false { delayed[record.key]?.removeFirst() }
        }
    }

    func setTimers(_ store: TimerStore) throws(LogError) {
        for record in timers.values.sorted(by: { $0.due < $1.due }) {
            let event = try event(record)
            store.commit(
                [.set(id: record.key, event: EmittedEvent(event: event, notBefore: record.due))],
                of: HandlerScope(name: record.scope))
        }
    }

    /// `deduplicator` with what its routes have taken; routes are known by their names.
    func admitted(
        to deduplicator: Deduplicator, routes: [String], _ names: NameTable
    ) throws(LogError) -> Deduplicator {
        var deduplicator = deduplicator
        let places = Dictionary(routes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        do {
            for window in windows {
                if let route = places[window.route] { try deduplicator.restore(route, window.bytes) }
            }
        } catch {
            throw LogError(.corrupt, "the deduplication windows of the checkpoint: \(error)")
        }
        for record in admitted {
            guard let name = names.name(.route, record.route), let route = places[name] else { continue }
            deduplicator.restore(route, record.key, time: record.time)
        }
        return deduplicator
    }

    /// Earliest first.
    func delayedEvents() throws(LogError) -> [(due: UInt64, reentry: Reentry)] {
        var events: [(due: UInt64, reentry: Reentry)] = []
        for record in delayed.values.joined().sorted(by: { $0.due < $1.due }) {
            events.append((record.due, Reentry(event: try event(record))))
        }
        return events
    }

    private func event(_ record: TimerRecord) throws(LogError) -> Event {
        do {
            return try codec.event(record.event)
        } catch {
            throw LogError(.corrupt, "the event of timer '\(record.key)' of \(record.scope): \(error)")
        }
    }
}
