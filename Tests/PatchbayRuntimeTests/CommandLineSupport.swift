import Foundation

/// The built `patchbay`, as a user calls it: in a folder of its own, with its output in files.
final class CommandLineBench {
    /// Beside the test bundle; `nil` when only the tests are built.
    static var executable: String? {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let path = folder.appendingPathComponent("patchbay").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    struct Result: CustomStringConvertible {
        var status: Int32
        var reason: Process.TerminationReason
        var output: String
        var errors: String
        var description: String { "status \(status)\nstdout: \(output)\nstderr: \(errors)" }
    }

    /// A process that runs in the background.
    final class Running {
        let process: Process
        fileprivate let output: String
        fileprivate let errors: String
        /// What standard error is, where it is no file.
        private let terminal: Terminal?
        /// Keeps the folder.
        private let bench: CommandLineBench

        fileprivate init(
            _ process: Process, in bench: CommandLineBench, output: String, errors: String, _ terminal: Terminal?
        ) {
            self.process = process
            self.bench = bench
            self.output = output
            self.errors = errors
            self.terminal = terminal
        }

        var errorText: String { terminal?.text ?? CommandLineBench.text(errors) }

        func signal(_ number: Int32) { kill(process.processIdentifier, number) }

        /// Waits for the end; a process that does not end is killed, which the result shows.
        func end(within seconds: TimeInterval = 30) -> Result {
            if !CommandLineBench.wait(seconds, until: { !self.process.isRunning }) { signal(SIGKILL) }
            process.waitUntilExit()
            terminal?.end()
            return Result(
                status: process.terminationStatus, reason: process.terminationReason,
                output: CommandLineBench.text(output), errors: errorText)
        }
    }

    struct TimedOut: Error, CustomStringConvertible {
        var description: String
    }

    /// Short, because a socket's path has at most 107 bytes.
    let folder: String
    private var runs = 0

    init() throws {
        folder = "/tmp/pb-cli-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { _ = Swift.Result { try FileManager.default.removeItem(atPath: folder) } }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    func read(_ name: String) -> String { Self.text("\(folder)/\(name)") }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(name)") }

    func start(
        _ arguments: [String], input: String = "", program: String? = nil, preload: String? = nil,
        terminal: Terminal? = nil
    ) throws -> Running {
        runs += 1
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program ?? Self.executable ?? "patchbay")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        var environment = ProcessInfo.processInfo.environment
        environment["XDG_RUNTIME_DIR"] = nil
        environment["LD_PRELOAD"] = preload
        // A crash is to end the process as it does where nobody asks for a backtrace.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        if terminal != nil {
            environment["TERM"] = "xterm"
            environment["NO_COLOR"] = nil
        }
        process.environment = environment
        let files = ["in", "out", "err"].map { "\(folder)/.\(runs).\($0)" }
        try Data(input.utf8).write(to: URL(fileURLWithPath: files[0]))
        for file in files.dropFirst() { try Data().write(to: URL(fileURLWithPath: file)) }
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: files[0]))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: files[1]))
        process.standardError =
            try terminal?.programsEnd ?? FileHandle(forWritingTo: URL(fileURLWithPath: files[2]))
        try process.run()
        return Running(process, in: self, output: files[1], errors: files[2], terminal)
    }

    /// With standard output on a disk that is full.
    func runOnFullDisk(_ arguments: [String]) throws -> Result {
        let command = "exec \"$0\" \"$@\" >/dev/full"
        return try start(["-c", command, Self.executable ?? "patchbay"] + arguments, program: "/bin/sh").end(within: 60)
    }

    func run(_ arguments: String..., input: String = "") throws -> Result {
        try start(arguments, input: input).end()
    }

    /// A host that listens at `host.sock`; `preload` is a library that takes the place of system calls.
    func host(_ arguments: [String] = [], preload: String? = nil) throws -> Running {
        let running = try start(["run", "-c", "host.yaml"] + arguments, preload: preload)
        let listens = Self.wait(60) { self.exists("host.sock") || !running.process.isRunning }
        guard listens, running.process.isRunning else {
            throw TimedOut(description: "the host does not listen: \(running.end(within: 0))")
        }
        return running
    }

    /// Asks until it is so; false when it is not in time.
    static func wait(_ seconds: TimeInterval, until isSo: () -> Bool) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        while !isSo() {
            if Date() > end { return false }
            usleep(5_000)
        }
        return true
    }

    fileprivate static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// What the tests feed.
enum CommandLineSamples {
    static func event(_ id: String, type: String = "com.example.hello", data: String = "{}") -> String {
        #"{"specversion":"1.0","id":"\#(id)","source":"/test","type":"\#(type)","data":\#(data)}"# + "\n"
    }

    /// Logs greetings, never finishes with what is stuck, and listens.
    static let host = """
        apiVersion: patchbay/v1
        modules:
          load: [{name: stuck, builtin: fail, config: {script: [timeout]}}]
        routes:
          - name: hello
            type: com.example.hello
            match: event.data.?n.orValue(1) > 0
            to: [{handler: builtin.log}]
          - name: stuck
            type: com.example.stuck
            to: [{handler: stuck.fail}]
            use: {timeout: long}
        policies:
          timeouts: {long: {attempt: 10m, total: 20m}}
        sources:
          - {name: inbox, type: socket, path: ./host.sock}

        """

    /// A file of events through a handler with this script.
    static func once(script: String) -> String {
        """
        apiVersion: patchbay/v1
        policies:
          retries: {default: {duration: 1ms, maxRetries: 2}}
        modules:
          load: [{name: flaky, builtin: fail, config: {script: [\(script)]}}]
        routes:
          - name: hello
            type: com.example.*
            to: [{handler: flaky.fail}]
        sources:
          - {name: events, type: file, path: ./events.jsonl}

        """
    }
}
