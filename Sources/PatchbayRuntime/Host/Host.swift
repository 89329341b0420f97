import CPatchbayJSON
import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry
import PatchbayTransfers
import Synchronization

/// A running Patchbay: modules loaded, sources read, events dispatched, until it has finished or is told to end.
///
/// `start`, then `wait`. `drain` and `stop` from any thread, such as a signal's.
package final class Host: Sendable {
    private let configuration: Configuration
    private let blueprint: Blueprint
    private let options: HostOptions
    private let handlers: HandlerSet
    private let shadows: ShadowSet
    let versions: VersionKeeper
    private let reloader: Reloader
    /// With `reload.watch`; from `start` to the end of `wait`.
    private let watch = Mutex<ConfigurationWatch?>(nil)
    private let tracer: Tracer
    private let metrics: MetricsRegistry
    /// `nil` when no call is recorded.
    private let recorder: CallRecorder?
    /// Runs from `start` to the end of `wait`.
    private let metricsExporter = Mutex<OTLPMetricsExporter?>(nil)
    private let dispatcher: Dispatcher
    private let letters: DeadLetterWriter
    /// With `log.backend: file`; from `start` on.
    private let dataFolder = Mutex<DataFolder?>(nil)
    private let log: HostLog
    private let sources: [RunningSource]
    /// The one source, of a host that only replays.
    private let replay: ReplaySource?
    private let emitted: IntakeCounters
    /// What operators let come in again.
    private let operated: IntakeCounters
    /// Dead letters that were purged since their route keeps them no longer.
    private let expired = IntakeCounters.Count()
    /// With a log in files or `HostOptions.controlPath`; from `start` on.
    private let control = Mutex<ControlServer?>(nil)
    private let problems = Mutex<[String]>([])
    private let failedSources = Atomic<Int>(0)
    /// Nanoseconds that the end of a run leaves a collector for the last spans and metrics.
    private static let telemetryPatience: UInt64 = 5_000_000_000

    /// One source with its thread's belongings.
    private struct RunningSource: Sendable {
        var source: any EventSource
        var port: IntakePort
        var counters: IntakeCounters
        var number: Int
    }

    private let threads = Mutex<[OwnThread]>([])
    private let intakeSetup: Intake.Setup
    private let environment: HostEnvironment
    /// With a log in files, the number that it has or is to be given.
    private let logIdentity: UInt64

    /// Loads the modules and sets everything up; nothing is read yet.
    package init(_ preparation: Preparation, options: HostOptions) throws(HostError) {
        self.options = options
        configuration = preparation.configuration
        preparation.catalogue.report(to: options.logger)
        let seed = options.seed == 0 ? UInt64.random(in: 1 ... .max) : options.seed
        do {
            // The log keeps deliveries with the hashes of their keys: those of the next run have to be the same.
            let isKept = configuration.log.backend == .file
            logIdentity = try isKept ? LogIdentity.read(folder: configuration.log.path) ?? seed : seed
            blueprint = try Blueprint(configuration, seed: logIdentity)
        } catch {
            throw HostError("\(error)")
        }
        // Before any code of a module runs.
        let crashes = options.watchesCrashes ? CrashWatch.begin(configuration, options) : CrashWatch.Findings()
        let preparation = preparation.isolating(crashes.code) { name in
            options.logger.warning(
                "'\(name)' runs in a process of its own this time: an earlier run ended in a crash there")
        }
        tracer = try Tracing.tracer(configuration, options: options, seed: seed)
        metrics = MetricsRegistry()
        let blueprint = blueprint
        let doorbell = Doorbell()
        let table = CallTable(
            capacity: Dispatcher.callCapacity(
                maxInFlight: blueprint.lanes.map { blueprint.maxInFlight($0) * max(1, $0.batching.count) }),
            doorbell: doorbell)
        var environment = HostEnvironment(
            version: options.version, calls: table, logger: options.logger, spans: HandlerSpans(tracer: tracer),
            metrics: metrics,
            transfers: TransferEngine(ConnectionWays(configuration.policies.connectionPools), metrics: metrics))
        environment.typeMatcher = TypePattern.matcher
        environment.limits.eventBytes = configuration.limits.eventBytes
        environment.limits.nesting = configuration.limits.nesting
        recorder = try Self.recorder(options)
        self.environment = environment
        handlers = try HandlerSet(
            preparation, handlers: blueprint.handlers, environment: environment, watch: recorder,
            logger: options.logger)
        try Self.check(options.recording?.bounds.handlers ?? [], among: handlers)
        shadows = try ShadowSet(preparation, blueprint, environment: environment, logger: options.logger)
        var dispatchOptions = Dispatcher.Options()
        dispatchOptions.endsWhenIdle = options.once
        dispatchOptions.emitDepthMax = configuration.limits.emitDepth
        dispatchOptions.seed = seed
        dispatchOptions.suspects = crashes.suspects
        // A log in memory has the bound itself.
        if configuration.log.backend == .file {
            dispatchOptions.pendingBytesMax = configuration.log.pendingBytesMax ?? 0
        }
        let (store, scopes) = (environment.state, blueprint.lanes.map(\.scope))
        do {
            var plan = try blueprint.dispatchPlan(handlers: handlers.byName) { lane, key in
                store.value(of: key, in: scopes[lane], now: pbs_unix_now())
            }
            shadows.join(&plan)
            dispatcher = Dispatcher(
                plan: plan, table: table, doorbell: doorbell, tracer: tracer, options: dispatchOptions)
        } catch {
            throw HostError("\(error)")
        }
        versions = VersionKeeper(
            handlers: handlers, dispatcher: dispatcher, configuration: configuration,
            trust: preparation.catalogue.trust, logger: options.logger)
        log = HostLog(
            logger: options.logger, lanes: blueprint.lanes.map(\.name),
            routes: dispatcher.plan.routes.map(\.name))
        let (dispatcher, logger) = (dispatcher, options.logger)
        letters = DeadLetterWriter(
            path: options.deadLetterPath, buried: { dispatcher.buried($0) }, report: { logger.error("\($0)") })
        let live = LiveRouting(
            Routing(
                table: blueprint.table, plan: blueprint.plan, unmatched: Self.unmatched(configuration.unmatched)))
        reloader = Reloader(
            preparation, first: blueprint, seed: logIdentity, live: live, keeper: versions, logger: options.logger)
        intakeSetup = Intake.Setup(
            table: blueprint.table, plan: blueprint.plan,
            limits: pbj_limits(
                event_bytes: UInt32(clamping: configuration.limits.eventBytes),
                nesting: UInt32(clamping: configuration.limits.nesting)),
            unmatched: Self.unmatched(configuration.unmatched), laneHandlers: blueprint.lanes.map(\.handler),
            tracer: tracer, continuesTrace: configuration.telemetry.context == .parent, live: live)
        emitted = IntakeCounters(name: "handlers")
        operated = IntakeCounters(name: "operators")
        var sources: [RunningSource] = []
        replay = options.replay.map { ReplaySource($0.order, $0.speed) }
        let made: [any EventSource] =
            replay.map { [$0] } ?? SourceFactory.sources(configuration, once: options.once, logger: logger)
        for (number, source) in made.enumerated() {
            sources.append(
                RunningSource(
                    source: source, port: dispatcher.makePort(), counters: IntakeCounters(name: source.name),
                    number: number))
        }
        self.sources = sources
        metrics.observe { [weak self] in self.map { HostMetrics.metrics($0.progress) } ?? [] }
    }

    /// Starts the threads: dispatcher, workers, dead letters, sources.
    package func start() throws(HostError) {
        do {
            let exporter = try Tracing.metricsExporter(metrics, configuration, options: options)
            metricsExporter.withLock { $0 = exporter }
            try letters.start()
            try shadows.start()
            try startDispatcher()
            if configuration.reload.watch {
                let watch = try ConfigurationWatch(reloader)
                self.watch.withLock { $0 = watch }
            }
            for source in sources {
                let thread = try OwnThread("pb-src-\(source.number)") { self.run(source) }
                threads.withLock { $0.append(thread) }
            }
        } catch {
            throw HostError("\(error)")
        }
    }

    private func startDispatcher() throws {
        guard configuration.log.backend == .file else {
            let log = MemoryLog(boundBytes: configuration.log.pendingBytesMax ?? .max)
            try openSubscriptions()
            try dispatcher.start(log: log, host: dispatchHost())
            guard let path = options.controlPath else { return }
            return try startControl(at: path, service: VersionService(versions, reloader))
        }
        let folder = try DataFolder.open(
            configuration.log, identity: logIdentity, names: dispatcher.names,
            fingerprint: EffectiveConfiguration(configuration).fingerprint, state: environment.state,
            timers: environment.timers, streams: environment.streams, subscriptions: environment.subscriptions,
            deduplicator: Deduplicator(dispatcher.plan), doorbell: dispatcher.doorbell, logger: options.logger)
        try openSubscriptions()
        let pending = folder.pending
        var host = dispatchHost()
        host.keep(
            in: folder, blueprint, routes: dispatcher.names.routes, state: environment.state,
            timers: environment.timers, subscriptions: environment.subscriptions, tracer: tracer,
            logger: options.logger)
        try folder.writer.start()
        try dispatcher.start(
            log: folder.log, host: host, backlog: pending.backlog, delayed: pending.delayed,
            deduplicator: folder.deduplicator)
        dataFolder.withLock { $0 = folder }
        let (writer, port) = (folder.writer, dispatcher.control)
        reloader.name { (fingerprint) throws(VersionError) in
            try Self.name(fingerprint, in: writer, through: port)
        }
        let site = ReplaySite(
            writer: folder.writer, places: DeliveryPlaces(folder.log.numbers, blueprint), names: dispatcher.names)
        replay?.begin(at: site)
        try startControl(folder, site)
    }

    /// With the streams and the subscriptions that the log has in place.
    private func openSubscriptions() throws(ThreadError) {
        let doorbell = dispatcher.doorbell
        try environment.subscriptions.open(
            environment.streams, typeMatcher: environment.typeMatcher, logger: options.logger, wake: { doorbell.ring() }
        )
    }

    /// Takes operators' requests from here on.
    private func startControl(_ folder: DataFolder, _ site: ReplaySite) throws {
        let service = ControlService(
            writer: folder.writer, port: dispatcher.control, replays: site, streams: environment.streams,
            subscriptions: environment.subscriptions, setup: intakeSetup, number: sources.count + 1, counters: operated,
            retention: LetterRetention(
                Dictionary(
                    configuration.routes.map { ($0.name, $0.deadLetter.retention.nanosecondsForClock) },
                    uniquingKeysWith: { first, _ in first })),
            expired: expired, versions: VersionService(versions, reloader), logger: options.logger)
        try startControl(at: ControlProtocol.path(folder: configuration.log.path), service: service)
    }

    private func startControl(at path: String, service: any ControlAnswering) throws(ThreadError) {
        let server = ControlServer(path: path, service: service, logger: options.logger)
        try server.start()
        control.withLock { $0 = server }
    }

    /// Reads the configuration file anew and takes it over, or says in the log why not. Does not wait for that.
    /// [any thread]
    package func reload(by who: String) {
        do throws(ThreadError) {
            try OwnThread("pb-reload") { [reloader] in
                reloader.reload(by: who)
            }.detach()
        } catch {
            options.logger.error("reload by \(who): \(error)")
        }
    }

    /// The log's number of a configuration, once it is on disk.
    private static func name(
        _ fingerprint: String, in writer: PatchbayLog.LogWriter, through port: ControlPort
    ) throws(VersionError) -> UInt16 {
        let found = writer.ask { ledger in
            (ledger.names.number(.configuration, fingerprint), ledger.names.nextNumber(.configuration))
        }
        guard let (known, next) = found else { throw VersionError("the host ends") }
        if let known { return known }
        guard let next else { throw VersionError("the data folder has no room for another configuration's name") }
        var change = ControlChange()
        change.names = [NameRecord(.configuration, next, fingerprint)]
        guard port.commit(change) else { throw VersionError("the host ends") }
        return next
    }

    /// Takes nothing more in and lets what is pending finish, for as long as `shutdown.drain` says.
    package func drain() {
        for source in sources { source.source.stop() }
        control.withLock { $0 }?.stop()
        let nanoseconds = reloader.configuration.shutdown.drain.nanosecondsForClock
        dispatcher.drain(deadline: pbs_now().addingReportingOverflow(nanoseconds).partialValue)
    }

    /// Ends at once; what is pending is written down.
    package func stop() {
        for source in sources { source.source.stop() }
        dispatcher.stop()
        environment.transfers?.stop()
    }

    /// Waits for the end, tidies up, and says what happened.
    package func wait() -> RunReport {
        let ended = dispatcher.join()
        environment.subscriptions.end()
        for source in sources { source.source.stop() }
        for thread in threads.withLock({ $0 }) { thread.join() }
        control.withLock { $0.take() }?.end()
        watch.withLock { $0.take() }?.end()
        versions.end()
        letters.end()
        if let problem = letters.problem { problems.withLock { $0.append("dead letters are not written: \(problem)") } }
        let folder = dataFolder.withLock { $0.take() }
        let log = endLog(folder)
        var report = report(ended)
        let unread = sources.flatMap { $0.port.unread() }
        report.pendingDeliveries = UInt64(ended?.pendingDeliveries ?? 0)
        report.unread = UInt64(unread.reduce(ended?.unread ?? 0) { $0 + $1.count })
        report.pendingWritten = writePending(
            (ended?.pending ?? []) + unread.flatMap(\.pendingLines) + (folder == nil ? setTimers : []))
        if let log, log.pending != report.pendingDeliveries + log.orphaned {
            problems.withLock {
                $0.append(
                    "conservation: \(log.pending) deliveries are pending in the log, \(report.pendingDeliveries) here, "
                        + "\(log.orphaned) for no handler")
            }
        }
        report.log = log
        if log != nil {
            report.deadLetterPath = "the log"
            report.deadLettersWritten = report.dead
        }
        // Whoever still waits for an answer gets one before its handler is destroyed.
        environment.transfers?.stop()
        let misbehaviour = shadows.end() + handlers.end(openCalls: ended?.status.callsOpen ?? 0)
        report.misbehaviour = misbehaviour
        report.shadows = shadows.reports
        recorder?.endClosed()
        report.recording = recorder?.progress
        let telemetryDeadline = TelemetryClock.monotonicNow() &+ Self.telemetryPatience
        let metricsExporter = metricsExporter.withLock { $0.take() }
        metricsExporter?.beginShutdown(by: telemetryDeadline)
        tracer.shutdown(by: telemetryDeadline)
        metricsExporter?.shutdown(by: telemetryDeadline)
        let spans = tracer.counts
        report.spans = RunReport.Spans(
            recorded: spans.recorded, exported: spans.exported, dropped: spans.dropped, refused: spans.refused)
        report.problems = problems.withLock { $0 } + tracer.diskErrors.map { "spans were lost: \($0)" }
        if let problem = recorder?.progress.problem { report.problems.append("calls were not recorded: \(problem)") }
        report.metrics = metrics.snapshot()
        if let drift = report.drift {
            options.logger.critical("events or deliveries are unaccounted for: \(drift)")
            report.problems.append("conservation: \(drift)")
        }
        return report
    }

    /// Where it stands, for progress lines. [any thread]
    package var progress: RunReport { report(nil) }

    /// How far the replay is that this host was started for. [any thread]
    package var replayProgress: ReplayProgress { replay?.progress ?? ReplayProgress() }

    // MARK: Private

    /// Writes what is left to write, and says how the log stands then.
    private func endLog(_ folder: DataFolder?) -> RunReport.Log? {
        guard let folder else { return nil }
        let lost = folder.writer.end()
        let status = folder.writer.status
        if let failure = status.failure {
            let problem = "the log could not be written to the end: \(failure)"
            options.logger.critical("\(problem)", metadata: ["writes": "\(lost.count)"])
            problems.withLock { $0.append(problem) }
        }
        if let drift = status.drift { problems.withLock { $0.append("conservation: \(drift)") } }
        return RunReport.Log(
            path: configuration.log.path, resumed: folder.pending.count, pending: status.counts.pending,
            orphaned: folder.pending.orphaned.reduce(0) { $0 + UInt64($1.count) }, expired: expired.current)
    }

    private var pastEvents: PastEvents? {
        guard let reader = dataFolder.withLock({ $0?.writer.reader }) else { return nil }
        do throws(LogError) {
            let since = try reader.segments.first?.createdAt ?? .max
            return PastEvents(since: since) { (source, id) throws(LogError) in
                try reader.find(source: source, id: id) != nil
            }
        } catch {
            options.logger.error("what earlier runs took in is not known: \(error)")
            return nil
        }
    }

    private func run(_ running: RunningSource) {
        defer { running.port.end() }
        let intake = Intake(
            intakeSetup, name: running.source.name, number: running.number, counters: running.counters)
        let name = running.source.name
        let lane = SourceLane(
            intake: intake, port: running.port, number: running.number, eventBytesMax: configuration.limits.eventBytes,
            refused: { self.log.refusal(name, $0.line, $0.message) }, past: pastEvents)
        do {
            try running.source.run(lane)
        } catch {
            options.logger.error("\(error)")
            problems.withLock { $0.append("\(error)") }
            let failed = failedSources.wrappingAdd(1, ordering: .relaxed).newValue
            if failed == sources.count {
                options.logger.error("every source has failed: nothing more can come in")
                drain()
            }
        }
        for error in intake.routingErrors() {
            options.logger.warning(
                "\(error.count) events of \(name) could not be compared with route \(blueprint.table.routes[error.route].name)",
                metadata: ["last": "\(routingError(error.text, ofRoute: error.route))"])
        }
    }

    /// `match: what failed` without secrets.
    private func routingError(_ text: String, ofRoute route: Int) -> String {
        let place = text.prefix { $0 != ":" }
        let reason = String(text.dropFirst(place.count + 2))
        var text = configuration.redacted(reason, at: "routes[\(route)].\(place)")
        let live = reloader.configuration
        if let index = live.routes.firstIndex(where: { $0.name == blueprint.table.routes[route].name }) {
            text = live.redacted(text, at: "routes[\(index)].\(place)")
        }
        return "\(place): \(text)"
    }

    private func dispatchHost() -> DispatchHost {
        let reentry = ReentryIntake(
            intakeSetup, number: sources.count, counters: emitted, logger: options.logger)
        var host = DispatchHost(
            state: environment.state, timers: environment.timers, streams: environment.streams,
            subscriptions: environment.subscriptions,
            scopes: blueprint.lanes.map(\.scope),
            reenter: { reentry.batches(of: $0) },
            notice: { [log, handlers, blueprint] notice in
                log.notice(notice)
                switch notice {
                case .callClosed(let lane): handlers.count(.missingCompletion, of: blueprint.lanes[lane].handler)
                case .notPrompt(let lane, _): handlers.count(.slowCall, of: blueprint.lanes[lane].handler)
                default: break
                }
            },
            attemptFailed: { [log] in log.attempt($0) })
        host.bury = { [letters] in letters.add($0) }
        host.mayBury = { [letters] in letters.hasRoom }
        host.isBurying = { [letters] in letters.isBusy }
        host.spans = tracer.isOn ? environment.spans : nil
        return host
    }

    private func report(_ ended: DispatchEnd?) -> RunReport {
        let status = ended?.status ?? dispatcher.status
        var report = RunReport(status: status)
        for (index, source) in sources.enumerated() {
            let duplicate = status.duplicates.isEmpty ? 0 : status.duplicates[index]
            report.sources.append(RunReport.Source(source.counters, duplicate: duplicate))
        }
        if operated.received.current > 0 { report.sources.append(RunReport.Source(operated, duplicate: 0)) }
        report.input = InputExtent.sum(sources.map(\.source.extent))
        report.emits = RunReport.Source(emitted, duplicate: status.duplicates.last ?? 0)
        report.lanes = zip(blueprint.lanes, zip(status.lanes, status.limits)).map { lane, found in
            RunReport.Lane(name: lane.name, counts: found.0, limit: found.1)
        }
        report.versions = versions.counts
        report.reloads = reloader.counts
        report.shadows = shadows.reports
        report.deadLettersWritten = letters.written
        report.deadLetterPath = options.deadLetterPath
        report.once = options.once
        switch ended?.reason {
        case nil: report.end = "running"
        case .finished: report.end = "finished"
        case .stuck: report.end = "stuck"
        case .kept: report.end = "kept"
        case .deadline: report.end = "deadline"
        case .stopped: report.end = "stopped"
        }
        return report
    }

    /// The pending events, one a line; the path when there were any and they could be written.
    private func writePending(_ lines: [[UInt8]]) -> RunReport.Pending? {
        guard !lines.isEmpty else { return nil }
        var text: [UInt8] = []
        for line in lines { text += line + [0x0A] }
        let problem = AppendedFile.append(text, to: options.pendingPath)
        if let problem {
            options.logger.critical("\(lines.count) pending events are lost: \(problem)")
            problems.withLock { $0.append(problem) }
        }
        return RunReport.Pending(count: lines.count, path: problem == nil ? options.pendingPath : "")
    }

    /// The timers that are still set, as the events that they would have brought.
    private var setTimers: [[UInt8]] {
        environment.timers.takeAll().map { timer in
            var event = timer.event.event
            event.extensions.append(Event.Extension("pendinghandler", timer.scope.name))
            return event.json
        }
    }

    static func unmatched(_ policy: Configuration.Unmatched) -> Intake.Setup.Unmatched {
        switch policy {
        case .drop: .drop
        case .deadLetter: .deadLetter
        case .error: .refuse
        }
    }
}

extension Duration {
    /// Nanoseconds, 0 for negative ones, as far as a clock goes.
    var nanosecondsForClock: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, seconds < 9_000_000_000 else { return seconds < 0 ? 0 : .max / 2 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}
