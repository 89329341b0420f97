import Foundation
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// Modules in processes of their own that do their worst: what it costs, and that nothing else is touched.
@Suite struct `isolated modules` {
    private func bench(_ subjects: [String], _ backend: LogBackend = .memory, data: String = "{}") throws -> RunBench {
        let bench = try RunBench(backend)
        try bench.install("lab")
        try bench.install("batcher")
        try bench.install("frail")
        let lines = subjects.enumerated().map { number, subject in
            Events.line(number + 1, type: "com.acme.test", data: data, extra: #","subject":"\#(subject)""#) + "\n"
        }
        try bench.write("events.jsonl", lines.joined())
        return bench
    }

    private static func yaml(
        _ handler: String = "lab.wild", retries: Int = 2, attempt: String = "30s", route: String = "",
        limits: String = "{}"
    ) -> String {
        """
        modules:
          directory: FOLDER/plugins
          load:
            - {name: lab, isolation: process, limits: \(limits), grant: {write: [FOLDER]}, config: {path: FOLDER/seen}}
            - {name: batcher, isolation: process, grant: {write: [FOLDER]}, config: {path: FOLDER/seen}}
            - {name: frail, isolation: process}
        policies:
          retries: {default: {duration: 1ms, maxRetries: \(retries)}}
          timeouts: {default: {attempt: \(attempt), total: 1h}}
          circuitBreakers: {default: {trip: consecutiveFailures > 1000000}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes: [{name: all, to: [{handler: \(handler)}]\(route)}]
        """
    }

    /// Runs until so many events are dead, or for as long as a test waits.
    private func run(_ bench: RunBench, _ yaml: String, untilDead count: Int) throws -> RunReport {
        let host = try bench.host(yaml)
        try host.start()
        let isReached = bench.eventually { host.progress.status.counts.dead >= count }
        #expect(isReached, "\(host.progress.status.counts)")
        host.stop()
        return host.wait()
    }

    /// The ids of the events that were handled.
    private func done(_ bench: RunBench) throws -> [String] {
        try bench.lines("seen").compactMap { $0.contains("attempt=") ? String($0.prefix { $0 != " " }) : nil }
    }

    @Test(arguments: LogBackend.allCases)
    func `each way to crash costs its own event an attempt, and is named in its dead letter`(
        _ backend: LogBackend
    ) throws {
        let ways = ["crash", "abort", "exit", "overflow"]
        let bench = try bench(ways.flatMap { [$0, "fine", "fine"] }, backend)
        let report = try bench.run(Self.yaml(retries: 1))
        #expect(report.status.counts.done == 8)
        #expect(report.status.counts.dead == 4)
        #expect(report.status.counts.retries == 4)
        #expect(report.drift == nil)
        // Each fine event once: what a neighbour's crash interrupted is run again, and charged to nobody.
        #expect(Set(try done(bench)).count == 8)
        let letters = try bench.deadLetters()
        let reasons = Dictionary(
            letters.map { ($0.subject ?? "", $0["dlqreason"] ?? "") }, uniquingKeysWith: { first, _ in first })
        #expect(reasons["crash"]?.hasPrefix("crashed: SIGSEGV at 0x0 in lab.so") == true, "\(reasons)")
        #expect(reasons["abort"]?.hasPrefix("crashed: SIGABRT in lab.so") == true, "\(reasons)")
        #expect(reasons["exit"] == "exited: the module called exit (exit 3)")
        #expect(reasons["overflow"]?.hasPrefix("crashed: SIGSEGV at 0x") == true, "\(reasons)")
        #expect(letters.allSatisfy { $0["dlqhandlerver"] == "1.0.0" && $0["dlqattempts"] == "2" })
        let detail = try #require(letters.first { $0.subject == "crash" }?["dlqdetail"])
        #expect(detail.hasPrefix(#"{"ending":"SIGSEGV","backtrace":["lab.so "#), "\(detail)")
    }

    @Test func `the poison event of a batch is found, and all others of it are handled`() throws {
        let subjects = (0..<60).map { $0 == 37 ? "poison" : "fine" }
        let bench = try bench(subjects)
        let report = try bench.run(
            Self.yaml("batcher.sink", retries: 0, route: ", batching: {count: 60, period: 5s}"))
        #expect(report.status.counts.done == 59)
        #expect(report.status.counts.dead == 1)
        #expect(try bench.deadLetters().map(\.subject) == ["poison"])
        #expect(try bench.lines("seen").contains { $0.hasPrefix("batch ") && !$0.hasPrefix("batch 1 ") })
    }

    @Test(arguments: [[0], Array(0..<16)])
    func `a batch whose first event is poison, or each, is halved until every poison event is dead`(
        _ poison: [Int]
    ) throws {
        let bench = try bench((0..<16).map { poison.contains($0) ? "poison" : "fine" })
        let report = try run(
            bench, Self.yaml("batcher.sink", retries: 0, route: ", batching: {count: 16, period: 5s}"),
            untilDead: poison.count)
        #expect(report.status.counts.dead == poison.count)
        #expect(try bench.deadLetters().allSatisfy { $0.subject == "poison" })
        #expect(report.drift == nil)
    }

    @Test func `a crash in a run of several events is charged to the one that it happened in`() throws {
        let bench = try bench(Array(repeating: "hold", count: 9) + ["crash"])
        let report = try run(
            bench, Self.yaml(retries: 0, route: ", batching: {count: 10, period: 5s}"), untilDead: 1)
        #expect(try bench.deadLetters().map(\.subject) == ["crash"])
        #expect(report.status.counts.dead == 1)
        #expect(report.drift == nil)
    }

    @Test func `a crash in the function that gets an answer is charged to the calls that are open`() throws {
        let bench = try bench(["ask"])
        let report = try run(bench, Self.yaml("frail.hold", retries: 1), untilDead: 1)
        let letter = try #require(try bench.deadLetters().first)
        #expect(letter["dlqreason"]?.hasPrefix("crashed: SIGABRT in frail.so ") == true, "\(letter)")
        #expect(letter["dlqattempts"] == "2")
        #expect(report.drift == nil)
    }

    @Test func `a crash in cancel is charged to the calls that are open`() throws {
        let bench = try bench(["wait"])
        let report = try run(bench, Self.yaml("frail.hold", retries: 0, attempt: "100ms"), untilDead: 1)
        #expect(report.status.counts.dead == 1)
        #expect(report.drift == nil)
    }

    @Test func `a worker waits longer each time it dies before a call is completed, also where calls have returned`()
        throws
    {
        let bench = try bench(["own"])
        _ = try run(bench, Self.yaml(retries: 3), untilDead: 1)
        #expect(bench.log.contains("it is started again in 10 ms"))
        #expect(bench.log.contains("it is started again in 20 ms"))
    }

    @Test func `a call that waits for its completion is not charged for a neighbour's crash`() throws {
        let bench = try bench(["hold", "crash"])
        let host = try bench.host(Self.yaml(retries: 0))
        try host.start()
        #expect(bench.eventually { host.progress.counts("lab.wild").dead == 1 })
        // It is held once more, by the next worker.
        #expect(host.progress.status.counts.retries == 0)
        host.stop()
        let report = host.wait()
        #expect(report.status.counts.dead == 1)
        #expect(report.drift == nil)
    }

    @Test func `a crash on a thread of the module's own is charged to the calls that are open`() throws {
        let bench = try bench(["own"])
        let report = try bench.run(Self.yaml(retries: 1))
        #expect(report.status.counts.dead == 1)
        #expect(try bench.deadLetters().first?["dlqreason"]?.hasPrefix("crashed: SIGABRT") == true)
    }

    @Test func `a call that overstays its deadline ends with its worker, and owes nothing`() throws {
        let bench = try bench(["loop", "fine", "fine"])
        let host = try bench.host(Self.yaml(retries: 0, attempt: "200ms"), once: false)
        try host.start()
        // The event is dead a second after its deadline, and about then its worker.
        let isOver = bench.eventually {
            let status = host.progress.status
            return status.counts.dead == 1 && status.counts.done == 2 && status.callsOpen == 0
        }
        #expect(isOver, "\(host.progress.status)")
        host.drain()
        #expect(host.wait().status.callsOpen == 0)
    }

    @Test func `calls are completed from threads of the module's own`() throws {
        let bench = try bench((0..<200).map { _ in "async" })
        let report = try bench.run(Self.yaml())
        #expect(report.status.counts.done == 200)
        #expect(report.status.counts.retries == 0)
    }

    @Test func `an event of a megabyte arrives whole`() throws {
        let bench = try bench(["fine"], data: "{\"x\":\"" + String(repeating: "a", count: 1_000_000) + "z\"}")
        let report = try bench.run(Self.yaml() + "\nlimits: {eventBytes: 2MiB}")
        #expect(report.status.counts.done == 1)
        #expect(try bench.lines("seen") == ["1 attempt=1 bytes=1000009 last=\""])
    }

    @Test func `it reaches neither files nor the network, nor other processes`() throws {
        let bench = try bench(["escape"])
        _ = try bench.run(Self.yaml())
        #expect(try bench.lines("seen").first == "file 0 socket 0 fork 0 kill 0")
    }

    @Test func `it makes nothing that outlives it, and no calls of the system that are not known`() throws {
        let bench = try bench(["reach"])
        _ = try bench.run(Self.yaml())
        let lines = try bench.lines("seen")
        #expect(
            lines.first
                == "memory \(EPERM) queue \(EPERM) semaphore \(EPERM) mail \(EPERM) flags \(EPERM)")
        #expect(lines.dropFirst().first == "new \(ENOSYS) \(ENOSYS) \(ENOSYS)")
    }

    /// As libdispatch does, which ends the process where it cannot.
    @Test func `it reads the state of its own threads, and of no other process`() throws {
        let bench = try bench(["watch"])
        _ = try bench.run(Self.yaml())
        #expect(try bench.lines("seen").first == "main 0 own 1 host 0")
    }

    @Test func `what it prints becomes log records`() throws {
        let bench = try bench(["print"])
        _ = try bench.run(Self.yaml())
        #expect(bench.eventually { bench.log.all.filter { $0.text.hasPrefix("said to") }.count == 2 })
        let said = bench.log.all.filter { $0.text.hasPrefix("said to") }
        #expect(Set(said.map { "\($0.text) \($0.level)" }) == ["said to stdout info", "said to stderr warning"])
    }

    @Test(arguments: LogBackend.allCases)
    func `crash after crash under load loses nothing`(_ backend: LogBackend) throws {
        let subjects = (0..<600).map { $0 % 20 == 7 ? "crash" : "fine" }
        let bench = try bench(subjects, backend)
        let report = try bench.run(Self.yaml(retries: 1))
        #expect(report.status.counts.done == 570)
        #expect(report.status.counts.dead == 30)
        #expect(report.drift == nil)
        #expect(Set(try done(bench)).count == 570)
    }
}
