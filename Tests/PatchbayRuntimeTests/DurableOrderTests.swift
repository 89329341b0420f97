import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// The order of an ordering key across runs of a host.
@Suite struct `an ordering key in a log in files` {
    /// Regression: each run hashed keys with a seed of its own, so what an earlier run had accepted held nobody back.
    @Test func `holds events of the next run back while an event of an earlier run waits`() throws {
        let bench = try RunBench()
        let yaml = { (script: String, source: String) in
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [\(script)]}}]}
            policies: {retries: {slow: {policy: constant, duration: 1h, maxInterval: 1h, maxRetries: 1, jitter: none}}, timeouts: {default: {total: 2h}}}
            routes: [{name: all, ordering: {key: event.partitionkey}, to: [{handler: flaky.fail}], use: {retry: slow}}]
            log: {backend: file, path: FOLDER/data}
            sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]

            """
        }
        let ada = #","partitionkey":"ada""#
        try bench.write("first.jsonl", Events.line(0, extra: ada) + "\n")
        try bench.write(
            "second.jsonl",
            Events.lines(50, extra: ada) + Events.line(51, extra: #","partitionkey":"bob""#) + "\n")
        let first = try bench.host(yaml("transient", "first"), once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.counts.retries == 1 })
        first.drain()
        #expect(first.wait().log?.pending == 1)
        let second = try bench.host(yaml("ok", "second"), once: false)
        try second.start()
        #expect(
            bench.eventually {
                let status = second.progress.status
                return status.accepted == 51 && status.counts.done > 0
            })
        second.drain()
        let report = second.wait()
        #expect(report.status.counts.done == 1 && report.log?.pending == 51, "\(report)")
    }
}
