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

    /// Opens the folder and folds its log; state, timers, streams and subscriptions are put in place.
    ///
    /// `identity` is for a log that is made anew; `fingerprint` is the configuration's; `deduplicator` is as the plan
    /// makes it.
    static func open(
        _ configuration: Configuration.Log, identity: UInt64, names: (routes: [String], handlers: [String]),
        fingerprint: String, state: StateStore, timers: TimerStore, streams: StreamStore,
        subscriptions: SubscriptionStore, deduplicator: Deduplicator, doorbell: Doorbell, logger: Logger
    ) throws(LogError) -> DataFolder {
        let storage = try logged { () throws(StorageError) in try FileStorage(configuration.path, create: true) }
        let lock = try FolderLock(folder: storage.path)
        var settings = settings(configuration)
        settings.identity = identity
        let now = pbs_now()
        return try open(
            storage, lock: lock, settings: settings, names: names, fingerprint: fingerprint, state: state,
            timers: timers, streams: streams, subscriptions: subscriptions, deduplicator: deduplicator,
            doorbell: doorbell, logger: logger, now: now, unixNow: pbs_unix_now())
    }

    /// The same with what the system gives passed in; `names` are the plan's routes and, by lane, handlers.
    static func open(
        _ storage: any LogStorage, lock: FolderLock?, settings: LogSettings,
        names: (routes: [String], handlers: [String]), fingerprint: String, state: StateStore, timers: TimerStore,
        streams: StreamStore, subscriptions: SubscriptionStore, deduplicator: Deduplicator, doorbell: Doorbell,
        logger: Logger, now: UInt64, unixNow: UInt64
    ) throws(LogError) -> DataFolder {
        let fold = HandlerFold(state: state, subscriptions: subscriptions)
        let opened = try OpenedLog(storage, lock: lock, settings: settings, extra: fold.extra, other: fold.section)
        try fold.setTimers(timers)
        let deduplicator = try fold.admitted(to: deduplicator, routes: names.routes, opened.ledger.names)
        let pending = PendingWork(
            opened.ledger, handlers: names.handlers, delayed: try fold.delayedEvents(), unixOffset: unixNow &- now)
        report(opened.report, opened.skipped, pending, to: logger)
        let known = opened.ledger.streams
        let committer = try opened.committer(
            routes: names.routes, handlers: names.handlers, configuration: fingerprint, unixNow: unixNow)
        let writer = LogWriter(
            committer, dispatcher: doorbell, report: { report($0, to: logger) },
            didCarry: { streams.carried($0, in: $1) })
        streams.open(known, reader: writer.reader)
        return DataFolder(
            writer: writer, log: FileLog(writer, memoryBytes: settings.memoryBytes), pending: pending,
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

    /// - Parameter unixOffset: Unix time minus monotonic time.
    init(
        _ ledger: borrowing Ledger, handlers: [String], delayed: [(due: UInt64, reentry: Reentry)], unixOffset: UInt64
    ) {
        self.delayed = delayed
        let known = Set(handlers)
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
