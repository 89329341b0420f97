import Foundation
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// Folders and clocks as sources.
@Suite struct `sources beyond streams` {
    private static func yaml(_ source: String, _ more: String = "") -> String {
        """
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
        sources: [\(source)]
        routes: [{name: all, to: [{handler: lab.record}]}]
        \(more)
        """
    }

    private func bench() throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        try FileManager.default.createDirectory(atPath: bench.path("in"), withIntermediateDirectories: true)
        return bench
    }

    private func files(_ bench: RunBench) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: bench.path("in")).sorted()
    }

    @Test func `a folder's files come in by name and are put away; what is wrong in one is named with its line`() throws
    {
        let bench = try bench()
        try bench.write("in/b.jsonl", Events.lines(2))
        try bench.write("in/a.json", Events.line(7).replacing(",", with: ",\n  ") + "\n")
        try bench.write("in/c.jsonl", Events.line(8) + "\nnonsense\n" + Events.line(9))
        try bench.write("in/.hidden.jsonl", Events.lines(1))
        try bench.write("in/other.txt", "no event")
        try FileManager.default.createDirectory(
            atPath: bench.path("in/folder.jsonl"), withIntermediateDirectories: true)
        let report = try bench.run(Self.yaml("{name: in, type: directory, path: FOLDER/in}"))
        #expect(report.accepted == 5 && report.refused == 1 && report.exitCode == 0 && report.drift == nil)
        #expect(try bench.lines("seen").map { $0.prefix { $0 != " " } }.sorted() == ["1", "2", "7", "8", "9"])
        #expect(
            try files(bench) == [
                ".hidden.jsonl", "a.json.done", "b.jsonl.done", "c.jsonl.refused", "folder.jsonl", "other.txt",
            ])
        #expect(bench.log.all.contains { $0.text.contains("in:2: refused: c.jsonl: ") }, "\(bench.log.all)")
    }

    @Test func `files that come later are taken in, and plain JSON has ids that a second reading repeats`() throws {
        let bench = try bench()
        let host = try bench.host(
            Self.yaml(
                "{name: in, type: directory, path: FOLDER/in, done: delete, format: json, eventType: a.b, source: /in}"),
            once: false)
        try host.start()
        for number in 1...3 {
            try bench.write("new", #"{"n":\#(number)}"# + "\n[1]\n")
            try FileManager.default.moveItem(atPath: bench.path("new"), toPath: bench.path("in/\(number).jsonl"))
            #expect(try bench.eventually { try bench.lines("seen").count == 2 * number && files(bench).isEmpty })
        }
        host.drain()
        #expect(host.wait().accepted == 6)
        let ids = try bench.lines("seen").map { String($0.prefix { $0 != " " }) }
        #expect(
            ids.sorted() == [
                "in:1.jsonl:1", "in:1.jsonl:2", "in:2.jsonl:1", "in:2.jsonl:2", "in:3.jsonl:1", "in:3.jsonl:2",
            ])
    }

    @Test func `a folder that is not there is an error that says so`() throws {
        let bench = try bench()
        let report = try bench.run(Self.yaml("{name: in, type: directory, path: FOLDER/nowhere}"))
        #expect(report.exitCode == 1 && report.problems.contains { $0.contains("cannot read the folder") })
    }

    @Test func `a timer fires at its times, each with an id of its own`() throws {
        let bench = try bench()
        let host = try bench.host(
            Self.yaml("{name: clock, type: timer, every: 20ms, eventType: com.acme.tick}"), once: false)
        try host.start()
        #expect(try bench.eventually { try bench.lines("seen").count >= 3 })
        host.drain()
        _ = host.wait()
        let ids = try bench.lines("seen").map { String($0.prefix { $0 != " " }) }
        #expect(Set(ids).count == ids.count && ids.allSatisfy { $0.hasPrefix("clock-20") })
    }

    @Test func `a timer makes up for the last tick that fell into a time without a host, if the log was there`() throws
    {
        let bench = try bench()
        let preparation = try bench.preparation(
            Self.yaml("{name: clock, type: timer, cron: '0 3 * * *', timezone: Europe/Berlin, eventType: a.b}"))
        let source = TimerSource(preparation.configuration.sources[0], logger: Logger(label: "test"))
        let day: UInt64 = 86_400_000_000_000
        // 2026-07-01T12:00:00Z; the tick was at 1:00 UTC.
        let noon: UInt64 = 1_782_907_200_000_000_000
        let tick = noon - 11 * 3_600_000_000_000
        func missed(since: UInt64, accepted: Set<String> = []) -> UInt64? {
            let past = PastEvents(since: since) { source, id in
                source == "//patchbay/timer/clock" && accepted.contains(id)
            }
            return source.missed(past, now: noon)
        }
        #expect(missed(since: noon - 5 * day) == tick)
        #expect(missed(since: noon - 5 * day, accepted: ["clock-2026-07-01T01:00:00Z"]) == nil)
        #expect(missed(since: noon - 5 * day, accepted: ["clock-2026-06-30T01:00:00Z"]) == tick)
        #expect(missed(since: tick + 1) == nil, "the log began behind it")
        #expect(source.missed(nil, now: noon) == nil)
    }
}
