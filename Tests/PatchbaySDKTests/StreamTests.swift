import PatchbaySDK
import PatchbaySDKTesting
import Synchronization
import Testing

/// Books amounts in a stream, and does what the event's type says.
private struct Ledger: Handler, Reconfigurable, Drainable {
    struct Configuration: Decodable {
        var limit = 100
        init(from decoder: any Decoder) throws {
            limit = try decoder.container(keyedBy: Keys.self).decodeIfPresent(Int.self, forKey: .limit) ?? 100
        }
        enum Keys: CodingKey { case limit }
    }

    struct Enough: Error {}

    private final class Place: Sendable {
        let limit: Mutex<Int>
        let end = Mutex<UInt64?>(nil)
        init(_ limit: Int) { self.limit = Mutex(limit) }
    }

    private let place: Place

    init(configuration: Configuration, host: Host) throws {
        place = Place(configuration.limit)
        try host.subscribe("orders", to: "all-orders", StreamFilter(type: "order.*"))
    }

    func reconfigure(_ configuration: Configuration) throws {
        guard configuration.limit >= 0 else { throw Enough() }
        place.limit.withLock { $0 = configuration.limit }
    }

    func drain(deadlineNanoseconds: UInt64?) throws {
        guard deadlineNanoseconds != 1 else { throw Enough() }
        place.end.withLock { $0 = deadlineNanoseconds }
    }

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        let stream = call.stream("account")
        if event.type == "limit" {
            return .done(reply: ["limit": .integer(Int64(place.limit.withLock { $0 }))])
        }
        if event.type == "too early" { return try stream.head() == nil && stream.snapshot() == nil ? .done : .skip }
        if event.type == "open" {
            let drafts = [1, 2, 3].map { EventDraft(type: "booked.by.\($0 % 2)", json: ["amount": .integer($0)]) }
            guard try stream.append(drafts, expecting: .absent) == 0 else { return .fail("not the first") }
            try stream.keepSnapshot(Array(repeating: 7, count: 1_000), upTo: 2)
            return .done
        }
        if event.type == "open and fail" {
            try stream.append([EventDraft(type: "x")])
            return .fail("declined")
        }
        if event.type == "sum" {
            var (sum, backward) = (0.0, [UInt64]())
            try stream.read { event in
                sum += try event.json()["data"]?["amount"]?.number ?? 0
                return true
            }
            try stream.read(from: .max, count: 2, direction: .backward) { event in
                backward.append(event.revision)
                return true
            }
            let snapshot = try stream.snapshot()
            return .done(reply: [
                "sum": .integer(Int64(sum)), "backward": .array(backward.map { .integer(Int64($0)) }),
                "snapshot": .integer(Int64(snapshot?.value.count ?? 0)),
                "at": .integer(Int64(snapshot?.revision ?? 99)),
            ])
        }
        if event.type == "query" {
            var seen: [JSON] = []
            let next = try stream.query(StreamFilter(type: "booked.**"), count: 2) { event in
                seen.append(.string("\(event.revision) \(event.type) \(event.source)"))
                return true
            }
            let rest = try stream.query(StreamFilter(from: next ?? 0, type: "booked.*.1")) { event in
                seen.append(.string(event.type))
                return true
            }
            return .done(reply: ["seen": .array(seen), "all": .bool(rest == nil)])
        }
        if event.type == "stop" {
            try stream.read { _ in throw Enough() }
            return .done
        }
        if event.type == "conflict" {
            try stream.append([EventDraft(type: "x")], expecting: .revision(0))
            return .done
        }
        if event.type == "subscribe" {
            try call.subscribe("own", to: "account", StreamFilter(from: 2))
            guard try !call.unsubscribe("none"), try call.unsubscribe("orders") else { return .fail("unsubscribe") }
            return .done
        }
        return .skip
    }
}

extension JSON {
    fileprivate var number: Double? {
        if case .integer(let number) = self { Double(number) } else { nil }
    }
}

@Suite struct `streams and life of Swift handlers` {
    private func send(_ host: TestHost, _ type: String) async throws -> TestReport {
        try #require(await host.send(TestEvent(type: type)))
    }

    private func reply(_ host: TestHost, _ type: String) async throws -> JSON {
        let report = try await send(host, type)
        #expect(report.outcome == .done, "\(report.reason)")
        return try JSON(parsing: report.reply)
    }

    @Test func `appends and snapshots count when the call is done, and not otherwise`() async throws {
        let host = try TestHost(Ledger.self)
        #expect(try await send(host, "too early").outcome == .done)
        #expect(try await send(host, "open and fail").outcome == .fail)
        #expect(host.stream("account").isEmpty)
        #expect(try await send(host, "open").outcome == .done)
        #expect(host.stream("account").map(\.type) == ["booked.by.1", "booked.by.0", "booked.by.1"])
        #expect(host.snapshots(of: "account").keys.sorted() == [2])
    }

    @Test func `reads forward, backward and by filter`() async throws {
        let host = try TestHost(Ledger.self)
        _ = try await send(host, "open")
        #expect(try await reply(host, "sum") == ["sum": 6, "backward": [2, 1], "snapshot": 1_000, "at": 2])
        let asked = try await reply(host, "query")
        #expect(asked["all"] == true)
        #expect(
            asked["seen"] == ["0 booked.by.1 //patchbay/test", "1 booked.by.0 //patchbay/test", "booked.by.1"])
    }

    @Test func `carries what a visitor throws around the host, and says which revision was found instead`() async throws
    {
        let host = try TestHost(Ledger.self)
        _ = try await send(host, "open")
        #expect(try await send(host, "stop").reason == "Enough()")
        host.append(EventDraft(type: "other"), to: "account")
        let report = try await send(host, "conflict")
        #expect(report.outcome == .retry && report.reason == "the stream is at revision 3")
    }

    @Test func `subscribes while it is made and in a call, and unsubscribes`() async throws {
        let host = try TestHost(Ledger.self)
        #expect(host.subscription("orders") == "all-orders")
        #expect(try await send(host, "subscribe").outcome == .done)
        #expect(host.subscription("own") == "account" && host.subscription("orders") == nil)
    }

    @Test func `takes another configuration, and refuses a bad one`() async throws {
        let host = try TestHost(Ledger.self, configuration: ["limit": 5])
        try host.reconfigure(["limit": 7])
        #expect(try await reply(host, "limit") == ["limit": 7])
        #expect(throws: TestHostError.self) { try host.reconfigure(["limit": -1]) }
        #expect(throws: TestHostError.self) { try host.reconfigure(["limit": "many"]) }
        #expect(try await reply(host, "limit") == ["limit": 7])
    }

    @Test func `a handler that is not Reconfigurable says so`() throws {
        let host = try TestHost(Everything.self, configuration: ["greeting": "hi"])
        let error = #expect(throws: TestHostError.self) { try host.reconfigure(["greeting": "ho"]) }
        #expect(error?.message == "takes no new configuration while it runs")
        try host.drain()
    }

    @Test func `drains, and passes on what went wrong`() throws {
        let host = try TestHost(Ledger.self)
        try host.drain()
        let error = #expect(throws: TestHostError.self) { try host.drain(deadlineNanoseconds: 1) }
        #expect(error?.message == "Enough()")
    }
}
