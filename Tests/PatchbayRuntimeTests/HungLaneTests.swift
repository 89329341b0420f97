import Foundation
import PatchbayDispatch
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// A handler that is stuck in its calls and gets every hundredth of more events than the log has room for.
@Suite struct `a hung lane` {
    private static let count = 20_000
    private static let every = 100

    private static let yaml = """
        modules:
          directory: FOLDER/plugins
          load: [{name: lab, config: {gate: FOLDER/open}}]
        policies:
          timeouts: {default: {attempt: 1h, total: 1h}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: sick, order: 0, type: com.acme.sick, to: [{handler: lab.gate}], ordering: {key: ""}, final: true}
          - {name: healthy, order: 1, to: [{handler: lab.record}]}
        log: {bytes: 2MiB}
        shutdown: {drain: 100ms}

        """

    /// About 6 MB.
    private func bench() throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        let data = "\"\(String(repeating: "z", count: 200))\""
        try bench.write(
            "events.jsonl",
            (1...Self.count).map { number in
                let isSick = number % Self.every == 0
                return Events.line(number, type: isSick ? "com.acme.sick" : "com.acme.test", data: data) + "\n"
            }.joined())
        return bench
    }

    @Test func `does not keep the others' events in the log, and so pauses no source`() throws {
        let bench = try bench()
        let host = try bench.host(Self.yaml)
        try host.start()
        let sick = UInt64(Self.count / Self.every)
        #expect(bench.eventually { host.progress.counts("lab.record").done == UInt64(Self.count) - sick })
        #expect(host.progress.counts("lab.gate").pending == sick)
        #expect(host.progress.status.log.retainedBytes < 2 << 20)
        // What was packed is still what was sent, and gets done once the handler goes on.
        try bench.write("open", "")
        let report = host.wait()
        #expect(report.counts("lab.gate").done == sick && report.exitCode == 0 && report.drift == nil)
    }

    @Test func `leaves its own events pending, as they were sent`() throws {
        let bench = try bench()
        let host = try bench.host(Self.yaml)
        try host.start()
        let sick = Self.count / Self.every
        #expect(bench.eventually { host.progress.counts("lab.record").done == UInt64(Self.count - sick) })
        host.stop()
        let report = host.wait()
        #expect(report.pendingWritten?.count == sick && report.drift == nil && report.exitCode == 1)
        let pending = try bench.objects("pending.jsonl")
        #expect(Set(pending.compactMap { $0["id"] as? String }).count == sick)
        #expect(
            pending.allSatisfy { $0["type"] as? String == "com.acme.sick" && ($0["data"] as? String)?.count == 200 })
    }
}
