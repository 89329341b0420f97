import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// Regression: a drain that left deliveries in the log ended as stuck, with 1.
@Suite struct DurableDrainTests {
    private static let setup = """
        log: {backend: file, path: FOLDER/data}
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/open}}]}

        """
    private static let source = "sources: [{name: events, type: file, path: FOLDER/events.jsonl}]\n"
    private static let none = "sources: [{name: events, type: file, path: FOLDER/none.jsonl}]\n"

    @Test func `a drain while deliveries wait for a permit leaves them to the next run, and ends with 0`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(300))
        try bench.write("none.jsonl", "")
        let yaml = """
            policies: {bulkheads: {default: {maxInFlight: 2}}}
            routes: [{name: all, to: [{handler: lab.gate}]}]

            """
        let first = try bench.host(Self.setup + Self.source + yaml, once: false)
        try first.start()
        #expect(try bench.eventually { try bench.lines("seen").count == 2 && first.progress.status.accepted == 300 })
        first.drain()
        try bench.write("open", "")
        let drained = first.wait()
        #expect(drained.end == "kept" && drained.exitCode == 0 && drained.problems == [], "\(drained)")
        let left = try #require(drained.log?.pending)
        #expect(left > 0 && drained.status.counts.done + left == 300)
        let second = try bench.run(Self.setup + Self.none + yaml)
        #expect(second.log?.resumed == left && second.log?.pending == 0 && second.exitCode == 0, "\(second)")
    }
}
