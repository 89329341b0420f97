import Foundation
import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// With `log.backend: file`, what one run leaves the next one takes over.
@Suite struct `a log in files` {
    private static let log = "log: {backend: file, path: FOLDER/data}\n"
    private static let modules =
        "modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/open}}]}\n"
    private static let source = "sources: [{name: events, type: file, path: FOLDER/events.jsonl}]\n"
    private static let none = "sources: [{name: events, type: file, path: FOLDER/none.jsonl}]\n"

    private func bench(_ count: Int, type: String = "com.acme.test") throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(count, type: type))
        try bench.write("none.jsonl", "")
        return bench
    }

    @Test func `events that a stopped run had not handled are handled by the next`() throws {
        let bench = try bench(300)
        let routes = "routes: [{name: all, to: [{handler: lab.gate}]}]\nshutdown: {drain: 1ms}\n"
        let first = try bench.host(Self.modules + Self.log + Self.source + routes, once: false)
        try first.start()
        #expect(try bench.eventually { try !bench.lines("seen").isEmpty && first.progress.status.accepted == 300 })
        first.stop()
        // A call that is open at a stop is not done.
        let stopped = first.wait()
        try bench.write("open", "")
        #expect(stopped.problems == [] && stopped.pendingWritten == nil, "\(stopped)")
        let left = try #require(stopped.log?.pending)
        #expect(left > 0)
        let second = try bench.run(Self.modules + Self.log + Self.none + routes)
        #expect(second.problems == [] && second.log?.resumed == left && second.log?.pending == 0, "\(second)")
        #expect(stopped.status.counts.done + second.status.counts.done == 300)
        let done = try bench.lines("seen").filter { $0.hasPrefix("leave") }.map { $0.dropFirst(6) }
        #expect(Set(done).count == 300)
    }

    @Test func `attempts that were charged stay charged`() throws {
        let bench = try bench(1)
        let yaml = { (delay: String, source: String) in
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [transient]}}]}
            policies: {retries: {quick: {policy: constant, duration: \(delay), maxInterval: 1h, maxRetries: 2, jitter: none}}, timeouts: {default: {total: 9h}}}
            routes: [{name: all, to: [{handler: flaky.fail}], use: {retry: quick}}]

            """ + Self.log + source
        }
        let first = try bench.host(yaml("1h", Self.source), once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.counts.retries == 1 })
        first.drain()
        let drained = first.wait()
        #expect(drained.end == "kept" && drained.exitCode == 0 && drained.log?.pending == 1, "\(drained)")
        // Due in an hour, which is not over: it waits in the next run, too.
        let second = try bench.host(yaml("1h", Self.none), once: false)
        try second.start()
        #expect(bench.eventually { second.progress.status.counts.created == 1 })
        second.drain()
        #expect(second.wait().log?.pending == 1)
    }

    @Test func `a delivery that failed before goes on with its next attempt, to its dead letter`() throws {
        let bench = try bench(1)
        let yaml = { (source: String) in
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [transient, transient, transient]}}]}
            policies: {retries: {quick: {policy: constant, duration: 700ms, maxRetries: 2, jitter: none}}}
            routes: [{name: all, to: [{handler: flaky.fail}], use: {retry: quick}}]

            """ + Self.log + source
        }
        let first = try bench.host(yaml(Self.source), once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.counts.retries == 1 })
        first.drain()
        let drained = first.wait()
        let charged = drained.status.counts.retries
        #expect(drained.log?.pending == 1)
        let second = try bench.run(yaml(Self.none))
        #expect(second.status.counts.retries + charged == 2 && second.status.counts.dead == 1, "\(second)")
        #expect(second.exitCode == 3 && second.log?.pending == 0)
    }

    @Test func `handlers' state is there in the next run, with its revisions`() throws {
        let bench = try bench(3)
        let yaml = { Self.modules + Self.log + $0 + "routes: [{name: all, to: [{handler: lab.tally}]}]\n" }
        _ = try bench.run(yaml(Self.source))
        _ = try bench.run(yaml(Self.source))
        let values = try bench.lines("seen").filter { $0.hasSuffix("status=0") }
            .compactMap { $0.split(separator: " ").first { $0.hasPrefix("value=") } }
        #expect(values.last == "value=6", "\(values)")
    }

    @Test func `a timer that was set fires in the next run`() throws {
        let bench = try bench(1)
        let modules =
            "modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 400}}]}\n"
        let routes = "routes: [{name: all, to: [{handler: lab.timer}]}]\n"
        let first = try bench.host(modules + Self.log + Self.source + routes, once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.counts.done == 1 })
        first.stop()
        #expect(first.wait().pendingWritten == nil)
        let before = try bench.lines("seen").filter { $0.hasPrefix("fired") }.count
        let second = try bench.run(modules + Self.log + Self.none + routes)
        #expect(second.problems == [])
        #expect(try bench.lines("seen").filter { $0.hasPrefix("fired 1 cause=1") }.count == 1, "\(before) before")
    }

    @Test func `deliveries of a handler that is gone wait for it, and are not given to another`() throws {
        let bench = try bench(5)
        let gate = "routes: [{name: all, to: [{handler: lab.gate}]}]\n"
        let first = try bench.host(Self.modules + Self.log + Self.source + gate, once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.accepted == 5 })
        first.stop()
        _ = first.wait()
        let other = try bench.run(
            Self.modules + Self.log + Self.none + "routes: [{name: all, to: [{handler: lab.record}]}]\n")
        #expect(other.log?.orphaned == 5 && other.log?.pending == 5 && other.status.counts.created == 0, "\(other)")
        #expect(bench.log.contains("5 deliveries wait for the handler 'lab.gate'"))
        try bench.write("open", "")
        let third = try bench.run(Self.modules + Self.log + Self.none + gate)
        #expect(third.status.counts.done == 5 && third.log?.pending == 0)
    }

    @Test func `emitted events are in the log with the outcome of their call`() throws {
        let bench = try bench(4)
        let modules =
            "modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/open, "
            + "text: com.acme.next, count: 3}}]}\n"
        let routes =
            "routes: [{name: start, type: com.acme.test, to: [{handler: lab.emit}]}, "
            + "{name: end, type: com.acme.next, to: [{handler: lab.gate}]}]\n"
        let first = try bench.host(modules + Self.log + Self.source + routes, once: false)
        try first.start()
        #expect(bench.eventually { first.progress.status.emitted == 12 })
        first.stop()
        let stopped = first.wait()
        #expect(stopped.log?.pending == 12, "\(stopped)")
        try bench.write("open", "")
        let second = try bench.run(modules + Self.log + Self.none + routes)
        #expect(second.status.counts.done == 12 && second.emits?.accepted == 0)
        #expect(Set(try bench.lines("seen").filter { $0.hasPrefix("leave") }).count == 12)
    }

    @Test func `a folder that another host has is refused with its process`() throws {
        let bench = try bench(1)
        let yaml = Self.modules + Self.log + Self.source + "routes: [{name: all, to: [{handler: lab.gate}]}]\n"
        let first = try bench.host(yaml, once: false)
        try first.start()
        let second = try bench.host(yaml, once: false)
        let error = #expect(throws: HostError.self) { try second.start() }
        #expect(error?.message.contains("in use by process \(getpid())") == true, "\(error?.message ?? "")")
        try bench.write("open", "")
        first.stop()
        _ = first.wait()
        _ = second
    }

    @Test func `events that no route takes are dead letters in the log`() throws {
        let bench = try bench(3, type: "com.acme.unknown")
        let report = try bench.run(
            Self.modules + Self.log + Self.source + "routes: [{name: all, type: x, to: [{handler: lab.record}]}]\n")
        #expect(report.dead == 3 && report.exitCode == 3 && report.problems == [] && report.log?.pending == 0)
        #expect(!FileManager.default.fileExists(atPath: bench.path("dead-letters.jsonl")))
    }
}
