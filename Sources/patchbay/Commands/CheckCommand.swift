import ArgumentParser
import CPatchbaySystem
import Glibc
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime

/// `patchbay check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look for faults in a handler module before it is used.",
        discussion: """
            Reads the file first, then leads each handler through several lives, each in a process of its own: load, \
            create, calls with drawn events, drain, destroy; the same on a host that has few services, on a later \
            host, with drawn configurations, in batches, on several threads at once, with calls that are cancelled, \
            with new configurations while calls are open, and with an abrupt end. A crash, a hang or a leak there is \
            a finding. The seed draws the same again. Nothing that a handler emits or stores goes anywhere, and it \
            reaches no network.

            EXIT CODES
              0  nothing wrong; there may be warnings
              1  at least one error
              2  wrong usage

            EXAMPLES
              patchbay check plugins/greeter.so
              patchbay check libbilling.so --config '{"db": "test"}' --json
              patchbay check libbilling.so --seed 7 --rule crash --rule hang
              patchbay check libbilling.so --report libbilling.check.json --sign release.key
            """)

    @Argument(help: "The module's file.", completion: .file(extensions: ["so"]))
    var module: String

    @Option(help: ArgumentHelp("What the handlers are created with, a JSON object.", valueName: "json"))
    var config = "{}"

    @Option(help: ArgumentHelp("Draws the events; another one each time unless said.", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("Show this rule's findings only; may be given more than once.", valueName: "name"))
    var rule: [String] = []

    @Flag(help: "Print JSON: file, seed, findings.")
    var json = false

    @Option(
        help: ArgumentHelp("Write the JSON with the module's SHA-256 to a file, too.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var report: String?

    @Option(
        help: ArgumentHelp(
            "Sign the report with this private key, into a file beside it that patchbay verify takes.",
            valueName: "file"), completion: .file(extensions: ["key"]))
    var sign: String?

    func validate() throws {
        if sign != nil, report == nil { throw ValidationError("--sign signs a report: say --report FILE, too") }
    }

    func run() throws {
        let signer = try sign.map(SignedFiles.signer)
        let configuration: Value
        do {
            configuration = try JSONReader().value(Array(config.utf8))
        } catch {
            throw ValidationError("--config: \(error.message)")
        }
        guard case .map = configuration else { throw ValidationError("--config is no JSON object") }
        let seed = seed ?? UInt64.random(in: 1...999_999)
        var (findings, file) = FileCheck.run(module)
        if let file {
            for handler in file.manifest.handlers {
                findings += try CheckedProcess.lives(handler, of: file, configuration: configuration, seed: seed)
            }
        }
        let shown = rule.isEmpty ? findings : findings.filter { rule.contains($0.rule) }
        func value(_ findings: [CheckFinding]) -> Value {
            .object(
                [("file", .string(module)), ("seed", .string(String(seed)))]
                    + (file.map { [("sha256", .string($0.contentHash.hex))] } ?? [])
                    + [("findings", .list(findings.map(\.value)))])
        }
        // With all findings, whatever is shown.
        if let report { try keep(value(findings), at: report, signer) }
        if json {
            Output.json(value(shown))
        } else {
            show(shown, seed)
        }
        if shown.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
    }

    private func keep(_ value: Value, at path: String, _ signer: PrivateKey?) throws {
        try SignedFiles.write(String(decoding: value.json, as: UTF8.self) + "\n", to: path, mode: 0o644, replaces: true)
        guard let signer else { return }
        _ = try SignedFiles.sign(path, with: signer)
    }

    private func show(_ findings: [CheckFinding], _ seed: UInt64) {
        let style = Style(for: STDOUT_FILENO)
        for finding in findings {
            let severity = finding.severity == .error ? style.red("error") : style.yellow("warning")
            let handler = finding.handler.isEmpty ? "" : "handler \(finding.handler): "
            Output.line("\(severity): \(finding.rule): \(handler)\(finding.message)".printable)
            if !finding.remedy.isEmpty { Output.line("    remedy: \(finding.remedy)".printable) }
            if let seed = finding.seed { Output.line("    again: patchbay check \(module) --seed \(seed)".printable) }
        }
        let errors = findings.count { $0.severity == .error }
        Output.line("\(module): \(errors) errors, \(findings.count - errors) warnings, seed \(seed)".printable)
    }
}

/// A handler's process, as the one that started it sees it.
private enum CheckedProcess {
    /// Until a process that says nothing is ended, in milliseconds.
    private static let patience: Int32 = 30_000
    /// What the child ends with when its pipe has been closed.
    private static let unheard: Int32 = 97

    /// One life after another, until one has an error.
    static func lives(
        _ handler: Manifest.Handler, of file: ModuleFile, configuration: Value, seed: UInt64
    ) throws -> [CheckFinding] {
        var findings: [CheckFinding] = []
        for life in CheckedLife.allCases where HandlerCheckRun.canLead(life, handler) {
            findings += try run(handler, of: file, configuration: configuration, life, seed: seed)
            if findings.contains(where: { $0.severity == .error }) { break }
        }
        return findings
    }

    private static func run(
        _ handler: Manifest.Handler, of file: ModuleFile, configuration: Value, _ life: CheckedLife, seed: UInt64
    ) throws -> [CheckFinding] {
        var ends: [Int32] = [0, 0]
        guard pbs_pipe(&ends) == 0 else {
            throw Output.failure("no pipe can be made: \(String(cString: strerror(errno)))", code: 1)
        }
        let staging: StagingDirectory
        do {
            staging = try StagingDirectory()
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
        let process = pbs_fork()
        guard process >= 0 else {
            throw Output.failure("no process can be started: \(String(cString: strerror(errno)))", code: 1)
        }
        guard process == 0 else {
            close(ends[1])
            defer {
                close(ends[0])
                staging.remove()
            }
            return watch(TriedProcess(id: process), ends[0], handler, seed)
        }
        close(ends[0])
        perform(handler, of: file, configuration: configuration, life, seed: seed, staging, to: ends[1])
    }

    /// In the child.
    private static func perform(
        _ handler: Manifest.Handler, of file: ModuleFile, configuration: Value, _ life: CheckedLife, seed: UInt64,
        _ staging: StagingDirectory, to pipe: Int32
    ) -> Never {
        // What modules print does not belong to the command's output.
        dup2(STDERR_FILENO, STDOUT_FILENO)
        func write(_ value: Value) {
            let line = value.json + [0x0A]
            // A reader that has gone has ended this process, too: the module has closed the pipe.
            guard line.withUnsafeBytes({ Glibc.write(pipe, $0.baseAddress, $0.count) }) > 0 else { _exit(unheard) }
        }
        do {
            try HandlerCheckRun(
                file, handler, configuration: configuration, life: life, seed: seed, staging: staging
            ) { line in
                switch line {
                case .step(let step): write(.object([("step", .string(step))]))
                case .finding(let finding): write(finding.value)
                }
            }.run()
        } catch {
            write(CheckFinding("checkFailed", .error, "could not be checked: \(error)", handler: handler.id).value)
        }
        write(.object([("end", .bool(true))]))
        _exit(0)
    }

    private static func watch(
        _ process: TriedProcess, _ pipe: Int32, _ handler: Manifest.Handler, _ seed: UInt64
    ) -> [CheckFinding] {
        var findings: [CheckFinding] = []
        var step = "start"
        var hasEnded = false
        var input: [UInt8] = []
        let reader = JSONReader()
        while true {
            var ready = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, patience)
            if count < 0, errno == EINTR { continue }
            if count == 0 {
                findings.append(
                    CheckFinding("hang", .error, "did not return from \(step)", handler: handler.id, seed: seed))
                process.kill()
                return findings
            }
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let length = read(pipe, &buffer, buffer.count)
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { break }
            input += buffer[..<length]
            while let end = input.firstIndex(of: 0x0A) {
                let line = Array(input[..<end])
                input.removeSubrange(...end)
                guard let value = Result(catching: { try reader.value(line) }).value, case .map(let map) = value
                else { continue }
                if case .string(let text)? = map[.string("step")] { step = text }
                if map[.string("end")] != nil { hasEnded = true }
                if let finding = CheckFinding(value) { findings.append(finding) }
            }
            if hasEnded { break }
        }
        let end = process.end()
        // An abrupt life ends as programs do, with what runs at an exit.
        guard !hasEnded, end != .exited(0) || !step.hasPrefix("exit") else { return findings }
        let (rule, message) =
            switch end {
            case .signalled: ("crash", "ended its process with \(end.words) in \(step)")
            case .exited(unheard): ("closedDescriptors", "closed descriptors that are not its own by \(step)")
            case .exited: ("exits", "ended its process with \(end.words) in \(step)")
            case .killed:
                ("closedDescriptors", "closed descriptors that are not its own, and did not return from \(step)")
            }
        findings.append(CheckFinding(rule, .error, message, handler: handler.id, seed: seed))
        return findings
    }
}

extension Result {
    fileprivate var value: Success? { if case .success(let value) = self { value } else { nil } }
}
