import Foundation

/// What the command line asked for.
struct BenchmarkSettings {
    var isTiny = false
    var runs = 5
    var names: Set<String> = []

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--tiny":
                isTiny = true
                runs = 1
            case "--runs": runs = rest.popFirst().flatMap { Int($0) } ?? runs
            default: names.insert(argument)
            }
        }
    }

    static var build: String {
        #if DEBUG
            "debug (figures mean nothing)"
        #else
            "release"
        #endif
    }
}

/// One benchmark: named `Area_scenario_size`, printing its own figures.
struct Benchmark {
    var name: String
    var run: (Workbench) throws -> Void

    nonisolated(unsafe) static let all = [
        Benchmark(name: "abi", run: ABIBenchmark.run), Benchmark(name: "decode", run: RunBenchmarks.decode),
        Benchmark(name: "w1", run: RunBenchmarks.w1), Benchmark(name: "permits", run: RunBenchmarks.permits),
        Benchmark(name: "allocations", run: RunBenchmarks.allocations),
        Benchmark(name: "memory", run: RunBenchmarks.memory), Benchmark(name: "w2", run: RunBenchmarks.w2),
        Benchmark(name: "log", run: LogBenchmark.run), Benchmark(name: "isolation", run: IsolationBenchmark.run),
        Benchmark(name: "conditions", run: ConditionBenchmark.run), Benchmark(name: "routes", run: RouteBenchmark.run),
    ]
}

struct BenchmarkError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// A folder with the events, the counting module and the programs that benchmarks run.
final class Workbench {
    let settings: BenchmarkSettings
    let folder: URL
    let events: URL
    let eventCount: Int
    let eventOrigin: String
    /// What the three routes must count.
    let expected: [Int]

    init(_ settings: BenchmarkSettings) throws {
        self.settings = settings
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "patchbay-bench-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("plugins"), withIntermediateDirectories: true)
        events = folder.appendingPathComponent("events.ndjson")
        let generator = Self.root.appendingPathComponent("../shared/bench/gen_events.c")
        if !settings.isTiny, FileManager.default.fileExists(atPath: generator.path) {
            let program = folder.appendingPathComponent("gen_events").path
            try Self.shell("cc -O2 -o '\(program)' '\(generator.path)' -lm && '\(program)' 1000000 > '\(events.path)'")
            eventCount = 1_000_000
            eventOrigin = "gen_events.c"
            expected = [85_409, 370_516, 544_075]
        } else {
            let made = EventGenerator.make(count: settings.isTiny ? 2_000 : 1_000_000)
            try made.text.write(to: events)
            eventCount = made.expected.reduce(0, +)
            eventOrigin = "this program"
            expected = made.expected
        }
        let include = Self.root.appendingPathComponent("sdk/c/include").path
        let support = Self.root.appendingPathComponent("Tests/Benchmarks/Support").path
        try Self.shell(
            """
            cc -O2 -shared -fPIC -I'\(include)' '\(support)/count.c' -o '\(folder.path)/plugins/count.so' &&
            cc -O2 -shared -fPIC '\(support)/malloc_count.c' -o '\(folder.path)/malloc_count.so'
            """)
    }

    func cleanUp() {
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            // Removed before.
        }
    }

    /// The repository's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// `patchbay` beside this program.
    static let host = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("patchbay").path

    var eventBytes: Int {
        (try? events.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
    }

    var processor: String {
        let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line.map { $0.split(separator: ":").last.map(String.init) ?? "" }?.trimmingCharacters(in: .whitespaces)
            ?? "unknown processor"
    }

    @discardableResult
    static func shell(_ command: String, environment: [String: String] = [:]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError("`\(command)` ended with \(process.terminationStatus)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Figures of several runs.
struct Series {
    var values: [Double]

    var median: Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    /// `median (least–greatest, n)`, scaled.
    func text(_ scale: Double, digits: Int = 2) -> String {
        func number(_ value: Double) -> String { String(format: "%.\(digits)f", value / scale) }
        return "\(number(median)) (\(number(values.min() ?? 0))–\(number(values.max() ?? 0)), n=\(values.count))"
    }
}
