import ArgumentParser
import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRouting
import PatchbayRuntime
import PatchbayTelemetry

/// `patchbay replay`.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Deliver events of the log again.",
        discussion: """
            For logs in files. Events that were accepted in a window of time are accepted anew, as they are, for the \
            handlers that had them: nothing is routed anew and nothing is left out as a duplicate. The host that runs on \
            the data folder delivers them; when none does, this command runs one until everything is settled, as \
            `run --once` does, without its sources.

            Replayed events have the attribute patchbayreplay, as does what handlers emit from them; copies that \
            replays and redrives made are never replayed. Events that handlers emitted are left out, since their \
            handlers emit them again, except with --mute, --handler, --route or --into.

            With --mute, what handlers emit, write to their state and set as timers is thrown away; outcomes count, \
            and dead letters are kept. What a handler does outside of Patchbay cannot be muted.

            --compare runs the events that --handler had through it and through a candidate, each in a process of its own \
            and on a copy of the handler's state, and compares results, emitted events, state, timers and how long calls \
            take. Nothing is written to the log, nothing is retried, and streams are empty. Events that take longer than \
            the route's timeout are given up.

            EXIT CODES
              0    replayed; with --compare, no difference
              1    failed
              2    wrong usage or configuration
              3    replayed without a running host, and left dead letters; with --compare, there are differences
              130  ended by Ctrl-C, which also says how many events were replayed

            EXAMPLES
              patchbay replay -c patchbay.yaml --from -2h --dry-run
              patchbay replay --type 'com.acme.order.*' --from 2026-11-21T10:00:00Z --to 2026-11-21T11:00:00Z
              patchbay replay --handler billing.charge --from -1h --mute --speed 10x
              patchbay replay --type com.acme.order.created --into search.index --speed 500/s
              patchbay replay --handler billing.charge --from -1d --compare ./build/billing.so
            """)

    @OptionGroup var source: ConfigurationOptions
    @OptionGroup var selection: ReplaySelectionOptions

    @Option(help: ArgumentHelp("Deliver to this handler instead.", valueName: "module.handler"), completion: .handlers)
    var into: String?

    @Option(
        help: ArgumentHelp("1x is as they were accepted, then 10x, 500/s, or max.", valueName: "speed"),
        completion: .speeds)
    var speed = SpeedOption.max

    @Flag(help: "Handlers run, and what they emit, store and set is thrown away.")
    var mute = false

    @Flag(name: .customLong("dry-run"), help: "Only count what would be replayed.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "Compare --handler with another handler, or with another build of its module, and deliver nothing.",
            valueName: "module.handler|file.so"), completion: .modules)
    var compare: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard compare != nil else { return }
        if selection.handler == nil { throw ValidationError("--compare needs --handler: whose events are compared") }
        if into != nil || dryRun || mute {
            throw ValidationError("--compare delivers nothing: leave out --into, --dry-run and --mute")
        }
    }

    func run() throws {
        let interruption = Interruption()
        let preparation = try source.prepare()
        let log = preparation.configuration.log
        guard log.backend == .file else {
            throw Output.failure(
                "\(source.file) keeps its log in memory, which ends with the run: `log: {backend: file, path: ./data}` "
                    + "keeps it in files", code: 2)
        }
        var order = selection.order(now: pbs_unix_now())
        order.target = into
        order.isMuted = mute
        if let compare { throw try self.compare(with: compare, order, preparation, interruption) }
        var result = ReplayResult(order: order)
        if dryRun {
            result.isDryRun = true
            try preview(&result, try source.blueprint().1, log.path, interruption)
        } else if let client = ControlClient(folder: log.path) {
            result.isOnline = true
            try replay(&result, client, interruption)
        } else {
            try check(order, try source.blueprint().1, log.path)
            try runHost(&result, preparation)
        }
        if json { Output.json(result.value) } else { Output.line(result.text) }
        throw ExitCode(result.exitCode)
    }

    // MARK: Ways

    private func preview(
        _ result: inout ReplayResult, _ blueprint: Blueprint, _ folder: String, _ interruption: Interruption
    ) throws {
        let progress = ReplayLine()
        defer { progress.end() }
        do throws(ReplayError) {
            result.progress = try ReplayPreview.count(
                result.order, folder: folder, handlers: Set(blueprint.handlers)
            ) {
                progress.show($0)
                return !interruption.wait(0)
            }
        } catch {
            throw Output.failure(error.description, code: 2)
        }
    }

    /// Before a host is started for it.
    private func check(_ order: ReplayOrder, _ blueprint: Blueprint, _ folder: String) throws {
        do {
            try ReplayPreview.check(order, folder: folder, handlers: Set(blueprint.handlers))
        } catch {
            throw Output.failure(error.description, code: 2)
        }
    }

    /// Asks the host step by step.
    private func replay(_ result: inout ReplayResult, _ client: ControlClient, _ interruption: Interruption) throws {
        let progress = ReplayLine()
        var pace = ReplayPace(speed.speed, stepMax: ControlProtocol.replayEventsMax)
        var place = ReplayPlace()
        var until: UInt64?
        do throws(ControlFailure) {
            defer { progress.end() }
            while !result.progress.isAtEnd {
                guard !interruption.wait(pace.wait(now: pbs_now())) else { return }
                let now = pbs_now()
                let answer = try client.replay(
                    ReplayRequest(
                        result.order, at: place, until: until, events: pace.step, before: pace.before(now: now)),
                    by: DeadLetterCommand.user, isGivenUp: { interruption.isPressing() })
                pace.did(Int(answer.counts.events), nextAt: answer.nextAt, now: now)
                place = answer.place
                until = answer.until
                result.progress.counts += answer.counts
                result.progress.share = ReplayProgress.share(of: place.frame, from: answer.first, to: answer.until)
                result.progress.isAtEnd = answer.isAtEnd
                progress.show(result.progress)
            }
        } catch {
            guard error.code != .interrupted else { return }
            let isUsage = error.code == .replay || error.code == .handler
            throw Output.failure(
                result.progress.counts.events == 0 ? error.message : "\(error.message); before that: \(result.text)",
                code: isUsage ? 2 : 1)
        }
    }

    /// Runs a host that does nothing else.
    private func runHost(_ result: inout ReplayResult, _ preparation: Preparation) throws {
        TelemetryLogging.bootstrap(level: .notice, format: .human, colour: Output.isTerminal(STDERR_FILENO))
        var options = HostOptions(logger: Logger(label: "patchbay"))
        options.once = true
        options.version = Version.text
        options.watchesCrashes = true
        options.replay = (result.order, speed.speed)
        let host: Host
        do {
            host = try Host(preparation, options: options)
            try host.start()
            try HostSignals.take(for: host, options.logger)
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
        let progress = Output.isTerminal(STDERR_FILENO) ? ProgressLine(host) : nil
        let report = host.wait()
        progress?.end()
        result.progress = host.replayProgress
        result.report = report
    }
}

/// Which events.
struct ReplaySelectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Whose type matches; * and ** as in routes.", valueName: "pattern"))
    var type: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Accepted at this time or later: RFC 3339, or before now, such as -2h.", valueName: "time"))
    var from: TimePoint?

    @Option(parsing: .unconditional, help: ArgumentHelp("Accepted before this time.", valueName: "time"))
    var to: TimePoint?

    @Option(help: ArgumentHelp("Only what this route delivered.", valueName: "route"), completion: .routes)
    var route: String?

    @Option(help: ArgumentHelp("Only what this handler got.", valueName: "module.handler"), completion: .handlers)
    var handler: String?

    func validate() throws {
        if let type, let problem = TypePattern.problem(of: type) {
            throw ValidationError("--type '\(type)': \(problem)")
        }
    }

    func order(now: UInt64) -> ReplayOrder {
        var order = ReplayOrder(id: ReplayOrder.newID(random: .random(in: 0 ... .max)))
        order.type = type
        order.from = from?.time(now: now)
        order.to = to?.time(now: now)
        order.route = route
        order.handler = handler
        return order
    }
}
