import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// A data folder and what it brings to a run: what is pending, how handlers' state and timers stand.
final class DataFolder: @unchecked Sendable {
    // Invariant: made and asked by the thread that sets the host up, before any other thread starts.

    private let state: StateStore
    private let timers: TimerStore
    /// Events that handlers emitted for later.
    private var delayed: [(due: UInt64, reentry: Reentry)] = []
    private var backlog: [String: [PendingEvents]] = [:]
    private var resumed: [DeliveryID: ResumedDelivery] = [:]
    /// Handlers that have deliveries and that this run does not have, with how many.
    private(set) var orphaned: [(handler: String, count: Int)] = []
    let writer: LogWriter
    let log: FileLog

    /// Events in memory at a time, in bytes.
    private static let memoryBytes = 128 << 20

    /// Opens the folder and folds its log; state and timers are put in place.
    ///
    /// `names` are the plan's routes and, by lane, handlers.
    init(
        _ configuration: Configuration.Log, names: (routes: [String], handlers: [String]), state: StateStore,
        timers: TimerStore, doorbell: Doorbell, logger: Logger
    ) throws(LogError) {
        self.state = state
        self.timers = timers
        let storage = try logged { () throws(StorageError) in try FileStorage(configuration.path, create: true) }
        let lock = try FolderLock(folder: storage.path)
        var fold = HandlerFold(state: state)
        let opened = try OpenedLog(storage, lock: lock, settings: Self.settings(configuration)) {
            (name, bytes) throws(LogFormatError) in
            try fold.take(extra: name, bytes)
        } other: { (kind, bytes) throws(LogFormatError) in
            try fold.take(kind, bytes)
        }
        let codec = CloudEventsCodec(eventBytes: 1 << 30, nesting: 1 << 16)
        for record in fold.delayed.values.sorted(by: { $0.due < $1.due }) {
            delayed.append((record.due, Reentry(event: try HandlerFold.event(record, codec))))
        }
        try fold.setTimers(timers)
        let known = Set(names.handlers)
        let now = pbs_now()
        let unixOffset = pbs_unix_now() &- now
        for (number, name) in opened.ledger.names.names(.handler).enumerated() {
            let handler = UInt16(number)
            let count = opened.ledger.pendingCount(of: handler)
            guard count > 0 else { continue }
            guard known.contains(name) else {
                orphaned.append((name, count))
                continue
            }
            backlog[name] = Array(opened.ledger.pending(handler))
        }
        for (id, failure) in opened.ledger.failedDeliveries {
            resumed[id] = ResumedDelivery(failure, unixOffset: unixOffset)
        }
        Self.report(opened.report, opened.skipped, opened.ledger.counts, orphaned, to: logger)
        writer = LogWriter(
            try opened.committer(routes: names.routes, handlers: names.handlers, unixNow: pbs_unix_now()),
            dispatcher: doorbell)
        log = FileLog(writer, memoryBytes: Self.memoryBytes)
    }

    /// Takes what is pending over; once.
    func takePending() -> (
        backlog: [String: [PendingEvents]], resumed: [DeliveryID: ResumedDelivery],
        delayed: [(due: UInt64, reentry: Reentry)]
    ) {
        defer {
            backlog = [:]
            resumed = [:]
            delayed = []
        }
        return (backlog, resumed, delayed)
    }

    private static func settings(_ configuration: Configuration.Log) -> LogSettings {
        var settings = LogSettings()
        settings.sync =
            switch configuration.sync {
            case .always: .always
            case .interval: .interval(configuration.syncInterval.nanosecondsForClock)
            case .never: .never
            }
        settings.retentionAge = configuration.retention.age.nanosecondsForClock
        settings.retentionBytes = configuration.retention.bytes
        settings.identity = UInt64.random(in: 1 ... .max)
        return settings
    }

