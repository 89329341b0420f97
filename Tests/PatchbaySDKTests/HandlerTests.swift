import PatchbaySDK
import PatchbaySDKTesting
import Synchronization
import Testing

/// Says farewell through its host when it is released.
private final class Farewell: Handler {
    static let said = Mutex<[String]>([])
    private let host: Host

    init(configuration: NoConfiguration, host: Host) { self.host = host }

    deinit { Self.said.withLock { $0.append("farewell from \(host.name)") } }

    func handle(_ event: borrowing EventView, _ call: Call) -> Outcome { .done }
}

@Suite struct HandlerTests {
    @Test func `keeps the host for a handler that is being released`() async throws {
        var host: TestHost? = try TestHost(Farewell.self)
        _ = await host?.send(TestEvent(type: "plain"))
        host = nil
        #expect(Farewell.said.withLock { $0 } == ["farewell from patchbay-test"])
    }

    private func host() throws -> TestHost { try TestHost(Everything.self, configuration: ["greeting": "hi"]) }

    private func send(_ type: String, to host: TestHost) async throws -> TestReport {
        try #require(await host.send(TestEvent(type: type)))
    }

    @Test func `shows a handler the attributes, extensions and data of its event`() async throws {
        var event = TestEvent(type: "plain", subject: "eu/1", data: [1, 2, 3])
        event.id = "A-1"
        event.attributes = ["region": "eu", "tenant": "acme"]
        event.attempt = 3
        let report = try #require(await host().send(event))
        #expect(report.outcome == .done)
        #expect(
            try JSON(parsing: report.reply)
                == ["id": "A-1", "subject": "eu/1", "extension": "acme", "attempt": 3, "bytes": 3])
        #expect(report.replyContentType == "application/json")
    }

    @Test func `refuses a configuration that does not decode or that init refuses, and says why`() {
        let missing = #expect(throws: TestHostError.self) { try TestHost(Everything.self) }
        #expect(missing?.message == "a required member is missing at greeting")
        let wrong = #expect(throws: TestHostError.self) {
            try TestHost(Everything.self, configuration: ["greeting": 1])
        }
        #expect(wrong?.message == "expected a string, found an integer at greeting")
        let empty = #expect(throws: TestHostError.self) {
            try TestHost(Everything.self, configuration: ["greeting": ""])
        }
        #expect(empty?.message == "no greeting")
    }

    @Test func `commits events, state and timers only when the call is done`() async throws {
        let host = try host()
        let failed = try await send("emit.fail", to: host)
        #expect(failed.outcome == .fail && failed.reason == "card_declined: no" && failed.code == 7)
        #expect(failed.detail == #"{"a":1}"# && failed.emitted.isEmpty)
        #expect(host.state("key") == nil && host.timer("later") == nil)

        let done = try await send("emit", to: host)
        #expect(done.outcome == .done)
        #expect(done.emitted.map(\.type) == ["emitted"])
        #expect(done.emitted.first?.data == Array(#"{"greeting":"hi"}"#.utf8))
        #expect(host.state("key") == Array(#"{"n":1}"#.utf8))
        #expect(host.timer("later") == 5)
    }

    @Test func `throws a conflict for a revision that has passed, and commits nothing of that call`() async throws {
        let host = try host()
        #expect(try await send("state", to: host).outcome == .skip)
        _ = try await send("emit", to: host)
        let report = try await send("state", to: host)
        #expect(report.outcome == .retry)
        #expect(report.reason == "state.put: status -6")
        #expect(host.state("key") == Array(#"{"n":1}"#.utf8))
    }

    @Test func `rejects an event that does not decode without charging the breaker`() async throws {
        let good = try #require(await host().send(TestEvent(type: "decode", json: [1, 2])))
        #expect(good.reply == Array("[1,2]".utf8))
        let bad = try #require(await host().send(TestEvent(type: "decode", json: [1, "x"])))
        #expect(bad.outcome == .fail && bad.sparesBreaker)
        #expect(bad.reason == "invalid: expected an integer, found a string at [1]")
    }

    @Test func `makes a retry of an error, and gives the delay that it was told`() async throws {
        let thrown = try await send("throw", to: host())
        #expect(thrown.outcome == .retry && thrown.reason == "no greeting" && thrown.retryAfter == nil)
        let retried = try await send("retry", to: host())
        #expect(retried.outcome == .retry && retried.retryAfter == .milliseconds(1500))
    }

    @Test func `records spans and measurements`() async throws {
        let host = try host()
        let report = try await send("span", to: host)
        #expect(report.spans.map(\.name) == ["outer", "inner"])
        #expect(report.spans.map(\.ok) == [true, false])
        #expect(report.spans.first?.attributes == ["size": "3"])
        #expect(host.measurements == [TestMeasurement(instrument: "seen", value: 1, attributes: ["type": "span"])])
    }

    @Test func `settles each event of a batch by itself`() async throws {
        let host = try TestHost(Sums.self)
        let reports = await host.send(batch: [1, -2, 3].map { TestEvent(type: "n", json: .integer($0)) })
        #expect(reports.map { $0?.outcome } == [.done, .fail, .done])
        let broken = await host.send(batch: [TestEvent(type: "n", json: -1), TestEvent(type: "n", json: "x")])
        #expect(broken.map { $0?.outcome } == [.fail, .retry])
    }

    @Test func `completes calls of a batch later, and settles the others when it returns or throws`() async throws {
        let host = try TestHost(Sums.self)
        func outcomes(_ numbers: [JSON]) async -> [TestReport.Outcome?] {
            await host.send(batch: numbers.map { TestEvent(type: "n", json: $0) }).map { $0?.outcome }
        }
        #expect(await outcomes([0, 1, -1, 100]) == [.skip, .done, .fail, .retry])
        #expect(await outcomes([0, "x", 1]) == [.skip, .retry, .retry])
        #expect(host.staleCompletions == 0)
    }

    @Test func `completes asynchronous calls and cancels their tasks`() async throws {
        let host = try TestHost(Waits.self)
        let done = try #require(await host.send(TestEvent(type: "x")))
        #expect(done.outcome == .done && done.reply == Array("\"1\"".utf8))
        let cancelled = try #require(await host.sendAndCancel(TestEvent(type: "x", subject: "forever"), why: .drain))
        #expect(cancelled.outcome == .cancelled)
        #expect(host.staleCompletions == 0)
    }

    @Test func `keeps event and host for a handler that comes too late`() async throws {
        var host: TestHost? = try TestHost(Overdue.self)
        let report = await host?.send(TestEvent(type: "x"), timeout: .milliseconds(1))
        #expect(report == nil)
        host = nil
        Overdue.gate.continuation.yield()
        var ids = Overdue.ids.stream.makeAsyncIterator()
        #expect(await ids.next() == "1")
    }

    @Test func `completes many asynchronous calls at once, each exactly once`() async throws {
        let host = try TestHost(Waits.self)
        await withTaskGroup(of: TestReport.Outcome?.self) { group in
            for _ in 0..<500 { group.addTask { await host.send(TestEvent(type: "x"))?.outcome } }
            for await outcome in group { #expect(outcome == .done) }
        }
        #expect(host.staleCompletions == 0)
    }
}
