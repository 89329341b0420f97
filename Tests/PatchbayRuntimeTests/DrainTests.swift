import Foundation
import PatchbayDispatch
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// How a run ends early, and what is left then.
@Suite struct `drain and stop` {
    private static let failing = """
        modules: {directory: FOLDER/plugins, load: [{name: flaky, builtin: fail, config: {script: [ok], repeat: false}}]}
        policies:
          timeouts: {default: {attempt: 1s, total: 300h}}
          retries: {default: {policy: constant, duration: 1h, maxInterval: 1h, jitter: none, maxRetries: 5}}
          circuitBreakers: {default: {trip: consecutiveFailures > 1000000}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: sick, type: com.acme.sick, to: [{handler: builtin.fail}]}
          - {name: well, type: com.acme.well, to: [{handler: builtin.log}]}
        shutdown: {drain: 20ms}

        """

    @Test func `pending retries are written down at the deadline, and a second run delivers them`() throws {
        let bench = try RunBench()
        try bench.write(
            "events.jsonl", Events.lines(10, type: "com.acme.sick") + Events.lines(5, type: "com.acme.well"))
        let host = try bench.host(Self.failing, once: false)
        try host.start()
        #expect(bench.eventually { host.progress.status.counts.retries == 10 && host.progress.status.counts.done == 5 })
        host.drain()
        let report = host.wait()
        #expect(report.end == "deadline" && report.exitCode == 1 && report.drift == nil)
        #expect(report.pendingWritten == RunReport.Pending(count: 10, path: bench.path("pending.jsonl")))
        let pending = try bench.objects("pending.jsonl")
        #expect(Set(pending.compactMap { $0["id"] as? String }) == Set((1...10).map(String.init)))
        #expect(pending.allSatisfy { $0["pendinghandler"] as? String == "builtin.fail" })
        #expect(
            pending.allSatisfy { $0["pendingroute"] as? String == "sick" && $0["pendingattempts"] as? String == "1" })

        let second = try bench.run(
            Self.failing.replacingOccurrences(of: "events.jsonl", with: "pending.jsonl")
                .replacingOccurrences(of: "builtin.fail", with: "flaky.fail"))
        #expect(second.received == 10 && second.refused == 0 && second.counts("flaky.fail").done == 10)
        #expect(second.exitCode == 0)
    }

    @Test func `a stop with a stuck handler and a full queue loses nothing and does not wait for the queue`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        let data = "\"\(String(repeating: "z", count: 2000))\""
        try bench.write("events.jsonl", Events.lines(20_000, data: data))
        let host = try bench.host(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/open}}]}
            policies: {timeouts: {default: {attempt: 1h, total: 1h}}, bulkheads: {default: {maxInFlight: 2}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.gate}]}]
            log: {bytes: 2MiB}
            """, once: false)
        try host.start()
        #expect(try bench.eventually { try !bench.lines("seen").isEmpty && host.progress.status.log.isFull })
        host.stop()
        let report = host.wait()
        #expect(try bench.lines("seen").allSatisfy { $0.hasPrefix("enter") })
        try bench.write("open", "")
        #expect(report.end == "stopped" && report.exitCode == 1 && report.drift == nil)
        // Everything that the source counted as accepted is in the file, whether the log had taken it or not.
        let ids = try bench.objects("pending.jsonl").compactMap { $0["id"] as? String }
        #expect(UInt64(ids.count) == report.accepted && Set(ids).count == ids.count)
        #expect(report.unread > 0)
    }

    @Test func `asks calls to end with the reason, and takes their word`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(2))
        let yaml = """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/never, text: heeds}}]}
            policies:
              timeouts: {default: {attempt: TIMEOUT, total: 1h}}
              retries: {default: {policy: none}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.gate}]}]
            shutdown: {drain: 10ms}
            """
        let timedOut = try bench.run(yaml.replacingOccurrences(of: "TIMEOUT", with: "20ms"))
        #expect(timedOut.status.counts.dead == 2)
        #expect(try bench.lines("seen").filter { $0.hasSuffix("why=1") }.count == 2)

        let host = try bench.host(yaml.replacingOccurrences(of: "TIMEOUT", with: "1h"), once: false)
        try host.start()
        #expect(try bench.eventually { try bench.lines("seen").filter { $0.hasPrefix("enter") }.count == 4 })
        host.drain()
        let drained = host.wait()
        #expect(try bench.lines("seen").filter { $0.hasSuffix("why=3") }.count == 2)
        #expect(drained.pendingWritten?.count == 2 && drained.status.counts.dead == 0 && drained.drift == nil)
    }

    @Test func `timers and delayed work past the deadline are written down at once`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(3))
        let host = try bench.host(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 3600000}}]}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.timer}]}]
            shutdown: {drain: 10m}
            """, once: false)
        try host.start()
        #expect(bench.eventually { host.progress.status.counts.done == 3 })
        host.drain()
        let report = host.wait()
        #expect(report.exitCode == 1 && report.pendingWritten?.count == 3)
        let pending = try bench.objects("pending.jsonl")
        #expect(Set(pending.compactMap { $0["timerkey"] as? String }) == ["1", "2", "3"])
        #expect(pending.allSatisfy { $0["pendinghandler"] as? String == "lab.timer" && $0["id"] != nil })
    }

    @Test func `counts calls that are never completed against their handler`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(1))
        let report = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab}]}
            policies: {timeouts: {default: {attempt: 10ms, total: 20ms}}, retries: {default: {policy: none}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.hang}]}]
            """)
        #expect(report.status.counts.dead == 1 && report.exitCode == 3)
        #expect(report.misbehaviour == [.init(handler: "lab.hang", kind: "missing_completion", count: 1)])
    }
}
