import CPatchbaySystem
import Foundation
import PatchbayTelemetry
import PatchbayTestKit
import Synchronization
import Testing

@testable import PatchbayTransfers

/// The engine against servers on loopback.
@Suite struct TransferEngineTests {
    private let metrics = MetricsRegistry()

    private func engine(_ change: (inout ConnectionWay) -> Void = { _ in }) -> TransferEngine {
        var ways = ConnectionWays()
        change(&ways.usual)
        return TransferEngine(ways, metrics: metrics)
    }

    private func request(
        _ server: ScriptedServer, method: String = "POST", path: String = "/", body: [UInt8] = [1, 2],
        headers: [(name: String, value: String)] = [], most: Int = 1 << 20, seconds: UInt64 = 100
    ) throws -> Transfer {
        try Transfer(
            Transfer.Request(
                method: method, url: "http://127.0.0.1:\(server.port)\(path)", headers: headers, body: body,
                responseBytesMax: most), deadline: pbs_now() + seconds * 1_000_000_000)
    }

    /// Answers that are to come. Waiting holds the thread: the pool of Swift's tasks is full of tests that do, too.
    private final class Pending: Sendable {
        private let arrived: Mutex<[Int: TransferAnswer]>
        private let count: Int

        init(_ count: Int) {
            self.count = count
            arrived = Mutex([:])
        }

        func add(_ number: Int, _ answer: TransferAnswer) { arrived.withLock { $0[number] = answer } }

        /// All of them, in the order of asking.
        func all() throws -> [TransferAnswer] {
            for _ in 0..<12_000 where arrived.withLock({ $0.count }) < count { Thread.sleep(forTimeInterval: 0.01) }
            let answers = arrived.withLock { $0 }
            try #require(answers.count == count, "\(answers.count) of \(count) answers came")
            return (0..<count).compactMap { answers[$0] }
        }
    }

    private func send(_ engine: TransferEngine, _ transfers: [Transfer]) throws -> Pending {
        let pending = Pending(transfers.count)
        for (number, transfer) in transfers.enumerated() {
            try engine.submit(transfer) { pending.add(number, $0) }
        }
        return pending
    }

    /// Sends all at once; the answers in the order of asking.
    private func answers(_ engine: TransferEngine, _ transfers: [Transfer]) throws -> [TransferAnswer] {
        try send(engine, transfers).all()
    }

    private func eventually(_ condition: () -> Bool) {
        for _ in 0..<6_000 where !condition() { Thread.sleep(forTimeInterval: 0.01) }
    }

    private func value(_ name: String, _ labels: [String: String]) -> Double? {
        metrics.snapshot().metrics.first { $0.description.name == name }?.points.first { point in
            labels.allSatisfy { label in
                point.labels.contains { $0 == Attribute(label.key, .string(label.value)) }
            }
        }.map { point in
            switch point.value {
            case .whole(let value): Double(value)
            case .number(let value): value
            case .histogram(let histogram): Double(histogram.count)
            }
        }
    }

    @Test func `sends method, headers and body, and hands back status, headers and body`() throws {
        let server = try ScriptedServer([
            .init(status: 201, headers: ["X-Kind": "made", "Retry-After": "3"], body: Array("done".utf8))
        ])
        let engine = engine()
        defer { engine.stop() }
        let transfer = try request(server, method: "PUT", path: "/a?b=c", headers: [("x-one", "1"), ("x-two", "ü")])
        let answer = try #require(try answers(engine, [transfer]).first)
        #expect(answer.fault == nil)
        #expect(answer.status == 201)
        #expect(answer.headers.first { $0.name == "x-kind" }?.value == "made")
        #expect(answer.retryAfter == 3_000_000_000)
        #expect(answer.body == Array("done".utf8))
        let seen = try #require(server.stop().first)
        #expect(seen.line == "PUT /a?b=c HTTP/1.1")
        #expect(seen.headers["x-one"] == "1")
        #expect(seen.headers["x-two"] == "ü")
        #expect(seen.headers["expect"] == nil)
        #expect(seen.body == [1, 2])
    }

