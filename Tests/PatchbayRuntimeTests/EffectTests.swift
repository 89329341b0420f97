import Foundation
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// What a done call brings forth: events, state, timers; and what other outcomes do. The same on every log.
@Suite(.inlineAndIsolated) struct `effects of calls` {
    private func bench(_ backend: LogBackend, _ count: Int, extra: String = "") throws -> RunBench {
        let bench = try RunBench(backend)
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(count, extra: extra))
        return bench
    }

    /// The fields of a line that `lab.record` wrote.
    private func fields(_ line: String) -> [String: String] {
        var fields: [String: String] = [:]
        for part in line.split(separator: " ").dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[String(pair[0])] = String(pair[1])
        }
        return fields
    }

    private static func emitting(_ type: String, count: Int, depth: Int = 16) -> String {
        """
        modules:
          directory: FOLDER/plugins
          load: [{name: lab, config: {path: FOLDER/seen, text: \(type), count: \(count)}}]
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        limits: {emitDepth: \(depth)}
        routes:
          - {name: start, type: com.acme.test, to: [{handler: lab.emit}]}
          - {name: end, type: com.acme.next, to: [{handler: lab.record}]}

        """
    }

    @Test(arguments: LogBackend.allCases)
    func `emitted events come in again with cause, correlation, trace and depth`(_ backend: LogBackend) throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let bench = try bench(
            backend, 2, extra: #","correlationid":"order-7","traceparent":"00-\#(trace)-b7ad6b7169203331-01""#)
        let report = try bench.run(Self.emitting("com.acme.next", count: 3) + "telemetry: {context: parent}")
        #expect(report.emits?.accepted == 6 && report.status.counts.done == 8 && report.drift == nil)
        let seen = try bench.lines("seen")
        #expect(seen.count == 6 && Set(seen.map { $0.prefix { $0 != " " } }).count == 6)
        for line in seen.map(fields) {
            #expect(["1", "2"].contains(line["cause"]) && line["correlation"] == "order-7" && line["depth"] == "1")
            #expect(line["trace"]?.contains(trace) == true, "\(line)")
        }
        // Ids repeat when the same events come again.
        let again = try RunBench(backend)
        try again.install("lab")
        try again.write("events.jsonl", Events.lines(2))
        _ = try again.run(Self.emitting("com.acme.next", count: 3))
        let ids = Set(try again.lines("seen").map { $0.prefix { $0 != " " } })
        #expect(ids == Set(seen.map { $0.prefix { $0 != " " } }))
    }

    /// Regression: `tracestate` was handed on unread, and also where another trace had begun.
    @Test(
        arguments: [
            ("parent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1,other=a:b", true),
            ("link", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1", false),
            ("parent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "vendor=1", false),
            ("parent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "no state", false),
        ])
    func `a trace's state goes on with its trace alone, and when it is one`(
        context: String, traceparent: String, state: String, goesOn: Bool
    ) throws {
        let bench = try bench(.memory, 1, extra: #","traceparent":"\#(traceparent)","tracestate":"\#(state)""#)
        let yaml =
            Self.emitting("com.acme.next", count: 1)
            + "  - {name: own, type: com.acme.test, to: [{handler: lab.record}]}\ntelemetry: {context: \(context)}"
        #expect(try bench.run(yaml).status.counts.done == 3)
        let seen = try bench.lines("seen").map(fields)
        #expect(seen.count == 2 && seen.allSatisfy { $0["state"] == (goesOn ? state : "") }, "\(seen)")
    }

    /// Regression: one hop more than the largest number there is ended the host, at each start anew.
    @Test(arguments: ["9223372036854775807", "-9223372036854775808"])
    func `an event from outside may claim any depth`(depth: String) throws {
        let bench = try bench(.file, 1, extra: #","emitdepth":"\#(depth)""#)
        let report = try bench.run(Self.emitting("com.acme.next", count: 1))
        let isTooDeep = !depth.hasPrefix("-")
        #expect(report.drift == nil && report.dead == (isTooDeep ? 1 : 0))
        #expect(try bench.lines("seen").count == (isTooDeep ? 0 : 1))
    }

    @Test(arguments: LogBackend.allCases)
    func `a circle of emits ends at the depth, as a dead letter`(_ backend: LogBackend) throws {
        let bench = try bench(backend, 1)
        let report = try bench.run(Self.emitting("com.acme.test", count: 1, depth: 3))
        #expect(report.emits?.accepted == 4 && report.status.counts.done == 4 && report.exitCode == 3)
        #expect(report.status.unmatched.dead == 1 && report.dead == 1 && report.drift == nil)
        let letter = try #require(try bench.deadLetters().first)
        #expect(letter["dlqclass"] == "emitdepth" && letter["emitdepth"] == "4")
        #expect(letter["dlqhandler"] == "lab.emit" && letter["knativeerrordest"] == "lab.emit")
        #expect(letter["dlqreason"]?.contains("4 hops") == true)
    }

    @Test(arguments: LogBackend.allCases)
    func `concurrent changes of one state are made one after another, without a charge for reruns`(
        _ backend: LogBackend
    ) throws {
        let bench = try bench(backend, 30)
        let report = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 2}}]}
            policies: {bulkheads: {default: {maxInFlight: 8}}, retries: {default: {policy: none}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.tally}]}]
            """)
        #expect(report.status.counts.done == 30 && report.status.counts.dead == 0 && report.drift == nil)
        let seen = try bench.lines("seen")
        #expect(seen.count > 30, "no two calls ever met")
        #expect(seen.allSatisfy { $0.contains("attempt=1 ") })
        #expect(seen.contains { $0.contains("value=30 ") } && !seen.contains { $0.contains("value=31 ") })
    }

    @Test(arguments: LogBackend.allCases)
    func `timers fire at the handler that set them, with their key and cause, and cancelled ones do not`(
        _ backend: LogBackend
    ) throws {
        let bench = try bench(backend, 3)
        let report = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 5}}]}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, type: com.acme.test, to: [{handler: lab.timer}]}]
            """)
        #expect(report.status.counts.done == 6 && report.exitCode == 0 && report.drift == nil)
        #expect(try Set(bench.lines("seen")) == Set((1...3).map { "fired \($0) cause=\($0) depth=0" }))
    }

    @Test(arguments: LogBackend.allCases)
    func `done, skip, fail, busy and retry each have their own end`(_ backend: LogBackend) throws {
        let bench = try RunBench(backend)
        for name in ["ok", "skip", "permanent", "transient", "busy"] {
            try bench.write("\(name).jsonl", Events.lines(1, type: "com.acme.\(name)"))
        }
        func load(_ name: String, _ script: String) -> String {
            "{name: \(name), builtin: fail, config: {script: [\(script)], retryAfterMilliseconds: 1}}"
        }
        let names = ["ok", "skip", "permanent", "transient", "busy"]
        let report = try bench.run(
            """
            modules:
              load:
                - \(load("ok", "ok"))
                - \(load("skip", "skip"))
                - \(load("permanent", "permanent"))
                - \(load("transient", "transient, transient, transient"))
                - \(load("busy", "busy, busy, busy, busy, ok"))
            policies: {retries: {default: {policy: constant, duration: 1ms, maxRetries: 2, jitter: none}}}
            sources:
            \(names.map { "  - {name: \($0), type: file, path: FOLDER/\($0).jsonl}" }.joined(separator: "\n"))
            routes:
            \(names.map { "  - {name: \($0), type: com.acme.\($0), to: [{handler: \($0).fail}]}" }.joined(separator: "\n"))
            """)
        #expect(report.drift == nil)
        #expect(report.counts("ok.fail").done == 1 && report.counts("skip.fail").skipped == 1)
        #expect(report.counts("permanent.fail").dead == 1 && report.counts("permanent.fail").retries == 0)
        #expect(report.counts("transient.fail").dead == 1 && report.counts("transient.fail").retries == 2)
        #expect(report.counts("busy.fail").done == 1 && report.status.counts.busy == 4)
        #expect(try bench.deadLetters().count == 2)
    }
}
