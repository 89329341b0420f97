import PatchbayDispatch
import PatchbayLog
import PatchbayModules
import Testing

@testable import PatchbayRuntime

/// Routes with `dedup` take an event once.
@Suite struct `deduplication` {
    private static func yaml(_ dedup: String, log: String = "", more: String = "") -> String {
        """
        \(log)
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: once, to: [{handler: lab.record}], dedup: \(dedup)}
        \(more)
        """
    }

    private func bench(_ lines: [String]) throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", lines.map { $0 + "\n" }.joined())
        return bench
    }

    @Test func `an event that came before is counted and goes nowhere`() throws {
        // Over several batches, with others in between.
        let lines = (0..<2000).map { Events.line($0 % 700) }
        let bench = try bench(lines)
        let report = try bench.run(Self.yaml("{}"))
        #expect(report.received == 2000 && report.duplicate == 1300 && report.accepted == 700, "\(report)")
        #expect(report.status.counts.done == 700 && report.drift == nil && report.exitCode == 0)
        #expect(try Set(bench.lines("seen")).count == 700)
        #expect(try bench.lines("seen").count == 700)
    }

    @Test func `a key of CEL tells events apart, and one without a key is always taken`() throws {
        let lines = (0..<40).map { Events.line($0, data: $0 % 4 == 3 ? "{}" : #"{"order":\#($0 % 4)}"#) }
        let bench = try bench(lines)
        let report = try bench.run(Self.yaml("{key: event.data.order}"))
        // Three orders once, and ten events without one.
        #expect(report.duplicate == 27 && report.accepted == 13 && report.status.counts.done == 13, "\(report)")
    }

    @Test func `other routes get the event all the same, each by its own window`() throws {
        let bench = try bench((0..<30).map { Events.line($0 % 10) })
        let report = try bench.run(
            Self.yaml("{}", more: "  - {name: all, to: [{handler: builtin.log}]}"))
        #expect(report.duplicate == 0 && report.accepted == 30 && report.drift == nil)
        #expect(report.lanes.map(\.counts.done) == [10, 30], "\(report.lanes)")
    }

    @Test func `holds across restarts with a log in files, and not beyond its window`() throws {
        let bench = try bench((0..<300).map { Events.line($0) })
        let log = "log: {backend: file, path: FOLDER/data}"
        let first = try bench.run(Self.yaml("{}", log: log))
        #expect(first.accepted == 300 && first.duplicate == 0)
        try bench.write("events.jsonl", (0..<310).map { Events.line($0) + "\n" }.joined())
        let second = try bench.run(Self.yaml("{}", log: log))
        #expect(second.accepted == 10 && second.duplicate == 300 && second.log?.pending == 0, "\(second)")
        // What was admitted is longer ago than that.
        let third = try bench.run(Self.yaml("{window: 1ms}", log: log))
        #expect(third.accepted == 310 && third.duplicate == 0)
        // Routes are known by their names.
        let renamed = try bench.run(Self.yaml("{}", log: log).replacing("name: once", with: "name: other"))
        #expect(renamed.accepted == 310 && renamed.problems == [])
        #expect(try bench.lines("seen").count == 300 + 10 + 310 + 310)
    }

    @Test func `windows go through a checkpoint by their routes' names`() throws {
        var (one, two) = (RoutePlan(name: "one"), RoutePlan(name: "two"))
        one.deduplicationWindow = 1_000_000
        two.deduplicationWindow = 1_000_000
        let plan = DispatchPlan(routes: [one, RoutePlan(name: "none"), two], lanes: [])
        var before = Deduplicator(plan)
        let keys = (0..<5).map { DeduplicationKey(high: $0 + 1, low: $0) }
        for key in keys { before.restore(2, key, time: 1000) }
        let extras = CheckpointParts.extras(
            state: StateStore(), timers: TimerStore(), subscriptions: SubscriptionStore(), delayed: [],
            deduplicator: before,
            routes: plan.routes.map(\.name))
        let part = try #require(extras.first { $0.name == CheckpointParts.deduplication })
        var writer = ByteWriter()
        part.encode(&writer)
        let windows = try CheckpointParts.windows([UInt8](writer.bytes))
        #expect(windows.map(\.route) == ["one", "two"])
        var after = Deduplicator(plan)
        try after.restore(2, windows[1].bytes)
        #expect(after.kept.map(\.window.count) == [0, 5])
    }
}