    @Test func `uses no more connections than the pool has, uses them again, and counts them`() throws {
        let server = try ScriptedServer { _ in .init(status: 200, delay: 0.02) }
        let engine = engine { $0.pool.max = 3 }
        defer { engine.stop() }
        let all = try (0..<30).map { _ in try request(server) }
        let answers = try answers(engine, all)
        #expect(answers.allSatisfy { $0.status == 200 })
        #expect(server.mostAtOnce == 3)
        #expect(server.connections == 3)
        #expect(answers.filter { !$0.isReused }.count == 3)
        let service = "http://127.0.0.1:\(server.port)"
        #expect(value("patchbay.transfers.connections", ["service": service, "state": "opened"]) == 3)
        #expect(value("patchbay.transfers.connections", ["service": service, "state": "reused"]) == 27)
        #expect(value("patchbay.transfers.total", ["service": service, "outcome": "2xx"]) == 30)
        #expect(value("patchbay.transfers.wait", ["service": service]) == 30)
        #expect(value("patchbay.transfers.in_use", ["service": service]) == 0)
        _ = server.stop()
    }

    @Test func `tells who waits too long for a connection that nothing of it was sent`() throws {
        let server = try ScriptedServer { _ in .init(status: 0) }
        let engine = engine {
            $0.pool.max = 1
            $0.pool.acquireTimeout = 50_000_000
        }
        // It holds the only connection until the end.
        let holding = try request(server)
        let held = try send(engine, [holding])
        eventually { !server.requests.isEmpty }
        let waited = try #require(try answers(engine, [try request(server)]).first)
        #expect(waited.fault == .noConnection)
        #expect(waited.isUnsent)
        engine.stop()
        let first = try held.all().first
        #expect(first?.fault == .cancelled)
        #expect(first?.isUnsent == false)
        #expect(server.stop().count == 1)
    }

    @Test func `ends a transfer when its time is up, wherever it is then`() throws {
        let server = try ScriptedServer { _ in .init(status: 0) }
        let engine = engine { $0.pool.max = 1 }
        let transfers = try (0..<2).map { _ in try request(server, seconds: 1) }
        let answers = try answers(engine, transfers)
        #expect(answers.map(\.fault) == [.timeout, .timeout])
        engine.stop()
        _ = server.stop()
    }

    @Test func `names what keeps an answer from coming`() throws {
        let server = try ScriptedServer { request in
            switch request.line {
            case let line where line.contains("/large"): .init(status: 200, body: [UInt8](repeating: 1, count: 5_000))
            case let line where line.contains("/close"): .init(status: 0, closes: true)
            default: .init(status: 200)
            }
        }
        let engine = engine()
        defer { engine.stop() }
        let refusing = try ScriptedServer([])
        let port = refusing.port
        _ = refusing.stop()
        let refused = try Transfer(
            Transfer.Request(method: "GET", url: "http://127.0.0.1:\(port)/"), deadline: pbs_now() + 60_000_000_000)
        let unknown = try Transfer(
            Transfer.Request(method: "GET", url: "http://no-such-host.invalid/"),
            deadline: pbs_now() + 60_000_000_000)
        let answers = try answers(
            engine,
            [
                try request(server, path: "/large", most: 1_000), try request(server, path: "/close"), refused, unknown,
                try request(server, path: "/redirect"),
            ])
        #expect(answers.map(\.fault) == [.tooLarge, .broken, .connect, .resolve, nil])
        #expect(answers.map(\.isUnsent) == [false, false, true, true, false])
        #expect(answers[2].message == "connection refused")
        _ = server.stop()
    }