    private static func report(
        _ report: RecoveryReport, _ skipped: [CheckpointStore.Skipped], _ counts: LedgerCounts,
        _ orphaned: [(handler: String, count: Int)], to logger: Logger
    ) {
        for checkpoint in skipped {
            logger.warning("a checkpoint is not whole and was passed over: \(checkpoint.path): \(checkpoint.reason)")
        }
        for cut in report.cuts {
            logger.warning(
                "the log's last write was not finished; what was not accepted of it was cut off",
                metadata: ["segment": "\(cut.segment)", "offset": "\(cut.offset)", "bytes": "\(cut.bytes)"])
        }
        if counts.pending > 0 {
            logger.info("going on with \(counts.pending) deliveries that an earlier run left pending")
        }
        for handler in orphaned {
            logger.warning(
                "\(handler.count) deliveries wait for the handler '\(handler.handler)', which this configuration has not")
        }
    }
}

/// Folds what the log says of handlers' state and timers.
private struct HandlerFold {
    let state: StateStore
    var timers: [String: TimerRecord] = [:]
    var delayed: [String: TimerRecord] = [:]

    init(state: StateStore) { self.state = state }

    mutating func take(extra name: String, _ bytes: [UInt8]) throws(LogFormatError) {
        let kind: SectionKind
        switch name {
        case CheckpointParts.state: kind = .state
        case CheckpointParts.timers: kind = .timers
        default: return
        }
        try bytes.withUnsafeBufferPointer { raw throws(LogFormatError) in
            try take(kind, UnsafeRawBufferPointer(raw))
        }
    }

    mutating func take(_ kind: SectionKind, _ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            switch kind {
            case .state: state.restore(try StateRecord(&reader).change)
            case .timers: take(try TimerRecord(&reader))
            default: return
            }
        }
    }

    private mutating func take(_ record: TimerRecord) {
        switch record.change {
        case .set: timers["\(record.scope)\u{0}\(record.key)"] = record
        case .cancelled, .fired: timers["\(record.scope)\u{0}\(record.key)"] = nil
        case .delayed: delayed[record.key] = record
        case .released: delayed[record.key] = nil
        }
    }

    func setTimers(_ store: TimerStore) throws(LogError) {
        let codec = CloudEventsCodec(eventBytes: 1 << 30, nesting: 1 << 16)
        for record in timers.values.sorted(by: { $0.due < $1.due }) {
            let event = try Self.event(record, codec)
            store.commit(
                [.set(id: record.key, event: EmittedEvent(event: event, notBefore: record.due))],
                of: HandlerScope(name: record.scope))
        }
    }

    static func event(_ record: TimerRecord, _ codec: CloudEventsCodec) throws(LogError) -> Event {
        do {
            return try codec.event(record.event)
        } catch {
            throw LogError(.corrupt, "the event of timer '\(record.key)' of \(record.scope): \(error)")
        }
    }
}

/// The names of what the host adds to checkpoints.
enum CheckpointParts {
    static let state = "state"
    static let timers = "timers"

    /// How state and timers stand now; encoded later.
    static func extras(state: StateStore, timers: TimerStore, delayed: [(due: UInt64, event: Event)])
        -> [CheckpointExtra]
    {
        let keys = state.snapshot()
        let set = timers.all()
        return [
            CheckpointExtra(name: Self.state) { writer in
                keys { StateRecord($0).write(to: &writer) }
            },
            CheckpointExtra(name: Self.timers) { writer in
                for timer in set {
                    TimerRecord(
                        .set, scope: timer.scope.name, key: timer.key, due: timer.event.notBefore,
                        event: timer.event.event.json
                    ).write(to: &writer)
                }
                for event in delayed {
                    TimerRecord(.delayed, scope: "", key: event.event.id, due: event.due, event: event.event.json)
                        .write(to: &writer)
                }
            },
        ]
    }
}

extension ResumedDelivery {
    init(_ failure: FailedDelivery, unixOffset: UInt64) {
        func monotonic(_ unix: UInt64) -> UInt64 { unix > unixOffset ? unix - unixOffset : unix == 0 ? 0 : 1 }
        self.init(
            attempts: failure.attempts, firstStart: monotonic(failure.firstStart), previousDelay: failure.previousDelay,
            due: failure.isHalted ? 0 : monotonic(failure.due),
            failures: failure.history.map {
                PastAttempt(
                    number: Int($0.number), endedAt: $0.endedAt, nanoseconds: $0.duration,
                    failureClass: $0.failureClass, code: $0.code, reason: $0.reason)
            })
    }
}
