import Foundation
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayTelemetry
import Synchronization
import Testing

@testable import PatchbayRuntime

/// A folder of its own with a configuration, its sources and its modules, and hosts that run there.
///
/// Paths in the configuration may say `FOLDER`.
final class RunBench {
    let folder: String
    let log = LogLines()
    /// Where hosts keep their log.
    private let backend: LogBackend
    /// Changes the options of every host before it starts.
    var adjust: (inout HostOptions) -> Void = { _ in }

    init(_ backend: LogBackend = .memory) throws {
        self.backend = backend
        folder = "\(Modules.folder)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: "\(folder)/plugins", withIntermediateDirectories: true)
    }

    deinit {
        // What is left is removed with the run's folder.
        _ = Result { try FileManager.default.removeItem(atPath: folder) }
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    }

    /// The lines of a file; empty when it is not there.
    func lines(_ name: String) throws -> [String] {
        guard FileManager.default.fileExists(atPath: path(name)) else { return [] }
        return try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// The objects of a file of JSON lines.
    func objects(_ name: String) throws -> [[String: Any]] {
        try lines(name).map { line in
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                throw BenchError("not an object: \(line)")
            }
            return object
        }
    }

    /// The dead letters of the runs so far.
    func deadLetters() throws -> [Event] {
        var lines = try self.lines("dead-letters.jsonl").map { Array($0.utf8) }
        if backend == .file {
            try StoredLetters(folder: path("data")).forEach { letter in
                lines.append(letter.line)
                return true
            }
        }
        let codec = CloudEventsCodec.ofStored()
        return try lines.map { try codec.event($0) }
    }

    /// Puts the test module `name` into `plugins/`.
    func install(_ name: String) throws {
        try FileManager.default.copyItem(atPath: try Modules.library(name), toPath: path("plugins/\(name).so"))
    }

    func preparation(_ yaml: String, environment: [String: String] = [:]) throws -> Preparation {
        var text = yaml.replacingOccurrences(of: "FOLDER", with: folder)
        if !text.contains("modules:") { text = "modules: {directory: \(folder)/plugins}\n" + text }
        if ModuleWay.current == .isolated {
            for name in ["lab", "follower"] {
                text = text.replacing(
                    "{name: \(name),", with: "{name: \(name), isolation: process, grant: {write: [\(folder)]},")
            }
        }
        if backend == .file { text = "log: {backend: file, path: \(folder)/data}\n" + text }
        try write("patchbay.yaml", "apiVersion: patchbay/v1\n" + text)
        return try Preparation(path: path("patchbay.yaml"), inputs: ConfigurationInputs(environment: environment))
    }

    func host(_ yaml: String, once: Bool = true, environment: [String: String] = [:]) throws -> PatchbayRuntime.Host {
        try host(of: preparation(yaml, environment: environment), once: once)
    }

    func host(of preparation: Preparation, once: Bool = true) throws -> PatchbayRuntime.Host {
        let log = log
        var logger = Logger(label: "test") { _ in RecordingLogHandler(lines: log) }
        logger.logLevel = .debug
        var options = HostOptions(logger: logger)
        options.once = once
        options.seed = 42
        options.version = "0.0.0"
        options.deadLetterPath = path("dead-letters.jsonl")
        options.pendingPath = path("pending.jsonl")
        adjust(&options)
        return try PatchbayRuntime.Host(preparation, options: options)
    }

    /// Runs to the end.
    func run(_ yaml: String, environment: [String: String] = [:]) throws -> RunReport {
        let host = try host(yaml, environment: environment)
        try host.start()
        return host.wait()
    }

    /// Waits until `condition` holds, and says whether it did: for what another thread does, with a generous bound.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        let end = Date().addingTimeInterval(30)
        while Date() < end {
            if try condition() { return true }
            usleep(2_000)
        }
        return false
    }
}

/// Where a host keeps its log: what handlers do has to come out the same.
enum LogBackend: CaseIterable {
    case memory, file
}

/// Where modules run: what they do has to come out the same.
enum ModuleWay: CaseIterable {
    @TaskLocal static var current = ModuleWay.inline

    case inline, isolated
}

/// Runs every test of a suite with its modules in the host's process, and once more with them in workers.
struct InlineAndIsolated: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        for way in ModuleWay.allCases { try await ModuleWay.$current.withValue(way, operation: function) }
    }
}

extension Trait where Self == InlineAndIsolated {
    static var inlineAndIsolated: Self { Self() }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// CloudEvents as text.
enum Events {
    /// One line; `data` is JSON, `extra` further members with a leading comma.
    static func line(_ id: Int, type: String = "com.acme.test", data: String = "{}", extra: String = "") -> String {
        #"{"specversion":"1.0","id":"\#(id)","source":"/test","type":"\#(type)"\#(extra),"data":\#(data)}"#
    }

    static func lines(_ count: Int, type: String = "com.acme.test", data: String = "{}", extra: String = "") -> String {
        (1...max(1, count)).prefix(count).map { line($0, type: type, data: data, extra: extra) + "\n" }.joined()
    }
}

extension RunReport {
    func counts(_ lane: String) -> DispatchCounts { lanes.first { $0.name == lane }?.counts ?? DispatchCounts() }
}

/// Log lines in memory.
final class LogLines: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let text: String
        let metadata: [String: String]
    }

    private let lines = Mutex<[Line]>([])
    var all: [Line] { lines.withLock { $0 } }
    func add(_ line: Line) { lines.withLock { $0.append(line) } }
    func contains(_ text: String) -> Bool { all.contains { $0.text.contains(text) } }
}

struct RecordingLogHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
        lines.add(LogLines.Line(level: event.level, text: "\(event.message)", metadata: all))
    }
}