    /// A connection that has lain idle may end just as a request goes out on it: whether the server acted on it nobody
    /// knows, so the client must not send it again by itself.
    @Test(arguments: [
        ("POST", [1, 2, 3] as [UInt8]), ("POST", []), ("PATCH", [7]), ("PUT", []), ("DELETE", []),
    ])
    func `never sends a request a second time of which the server may have had a part`(
        method: String, body: [UInt8]
    ) throws {
        let server = try ScriptedServer { request in
            request.line.contains("/act") ? .init(status: 0, closes: true) : .init(status: 200)
        }
        let engine = engine { $0.pool.max = 1 }
        defer { engine.stop() }
        // Leaves a connection open, for the next to use.
        let first = try #require(try answers(engine, [try request(server, path: "/warm")]).first)
        #expect(first.status == 200)
        let second = try #require(
            try answers(engine, [try request(server, method: method, path: "/act", body: body)]).first)
        #expect(second.fault == .broken)
        #expect(server.stop().filter { $0.line.contains("/act") }.count == 1)
    }

    @Test func `keeps as many connections open as the pool is to have`() throws {
        let server = try ScriptedServer { _ in .init(status: 200, delay: 0.01) }
        let engine = engine {
            $0.pool.min = 4
            $0.pool.idleTimeout = 1_000_000_000
        }
        defer { engine.stop() }
        _ = try answers(engine, [try request(server)])
        eventually { server.connections == 4 }
        #expect(server.connections == 4)
        let probes = server.stop().filter { $0.line == "OPTIONS * HTTP/1.1" }
        #expect(probes.count >= 3)
    }

    @Test func `answers everybody when it is stopped, and takes nothing more`() throws {
        let server = try ScriptedServer { _ in .init(status: 0) }
        let engine = engine { $0.pool.max = 2 }
        let transfers = try (0..<5).map { _ in try request(server) }
        let pending = try send(engine, transfers)
        eventually { server.requests.count == 2 }
        engine.stop()
        let faults = try pending.all().map { $0.fault }
        #expect(faults == Array(repeating: .cancelled, count: 5))
        #expect(throws: TransferEngine.Refusal.stopped) { try engine.submit(transfers[0]) { _ in } }
        _ = server.stop()
    }

    @Test func `sends a header without a value, and refuses bodies beyond what may be under way`() throws {
        let server = try ScriptedServer([.init(status: 200)])
        let engine = TransferEngine(metrics: metrics, openBytesMax: 3)
        defer { engine.stop() }
        let large = try request(server, body: [1, 2, 3, 4])
        #expect(throws: TransferEngine.Refusal.tooMany) { try engine.submit(large) { _ in } }
        let answer = try #require(try answers(engine, [try request(server, headers: [("x-empty", "")])]).first)
        #expect(answer.status == 200)
        #expect(server.stop().first?.headers["x-empty"] == "")
    }

    @Test(arguments: ["a\nb", "a\rb", "\n", "a\r\n\n"]) func `refuses a mail that may end early for some servers`(
        content: String
    ) {
        #expect(throws: TransferError.self) {
            try Transfer(
                Transfer.Mail(
                    url: "smtp://mail.example", user: "", password: "", from: "a@b.com", recipients: ["a@b.com"],
                    content: Array(content.utf8), isTLSOptional: false), deadline: 0)
        }
    }

    @Test func `refuses more than may be under way`() throws {
        let server = try ScriptedServer { _ in .init(status: 0) }
        let engine = TransferEngine(metrics: metrics, openMax: 2)
        let transfer = try request(server)
        try engine.submit(transfer) { _ in }
        try engine.submit(transfer) { _ in }
        #expect(throws: TransferEngine.Refusal.tooMany) { try engine.submit(transfer) { _ in } }
        engine.stop()
        _ = server.stop()
    }

    @Test(arguments: [
        ("GET\r\nX: y", "x", "1"), ("", "x", "1"), ("G T", "x", "1"), ("GET", "x y", "1"), ("GET", "", "1"),
        ("GET", "x", "a\r\nHost: evil"), ("GET", "x", "a\u{0}b"),
    ]) func `refuses what would end a line early`(method: String, name: String, value: String) {
        #expect(throws: TransferError.self) {
            try Transfer(
                Transfer.Request(method: method, url: "http://a.example/", headers: [(name, value)]), deadline: 0)
        }
    }

    @Test(arguments: ["", "a@b.com>\r\nRCPT TO:<c@d.com", "a b@c.com", "a@b.com\n", "<a@b.com>"])
    func `refuses an address that would end its command early`(address: String) {
        func mail(from: String, to: [String]) throws -> Transfer {
            try Transfer(
                Transfer.Mail(
                    url: "smtp://mail.example", user: "", password: "", from: from, recipients: to, content: [],
                    isTLSOptional: false), deadline: 0)
        }
        #expect(throws: TransferError.self) { try mail(from: address, to: ["a@b.com"]) }
        #expect(throws: TransferError.self) { try mail(from: "a@b.com", to: ["a@b.com", address]) }
        #expect(throws: TransferError.self) { try mail(from: "a@b.com", to: []) }
    }
}
