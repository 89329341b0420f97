import Glibc
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// What the log says of events of real runs.
@Suite struct HistoryTests {
    /// One handler that fails twice and then does it, one that gives up, one whose next attempt is far away.
    private static func yaml(second: String = "second") -> String {
        """
        log: {backend: file, path: FOLDER/data}
        shutdown: {drain: 2s}
        modules:
          load:
            - {name: flaky, builtin: fail, config: {script: [transient, transient, ok]}}
            - {name: bad, builtin: fail, config: {script: [permanent]}}
            - {name: slow, builtin: fail, config: {script: [transient]}}
        policies:
          retries:
            default: {duration: 1ms, maxRetries: 5}
            hour: {policy: constant, duration: 1h, maxInterval: 1h, maxRetries: 2, jitter: none}
          timeouts: {hours: {attempt: 1m, total: 20h}}
        routes:
          - {name: first, to: [{handler: flaky.fail}]}
          - {name: \(second), to: [{handler: bad.fail}]}
          - {name: third, to: [{handler: slow.fail}], use: {retry: hour, timeout: hours}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        """
    }

    /// Runs until the first two deliveries are over and the third one waits.
    private func run(_ bench: RunBench, events: String) throws {
        try bench.write("events.jsonl", events)
        let host = try bench.host(Self.yaml())
        try host.start()
        let isThere = bench.eventually {
            let counts = host.progress.status.counts
            return counts.done == 1 && counts.dead == 1 && counts.retries >= 3
        }
        host.drain()
        _ = host.wait()
        try #require(isThere)
    }

    private func history(_ bench: RunBench, source: String? = nil) throws -> EventHistory {
        let stored = try StoredEvents(folder: bench.path("data"))
        return try stored.history(of: try stored.find(id: "1", source: source))
    }

    @Test func `tells retries, a dead letter and a pending delivery, attempt by attempt`() throws {
        let bench = try RunBench()
        try run(bench, events: Events.lines(1))
        let history = try history(bench)
        #expect(history.event.id == "1" && history.position == 0)
        #expect(history.acceptedAt >= history.receivedAt && history.receivedAt > 0)
        #expect(history.deliveries.map(\.route) == ["first", "second", "third"])
        #expect(history.deliveries.map(\.handler) == ["flaky.fail", "bad.fail", "slow.fail"])

        let flaky = history.deliveries[0]
        #expect(flaky.state == .done(attempts: 3))
        let failed = flaky.steps.compactMap { step -> DeliveryHistory.FailedAttempt? in
            if case .failed(let attempt) = step { attempt } else { nil }
        }
        #expect(failed.map(\.number) == [1, 2])
        #expect(failed.map(\.failureClass) == ["transient", "transient"])
        #expect(failed.allSatisfy { $0.verdict == .retries && $0.due >= $0.endedAt && $0.startedAt <= $0.endedAt })
        #expect(failed.allSatisfy { $0.startedAt >= history.acceptedAt || $0.duration == 0 })
        #expect(zip(failed, failed.dropFirst()).allSatisfy { $1.startedAt >= $0.due || $1.duration == 0 })
        #expect(failed[0].reason == "transient: scripted by builtin.fail")
        #expect(flaky.steps.count == 3)

        let bad = history.deliveries[1]
        guard case .dead(let letter) = bad.state, case .died(let death) = bad.steps.last else {
            Issue.record("\(bad)")
            return
        }
        #expect(death.letter == letter && death.failureClass == "permanent")
        #expect(death.reason == "permanent: scripted by builtin.fail")

        let slow = history.deliveries[2]
        guard case .retrying(let due) = slow.state, case .failed(let attempt) = slow.steps.last else {
            Issue.record("\(slow)")
            return
        }
        #expect(slow.steps.count == 1 && attempt.due == due)
        #expect(attempt.delay > 3_500_000_000_000 && attempt.delay <= 3_600_000_000_000)
    }

    @Test func `finds by id alone, asks for the source where several have it, and names what is not there`() throws {
        let bench = try RunBench()
        try bench.write(
            "events.jsonl",
            Events.line(1) + "\n" + Events.line(1).replacing("/test", with: "/other") + "\n" + Events.line(2) + "\n")
        let report = try bench.run(
            """
            log: {backend: file, path: FOLDER/data}
            routes: [{name: all, to: [{handler: builtin.log}]}]
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            """)
        try #require(report.accepted == 3)
        let stored = try StoredEvents(folder: bench.path("data"))
        #expect(stored.host == nil)
        #expect(try stored.find(id: "2", source: nil).position == 2)
        #expect(try stored.find(id: "1", source: "/other").position == 1)
        let ambiguous = try #require(throws: StoredEventError.self) { try stored.find(id: "1", source: nil) }
        #expect(ambiguous.code == .ambiguous && ambiguous.description.contains("'/other', '/test'"))
        let missing = try #require(throws: StoredEventError.self) { try stored.find(id: "3", source: nil) }
        #expect(missing.code == .missing)
        let none = try #require(throws: StoredEventError.self) { try StoredEvents(folder: bench.path("nothing")) }
        #expect(none.code == .noLog)
    }

    @Test func `says where today's configuration would decide differently`() throws {
        let bench = try RunBench()
        try run(bench, events: Events.lines(1))
        let history = try history(bench, source: "/test")
        func drift(_ yaml: String) throws -> [RoutingDrift.Change]? {
            let blueprint = try Blueprint(try bench.preparation(yaml).configuration, seed: 1)
            let routing = try Explainer(blueprint).explain(history.line[...]).routing
            return RoutingDrift(history, routing, unmatched: blueprint.configuration.unmatched)?.changes
        }
        #expect(try drift(Self.yaml()) == [])
        func fingerprint(_ yaml: String) throws -> String {
            EffectiveConfiguration(try bench.preparation(yaml).configuration).fingerprint
        }
        #expect(try history.configuration == fingerprint(Self.yaml()))
        #expect(try history.configuration != fingerprint(Self.yaml(second: "renamed")))
        #expect(
            try drift(Self.yaml(second: "renamed")) == [.moved(handler: "bad.fail", from: "second", to: "renamed")])
        #expect(
            try drift("routes: [{name: all, to: [{handler: builtin.log}]}]") == [
                .gone(handler: "flaky.fail", route: "first"), .gone(handler: "bad.fail", route: "second"),
                .gone(handler: "slow.fail", route: "third"), .added(handler: "builtin.log", route: "all"),
            ])
    }

    @Test func `reads beside a running host, and names its process`() throws {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(1))
        let host = try bench.host(Self.yaml())
        try host.start()
        defer {
            host.stop()
            _ = host.wait()
        }
        try #require(bench.eventually { host.progress.status.counts.done == 1 })
        let stored = try StoredEvents(folder: bench.path("data"))
        #expect(stored.host == getpid())
        #expect(try stored.history(of: try stored.find(id: "1", source: "/test")).deliveries.count == 3)
    }
}
