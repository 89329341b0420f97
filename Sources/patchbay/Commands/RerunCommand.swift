import ArgumentParser
import Glibc
import Logging
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime
import PatchbayTelemetry

/// `patchbay rerun`.
struct RerunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rerun",
        abstract: "Make a recorded call again, with another build or under a debugger, and compare.",
        discussion: """
            Takes a file that 'patchbay run --record' has written. The module is loaded in a process of its own, and its \
            handler gets the recorded configuration, event and answers of services. Nothing that it emits, stores, \
            schedules or sends goes anywhere. A request that the recording has no answer to is refused and told.

            Values of the configuration that came through ${…} are not in the recording: --config gives them.

            EXIT CODES
              0  the same: outcome and requests; or the call ended its process then and now
              1  something differs
              2  it cannot be run, or wrong usage

            EXAMPLES
              patchbay rerun calls/billing.charge-1763779200123-1.jsonl
              patchbay rerun calls/billing.charge-1763779200123-1.jsonl --module build/libbilling.so --json
              patchbay rerun calls/billing.charge-1763779200123-1.jsonl --config '{"key": "test"}'
              patchbay rerun calls/billing.charge-1763779200123-1.jsonl --debugger
            """)

    @Argument(help: "The recording of a call.", completion: .events)
    var file: String

    @Option(
        help: ArgumentHelp("The build to run; the recorded module's file unless said.", valueName: "path"),
        completion: .modules)
    var module: String?

    @Option(
        help: ArgumentHelp("Values that replace those of the recorded configuration, a JSON object.", valueName: "json")
    )
    var config = "{}"

    @Option(help: ArgumentHelp("How long the call may take; 0 is no limit.", valueName: "seconds"))
    var timeout: UInt64 = 60

    @Flag(help: "Run it under gdb or lldb, which stops right before the handler's code.")
    var debugger = false

    @Flag(help: .hidden)
    var underDebugger = false

    @Option(
        help: "The least level of what the handler logs: trace, debug, info, notice, warning, error or critical.",
        completion: .logLevels)
    var logLevel = "warning"

    @Flag(help: "Print JSON: recorded, rerun, sameBuild, same, differences, unanswered.")
    var json = false

    func validate() throws {
        guard Logger.Level(parsing: logLevel) != nil else {
            throw ValidationError(
                "--log-level \(logLevel): accepted are \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        guard timeout <= 1_000_000 else { throw ValidationError("--timeout is at most 1000000") }
    }

    func run() throws {
        let recording: RecordedCall
        do {
            recording = try RecordedCall(path: file)
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
        guard let path = module ?? recording.head.member("module")?.text("file") else {
            throw Output.failure("\(file) names no module's file: give --module", code: 2)
        }
        if module == nil { warn(of: path, recording) }
        let configuration = try configuration(recording)
        if debugger { throw Output.failure(DebuggerProcess.replace(self, module: path), code: 2) }
        TelemetryLogging.bootstrap(
            level: Logger.Level(parsing: logLevel) ?? .warning, format: .human, colour: Output.isTerminal(STDERR_FILENO)
        )
        let rerun = RerunProcess(
            recording, module: path, configuration: configuration, timeout: timeout * 1_000_000_000)
        let record = underDebugger ? try rerun.runHere() : try rerun.run()
        if case .refused(let reason)? = record.end {
            throw Output.failure("\(file) cannot be run again: \(reason)", code: 2)
        }
        let report = RerunReport(file: file, recording: recording, rerun: record)
        if json { Output.json(report.value) } else { report.show() }
        if !report.comparison.isSame { throw ExitCode(1) }
    }

    /// Says that the recorded module's file has other bytes by now.
    private func warn(of path: String, _ recording: RecordedCall) {
        guard let recorded = recording.head.member("module")?.text("sha256"),
            let found = ModuleScanner().inspect(file: path).accepted?.contentHash.hex, found != recorded
        else { return }
        Output.error(
            "warning: \(path) is not the build that was recorded (SHA-256 \(found.prefix(8))…, then "
                + "\(recorded.prefix(8))…): differences may come from that; --module names another file")
    }

    /// The recorded configuration with the values of `--config`. What is withheld and not given stays as it is shown.
    private func configuration(_ recording: RecordedCall) throws -> Value {
        let changes: Value
        do {
            changes = try JSONReader().value(Array(config.utf8))
        } catch {
            throw ValidationError("--config: \(error.message)")
        }
        guard case .map(let changed) = changes else { throw ValidationError("--config is no JSON object") }
        guard case .map(let recorded) = recording.configuration else { return changes }
        let kept = recorded.entries.filter { changed[$0.key] == nil }
        let missing = kept.filter { $0.value.holdsWithheld }.compactMap { entry in
            if case .string(let name) = entry.key { name } else { nil }
        }
        if !missing.isEmpty {
            Output.error(
                "note: the recording withholds what came through ${…}: \(missing.joined(separator: ", ")); "
                    + "--config gives other values")
        }
        return .map(Value.Map(kept + changed.entries))
    }
}

extension Value {
    /// Something in it was not written down.
    fileprivate var holdsWithheld: Bool {
        switch self {
        case .string(let text): text == RecordedValue.redacted
        case .list(let list): list.contains { $0.holdsWithheld }
        case .map(let map): map.entries.contains { $0.value.holdsWithheld }
        default: false
        }
    }
}
