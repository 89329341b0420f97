import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// A data folder and what it brings to a run: what is pending, how handlers' state and timers stand.
struct DataFolder: Sendable {
    let writer: LogWriter
    let log: FileLog
    let pending: PendingWork
    let deduplicator: Deduplicator

    /// Events in memory at a time, in bytes.
    private static let memoryBytes = 128 << 20

    /// Opens the folder and folds its log; state and timers are put in place.
    ///
    /// `identity` is for a log that is made anew; `names` are the plan's routes and, by lane, handlers; `fingerprint` is
    /// the configuration's; `deduplicator` is as the plan makes it.
    static func open(
        _ configuration: Configuration.Log, identity: UInt64, names: (routes: [String], handlers: [String]),
        fingerprint: String,
        state: StateStore, timers: TimerStore, deduplicator: Deduplicator, doorbell: Doorbell, logger: Logger
    ) throws(LogError) -> DataFolder {
        let storage = try logged { () throws(StorageError) in try FileStorage(configuration.path, create: true) }
        let lock = try FolderLock(folder: storage.path)
        let fold = HandlerFold(state: state)
        var settings = settings(configuration)
        settings.identity = identity
        let opened = try OpenedLog(storage, lock: lock, settings: settings, extra: fold.extra, other: fold.section)
        try fold.setTimers(timers)
        let deduplicator = try fold.admitted(to: deduplicator, routes: names.routes, opened.ledger.names)
        let pending = PendingWork(opened.ledger, handlers: names.handlers, delayed: try fold.delayedEvents())
        report(opened.report, opened.skipped, pending, to: logger)
        let committer = try opened.committer(
            routes: names.routes, handlers: names.handlers, configuration: fingerprint, unixNow: pbs_unix_now())
        let writer = LogWriter(committer, dispatcher: doorbell, report: { report($0, to: logger) })
        return DataFolder(
            writer: writer, log: FileLog(writer, memoryBytes: memoryBytes), pending: pending,
            deduplicator: deduplicator)
    }

    static func settings(_ configuration: Configuration.Log) -> LogSettings {
        var settings = LogSettings()
        settings.sync =
            switch configuration.sync {
            case .always: .always
            case .interval: .interval(configuration.syncInterval.nanosecondsForClock)
            case .never: .never
            }
        settings.retentionAge = configuration.retention.age.nanosecondsForClock
        settings.retentionBytes = configuration.retention.bytes
        // For tests with crashes: small segments bring a log's rare moments about often.
        if let text = getenv("PATCHBAY_LOG_SEGMENT_BYTES"), let bytes = Int(String(cString: text)), bytes >= 4_096 {
            settings.segmentBytes = bytes
            settings.checkpointBytes = bytes
        }
        return settings
    }

    /// Of the disk, while the host runs.
    private static func report(_ failure: LogError?, to logger: Logger) {
        if let failure {
            logger.critical(
                "the log cannot be written: sources wait, and what was accepted is kept; trying again",
                metadata: ["error": "\(failure)"])
        } else {
            logger.notice("the log is written again")
        }
    }

    private static func report(
        _ report: RecoveryReport, _ skipped: [CheckpointStore.Skipped], _ pending: PendingWork, to logger: Logger
    ) {
        for checkpoint in skipped {
            logger.warning("a checkpoint is not whole and was passed over: \(checkpoint.path): \(checkpoint.reason)")
        }
        for cut in report.cuts {
            logger.warning(
                "the log's last write was not finished; what was not accepted of it was cut off",
                metadata: ["segment": "\(cut.segment)", "offset": "\(cut.offset)", "bytes": "\(cut.bytes)"])
        }
        if pending.count > 0 {
            logger.info("going on with \(pending.count) deliveries that an earlier run left pending")
        }
        for handler in pending.orphaned {
            logger.warning(
                "\(handler.count) deliveries wait for the handler '\(handler.handler)', which this configuration has not"
            )
        }
    }
}

