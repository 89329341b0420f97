import ArgumentParser
import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRuntime
import PatchbayTelemetry

/// `patchbay run`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Load the modules, read the sources, deliver the events.",
        discussion: """
            The first SIGINT or SIGTERM drains: nothing more is taken in, what is pending may finish until \
            shutdown.drain is over. The second one stops at once (two within a tenth of a second are one). What is \
            not settled then is written to the pending file, from where `patchbay send -f` brings it back; a log in \
            files keeps it for the next run instead, and waits for open calls only. At the end a collector gets five \
            seconds for the last spans.

            EXIT CODES
              0  finished, or drained
              1  failed while running, left pending deliveries, or could not write what was asked for
              2  wrong usage or configuration
              3  --once finished and left dead letters

            EXAMPLES
              patchbay run -c patchbay.yaml --trace console
              patchbay run -c patchbay.yaml --once --json
              cat events.jsonl | patchbay run -c stdin.yaml --once
              patchbay run -c patchbay.yaml --record calls --record-handler billing.charge --record-failed
            """)

    enum Trace: String, ExpressibleByArgument, CaseIterable { case console, otlp, file }
    enum LogStyle: String, ExpressibleByArgument, CaseIterable { case human, json }

    @OptionGroup var source: ConfigurationOptions

    @Option(help: "Where spans go; may be given more than once. otlp uses telemetry.otlp.")
    var trace: [Trace] = []

    @Option(help: ArgumentHelp("The file of --trace file.", valueName: "path"), completion: .file())
    var traceFile = "traces.jsonl"

    @Flag(help: "Read the finite sources to their end, settle every delivery, and exit.")
    var once = false

    @Option(
        help: ArgumentHelp(
            "Where the control socket is, with a log in memory: for modules promote and rollback.", valueName: "path"),
        completion: .file())
    var control: String?

    @Option(
        help: ArgumentHelp("Where dead letters are appended, with a log in memory.", valueName: "path"),
        completion: .file())
    var deadLetters = "dead-letters.jsonl"

    @Option(
        help: ArgumentHelp("Where pending events are appended at a deadline.", valueName: "path"), completion: .file())
    var pending = "pending.jsonl"

    @OptionGroup var recording: RecordingOptions

    @Option(
        help: "The least log level: trace, debug, info, notice, warning, error or critical.", completion: .logLevels)
    var logLevel = "info"

    @Option(help: "How log lines look.")
    var logFormat: LogStyle = .human

    @Flag(help: "Print the final report as JSON on standard output.")
    var json = false

    @Flag(name: [.short, .long], help: "No report and no progress; logs and errors only.")
    var quiet = false

    func validate() throws {
        guard Logger.Level(parsing: logLevel) != nil else {
            throw ValidationError(
                "--log-level \(logLevel): accepted are \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
    }

    func run() throws {
        // Before any thread exists: signals are taken by one thread alone.
        pbs_signals_block()
        let level = Logger.Level(parsing: logLevel) ?? .info
        TelemetryLogging.bootstrap(
            level: level, format: logFormat == .json ? .json : .human, colour: Output.isTerminal(STDERR_FILENO))
        let preparation = try source.prepare()
        if control != nil, preparation.configuration.log.backend == .file {
            throw Output.failure(
                "--control is for a log in memory; with log.backend: file the socket is in \(preparation.configuration.log.path)",
                code: 2)
        }
        if trace.contains(.otlp), preparation.configuration.telemetry.otlp.isEmpty {
            throw Output.failure(
                "--trace otlp needs telemetry.otlp in \(source.file), such as http://127.0.0.1:4318", code: 2)
        }
        var options = HostOptions(logger: Logger(label: "patchbay"))
        options.once = once
        options.deadLetterPath = deadLetters
        options.pendingPath = pending
        options.controlPath = control
        options.version = Version.text
        options.watchesCrashes = true
        options.recording = recording.value
        options.traces = trace.map { trace in
            switch trace {
            case .console: .console(colour: Output.isTerminal(STDOUT_FILENO))
            case .file: .file(traceFile)
            case .otlp: .otlp
            }
        }
        let report = try host(preparation, options)
        if json {
            Output.json(report.value)
        } else if !quiet {
            Output.error(report.text)
        }
        throw ExitCode(report.exitCode)
    }

    /// Runs the host to its end, with signals and progress.
    private func host(_ preparation: Preparation, _ options: HostOptions) throws -> RunReport {
        let host: Host
        do {
            host = try Host(preparation, options: options)
            try host.start()
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
        do {
            try HostSignals.take(for: host, options.logger)
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
        if !once { sayStarted(preparation.configuration, options.logger) }
        let progress = showsProgress ? ProgressLine(host) : nil
        let report = host.wait()
        progress?.end()
        return report
    }

    /// A host that waits for events would look like one that hangs.
    private func sayStarted(_ configuration: Configuration, _ logger: Logger) {
        let sources = configuration.sources.map { source in
            source.path.isEmpty ? source.name : "\(source.name) (\(source.type.rawValue) \(source.path))"
        }
        if sources.isEmpty {
            logger.warning("started without a source, so no event ever comes in")
        } else {
            logger.info("started; events come from \(sources.joined(separator: ", "))")
        }
    }

    /// Only where a person sees it and nothing else writes there.
    private var showsProgress: Bool { !quiet && !json && Output.isTerminal(STDERR_FILENO) && !trace.contains(.console) }
}
