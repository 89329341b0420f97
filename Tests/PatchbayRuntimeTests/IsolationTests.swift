import Foundation
import PatchbayDispatch
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// One handler at fault beside a healthy lane: the healthy one gets everything done while the other is stuck.
@Suite struct `lanes beside each other` {
    private static let count = 3000

    /// `fault` is the handler of route `sick`; the healthy route takes the same events.
    private static func yaml(_ fault: String, config: String, policies: String = "") -> String {
        """
        modules:
          directory: FOLDER/plugins
          load: [{name: lab, config: \(config)}]
        policies:
          timeouts: {default: {attempt: 50ms, total: 100ms}, patient: {attempt: 1h, total: 1h}}
          retries: {default: {policy: none}}
          circuitBreakers: {default: {trip: consecutiveFailures > 1000000}}
        \(policies)
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: sick, order: 0, type: com.acme.test, to: [{handler: \(fault)}], use: {timeout: patient}}
          - {name: healthy, order: 1, to: [{handler: builtin.log}]}
        shutdown: {drain: 100ms}
        """
    }

    private func bench(_ events: Int = count) throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(events))
        return bench
    }

    @Test func `a handler that is stuck in its calls`() throws {
        let bench = try bench()
        let host = try bench.host(Self.yaml("lab.gate", config: "{path: FOLDER/seen, gate: FOLDER/open}"))
        try host.start()
        #expect(bench.eventually { host.progress.counts("builtin.log").done == UInt64(Self.count) })
        #expect(try !bench.lines("seen").contains { $0.hasPrefix("leave") })
        try bench.write("open", "")
        let report = host.wait()
        #expect(report.counts("lab.gate").done == UInt64(Self.count) && report.exitCode == 0 && report.drift == nil)
    }

    /// Regression: its calls in the shared pool took that pool's threads one by one, and nothing else ran there.
    @Test func `a handler that is stuck and had promised to return promptly`() throws {
        let bench = try bench()
        try bench.install("hasty")
        let yaml = Self.yaml("hasty.gate", config: "{}").replacing(
            "{name: lab, config: {}}", with: "{name: hasty, config: {path: FOLDER/seen, gate: FOLDER/open}}")
        let host = try bench.host(yaml)
        try host.start()
        #expect(bench.eventually { host.progress.counts("builtin.log").done == UInt64(Self.count) })
        try bench.write("open", "")
        let report = host.wait()
        #expect(report.counts("hasty.gate").done == UInt64(Self.count) && report.exitCode == 0 && report.drift == nil)
    }

    /// Regression: with a log in files `log.bytes` was taken and meant nothing.
    @Test(arguments: LogBackend.allCases)
    func `sources pause once as much is pending as log.bytes says`(_ backend: LogBackend) throws {
        let bench = try RunBench()
        try bench.install("lab")
        let count = 6_000
        try bench.write("events.jsonl", Events.lines(count, data: #""\#(String(repeating: "x", count: 1_000))""#))
        let files = backend == .file ? ", backend: file, path: FOLDER/data" : ""
        let yaml = Self.yaml("lab.gate", config: "{path: FOLDER/seen, gate: FOLDER/open}")
        let host = try bench.host(yaml + "\nlog: {bytes: 2MiB\(files)}")
        try host.start()
        var accepted: UInt64 = 0
        var unchanged = 0
        #expect(
            bench.eventually {
                let now = host.progress.status.accepted
                unchanged = now == accepted && now > 1_000 ? unchanged + 1 : 0
                accepted = now
                return unchanged == 150
            })
        #expect(accepted < UInt64(count), "all of it was taken in")
        try bench.write("open", "")
        let report = host.wait()
        #expect(report.counts("lab.gate").done == UInt64(count) && report.exitCode == 0 && report.drift == nil)
    }

    /// Regression: `--once` waited for ever for calls that stood behind ones that the host had given up on.
    @Test func `a run to the end does not wait for calls that never end`() throws {
        let bench = try bench(40)
        let yaml = Self.yaml("lab.gate", config: "{path: FOLDER/seen, gate: FOLDER/never}").replacing(
            "use: {timeout: patient}", with: "use: {timeout: default}")
        let report = try bench.run(yaml)
        #expect(report.end == "stuck" && report.exitCode == 1 && report.drift == nil)
        #expect(report.counts("builtin.log").done == 40)
        #expect(UInt64(report.pendingWritten?.count ?? 0) + report.counts("lab.gate").dead == 40)
    }

    @Test func `a handler that never completes`() throws {
        let bench = try bench(300)
        let host = try bench.host(Self.yaml("lab.hang", config: "{path: FOLDER/seen}"))
        try host.start()
        #expect(bench.eventually { host.progress.counts("builtin.log").done == 300 })
        host.stop()
        let report = host.wait()
        #expect(report.counts("lab.hang").done == 0 && report.pendingWritten?.count == 300)
        #expect(report.exitCode == 1 && report.drift == nil)
    }

    @Test func `a handler that always fails`() throws {
        let bench = try bench()
        let report = try bench.run(Self.yaml("builtin.fail", config: "{}"))
        #expect(report.counts("builtin.log").done == UInt64(Self.count))
        let sick = report.counts("builtin.fail")
        #expect(sick.done == 0 && sick.dead == UInt64(Self.count) && report.drift == nil)
        #expect(report.exitCode == 3)
    }

    @Test func `a handler that babbles into the log and emits hugely`() throws {
        let bench = try bench(20)
        let report = try bench.run(Self.yaml("lab.babble", config: "{path: FOLDER/seen, count: 10000}"))
        #expect(report.counts("builtin.log").done == 20 + UInt64(report.emits?.accepted ?? 0))
        #expect(report.emits?.refused == 0 && report.drift == nil)
        // Bounds: one megabyte a draft, so many drafts and bytes a call, and the log's room. Each call asked for 2,000.
        let taken = try bench.lines("seen").map { $0.split(separator: "=").last.flatMap { Int($0) } ?? -1 }
        #expect(try bench.lines("seen").allSatisfy { !$0.hasPrefix("huge=0") })
        #expect(taken.count == 20 && taken.allSatisfy { (0..<2000).contains($0) } && taken.contains { $0 > 0 })
        #expect(report.emits?.accepted == UInt64(taken.reduce(0, +)), "what was taken came in")
    }

    @Test func `only a full log pauses the sources, and everything is delivered in the end`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        let data = "\"\(String(repeating: "z", count: 2000))\""
        try bench.write("events.jsonl", Events.lines(8000, data: data))
        let yaml = Self.yaml("lab.gate", config: "{path: FOLDER/seen, gate: FOLDER/open}") + "\nlog: {bytes: 2MiB}"
        let host = try bench.host(yaml)
        try host.start()
        // 16 MB of events, a log of 2: the source stops, and so does the lane behind which nothing comes any more.
        var before: UInt64 = 0
        #expect(
            bench.eventually {
                let taken = host.progress.received
                defer { before = taken }
                usleep(100_000)
                return taken > 0 && taken == before
            })
        let paused = host.progress
        #expect(paused.received < 8000 && paused.status.log.retainedBytes < 4 << 20)
        #expect(bench.eventually { host.progress.counts("builtin.log").done == host.progress.status.accepted })
        try bench.write("open", "")
        let report = host.wait()
        #expect(report.counts("lab.gate").done == 8000 && report.counts("builtin.log").done == 8000)
        #expect(report.drift == nil)
    }

    @Test func `two thousand asynchronous calls are in flight on a few threads`() throws {
        let bench = try bench(4000)
        let host = try bench.host(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, count: 2000}}]}
            policies: {bulkheads: {default: {maxInFlight: 2000, maxQueue: 4000}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.later}]}]
            """)
        try host.start()
        let report = host.wait()
        #expect(report.status.counts.done == 4000 && report.drift == nil)
        #expect(try bench.lines("seen") == ["held 2000", "held 2000"])
        #expect(report.status.threads <= 4, "\(report.status.threads) threads")
    }
}