/// What an earlier run left: deliveries by handler, oldest first, what is known of those that failed before, and emitted
/// events that are to come in later.
struct PendingWork: Sendable {
    private(set) var backlog: [String: [PendingEvents]] = [:]
    private(set) var resumed: [DeliveryID: ResumedDelivery] = [:]
    /// Handlers that have deliveries and that this run does not have, with how many.
    private(set) var orphaned: [(handler: String, count: Int)] = []
    /// Deliveries that are taken over.
    private(set) var count: UInt64 = 0
    let delayed: [(due: UInt64, reentry: Reentry)]

    init(_ ledger: borrowing Ledger, handlers: [String], delayed: [(due: UInt64, reentry: Reentry)]) {
        self.delayed = delayed
        let known = Set(handlers)
        let unixOffset = pbs_unix_now() &- pbs_now()
        for (number, name) in ledger.names.names(.handler).enumerated() {
            let handler = UInt16(number)
            let waiting = ledger.pendingCount(of: handler)
            guard waiting > 0 else { continue }
            guard known.contains(name) else {
                orphaned.append((name, waiting))
                continue
            }
            backlog[name] = Array(ledger.pending(handler))
            count += UInt64(waiting)
        }
        for (id, failure) in ledger.failedDeliveries {
            resumed[id] = ResumedDelivery(failure, unixOffset: unixOffset)
        }
    }
}

/// Folds what the log says of handlers' state and timers.
private final class HandlerFold {
    private let state: StateStore
    private var timers: [String: TimerRecord] = [:]
    /// Events that handlers emitted for later, by their ids.
    private var delayed: [String: TimerRecord] = [:]
    private let codec = CloudEventsCodec.ofStored()
    /// Windows of routes as the checkpoint has them.
    private var windows: [(route: String, bytes: [UInt8])] = []
    /// Admitted since.
    private var admitted: [DeduplicationRecord] = []

    init(state: StateStore) { self.state = state }

    /// A part of a checkpoint.
    func extra(_ name: String, _ bytes: [UInt8]) throws(LogFormatError) {
        let kind: SectionKind
        switch name {
        case CheckpointParts.state: kind = .state
        case CheckpointParts.timers: kind = .timers
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
            case .state: state.restore(try StateRecord(&reader).change)
            case .timers: take(try TimerRecord(&reader))
            case .deduplication: admitted.append(try DeduplicationRecord(&reader))
            default: return
            }
        }
    }

    private func take(_ record: TimerRecord) {
        switch record.change {
        case .set: timers["\(record.scope)\u{0}\(record.key)"] = record
        case .cancelled, .fired: timers["\(record.scope)\u{0}\(record.key)"] = nil
        case .delayed: delayed[record.key] = record
        case .released: delayed[record.key] = nil
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
        for record in delayed.values.sorted(by: { $0.due < $1.due }) {
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

/// The names of what the host adds to checkpoints.
enum CheckpointParts {
    static let state = "state"
    static let timers = "timers"
    static let deduplication = "deduplication"

    /// How state, timers and deduplication stand now; encoded later. `routes` are the plan's, by name.
    static func extras(
        state: StateStore, timers: TimerStore, delayed: [(due: UInt64, event: Event)], deduplicator: Deduplicator,
        routes: [String]
    ) -> [CheckpointExtra] {
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
            CheckpointExtra(name: Self.deduplication) { writer in
                for (route, window) in deduplicator.kept {
                    writer.append(counted: routes[route])
                    let length = writer.skip(8)
                    window.encode(to: &writer)
                    writer.set(UInt64(writer.count - length - 8), at: length)
                }
            },
        ]
    }

    /// The windows of routes, by name.
    static func windows(_ bytes: [UInt8]) throws(LogFormatError) -> [(route: String, bytes: [UInt8])] {
        try bytes.withUnsafeBufferPointer { bytes throws(LogFormatError) in
            var reader = ByteReader(UnsafeRawBufferPointer(bytes))
            var windows: [(route: String, bytes: [UInt8])] = []
            while !reader.isAtEnd {
                let route = try reader.nextCountedText()
                let length = Int(clamping: try reader.next(UInt64.self))
                windows.append((route, [UInt8](try reader.take(length))))
            }
            return windows
        }
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
