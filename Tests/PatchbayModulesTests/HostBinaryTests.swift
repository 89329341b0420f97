import Foundation
import Testing

@testable import PatchbayModules

/// The whole host, as a process, around one module at fault. Runs where `patchbay` is built beside the tests.
@Suite(.enabled(if: HostBinary.path != nil)) struct `host with a module at fault` {
    @Test(arguments: [("crash", SIGSEGV), ("throws", SIGABRT)])
    func `dies of what the handler does in its process`(fixture: String, signal: Int32) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .uncaughtSignal && result.status == signal, "\(result)")
    }

    @Test func `ends with the code that a handler exits with`() throws {
        let result = try HostBinary.run("exits")
        #expect(result.reason == .exit && result.status == 42, "\(result)")
    }

    @Test(arguments: [("double_completion", "double_completion"), ("invented_call", "unknown_call")])
    func `finishes, and names what the handler did`(fixture: String, name: String) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .exit && result.status == 0, "\(result)")
        #expect(result.output.contains(name), "\(result)")
    }

    @Test(arguments: ["hang", "never_completes"])
    func `gives up on calls that are never completed, and keeps the event`(fixture: String) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .exit && result.status == 3, "\(result)")
        #expect(result.output.contains("missing_completion"), "\(result)")
        #expect(result.output.contains("dead-letters.jsonl"), "\(result)")
    }

    @Test func `gives up on calls that are completed too late, and names that, too`() throws {
        // The second attempt keeps the host alive until the first one's completion comes.
        let result = try HostBinary.run(
            "late_completion", timeout: "{attempt: 200ms, total: 1m}",
            retry: "{policy: constant, duration: 1500ms, maxRetries: 1, jitter: none}")
        #expect(result.reason == .exit && result.status == 3, "\(result)")
        #expect(result.output.contains("missing_completion"), "\(result)")
        #expect(result.output.contains("completion_after_close"), "\(result)")
    }

    @Test(arguments: [
        ("bad_schema", "/handlers/0/config: must be a JSON Schema"),
        ("corrupt_manifest", "has an invalid manifest"), ("empty", "has no manifest note"),
        ("foreign_swift", "says linkage 'shared', but does not need libswiftCore.so"),
        ("hidden_swift", "says runtime 'c', but holds Swift code"),
        ("lying_manifest", "no handler is named 'lying-manifest.count'"),
        ("missing_symbol", "does not export patchbay_module_v1"), ("no_note", "has no manifest note"),
        ("static_swift", "brings a Swift runtime of its own"),
        ("two_majors", "says ABI major 2 in a note of major 1"),
        ("unknown_service", "requires com.acme.teleport/3, which this host lacks"),
        ("wrong_major", "is built for ABI major 2, this host offers 1"),
        ("wrong_manifest", "/name: must begin with a lowercase letter"),
    ])
    func `is wrong in its configuration when a route needs a module that the scan refuses`(
        fixture: String, reason: String
    ) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .exit && result.status == 2, "\(result)")
        #expect(result.output.contains(reason) && result.output.contains("remedy:"), "\(result)")
    }

    @Test(arguments: [
        ("create_fails", "createFailed", "cannot reach db.example.com"),
        ("entry_fails", "entryFailed", "licence expired"),
        ("lying_batch", "lyingManifest", "there is no handle_batch"),
        ("lying_count", "lyingManifest", "its code offers 1000000 handlers"),
        ("null_create", "missingFunction", "has no create function"),
        ("null_handle", "missingFunction", "has no handle function"),
        ("null_module", "entryFailed", "without a module"), ("short_handler", "shortStruct", "patchbay_handler"),
        ("short_module", "shortStruct", "patchbay_module has 16 bytes"),
        ("undefined_symbol", "openFailed", "nobody_defines_this"),
    ])
    func `fails to start with a module whose code does not keep its promise`(
        fixture: String, code: String, reason: String
    ) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .exit && result.status == 1, "\(result)")
        #expect(result.output.contains(code) && result.output.contains(reason), "\(result)")
    }

    @Test(arguments: ["good", "extra_exports"]) func `runs what is correct`(fixture: String) throws {
        let result = try HostBinary.run(fixture)
        #expect(result.reason == .exit && result.status == 0 && result.output.contains("1 done"), "\(result)")
    }

    @Test func `lists rejected modules with file, reason and remedy, and runs none of their code`() throws {
        let folder = try HostBinary.folder(with: ["no_note", "wrong_major", "good"])
        let result = try HostBinary.start(["modules", "--directory", "\(folder)/plugins", "--json"], in: folder)
        for expected in ["noManifest", "wrongABI", "no-note.so", "wrong-major.so", "remedy", "\"good\""] {
            #expect(result.output.contains(expected), "\(expected) in \(result)")
        }
    }
}

/// Runs the built host.
enum HostBinary {
    struct Result: CustomStringConvertible {
        let status: Int32
        let reason: Process.TerminationReason
        let output: String
        var description: String { "status \(status), \(reason == .exit ? "exit" : "signal"): \(output.prefix(2000))" }
    }

    /// Beside the test bundle; `nil` when only the tests are built.
    static var path: String? {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let path = folder.appendingPathComponent("patchbay").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    /// One event through the fixture's handler `count`, to the end.
    static func run(
        _ fixture: String, timeout: String = "{attempt: 200ms, total: 400ms}", retry: String = "{policy: none}"
    ) throws -> Result {
        let folder = try folder(with: [fixture])
        let module = fixture.replacingOccurrences(of: "_", with: "-")
        try """
        apiVersion: patchbay/v1
        modules: {directory: ./plugins}
        policies:
          timeouts: {default: \(timeout)}
          retries: {default: \(retry)}
        routes:
          - {name: all, type: "**", to: [{handler: \(module).count}]}
        sources:
          - {name: events, type: file, path: ./events.jsonl, format: cloudevents}
        log: {backend: memory}
        shutdown: {drain: 3s}

        """.write(toFile: "\(folder)/patchbay.yaml", atomically: true, encoding: .utf8)
        try #"{"specversion":"1.0","id":"1","source":"/test","type":"com.acme.test","data":{}}"#.appending("\n")
            .write(toFile: "\(folder)/events.jsonl", atomically: true, encoding: .utf8)
        return try start(["run", "-c", "patchbay.yaml", "--once"], in: folder)
    }

    /// A folder with `plugins/` that holds these fixtures.
    static func folder(with fixtures: [String]) throws -> String {
        let folder = try Fixture.emptyFolder()
        try FileManager.default.createDirectory(atPath: "\(folder)/plugins", withIntermediateDirectories: true)
        for fixture in fixtures {
            let module = try Fixture.module(fixture)
            try FileManager.default.copyItem(
                atPath: module, toPath: "\(folder)/plugins/\(fixture.replacingOccurrences(of: "_", with: "-")).so")
        }
        return folder
    }

    static func start(_ arguments: [String], in folder: String) throws -> Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path ?? "patchbay")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // A host that does not end by itself is a failure, not a hanging test.
        let watchdog = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 30, execute: watchdog)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        watchdog.cancel()
        return Result(
            status: process.terminationStatus, reason: process.terminationReason,
            output: String(decoding: text, as: UTF8.self))
    }
}
