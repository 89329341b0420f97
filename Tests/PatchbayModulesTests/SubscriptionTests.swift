import CPatchbay
import PatchbayEvents
import PatchbayLog
import PatchbayResilience
import Testing

@testable import PatchbayModules

/// What subscriptions read, deliver and remember, as a value.
@Suite struct `subscriptions as a value` {
    private static let scope = HandlerScope(instance: "shop", handler: "view")
    private static let key = Subscriptions.Key(scope: scope, name: "all")

    private func page(_ order: Subscriptions.Order, _ revisions: Range<UInt64>) -> Subscriptions.Page {
        Subscriptions.Page(
            order: order, events: revisions.map { ($0, Event(id: "\($0)", source: "/s", type: "t")) },
            next: revisions.upperBound)
    }

    private func subscribed(_ wish: StreamWish = StreamWish(stream: "s")) -> (Subscriptions, SubscriptionRecord?) {
        var subscriptions = Subscriptions()
        let record = subscriptions.apply(.subscribe(name: "all", wish), of: Self.scope) { _ in 7 }
        return (subscriptions, record)
    }

    private func taken(_ subscriptions: inout Subscriptions) -> (ids: [String], next: [UInt64?]) {
        let taken = subscriptions.take { _ in true }
        return (taken.events.map(\.event.id), taken.records.map { $0.wish?.from })
    }

    /// Regression: the sum of such a number and another one ended the host.
    @Test(arguments: [StreamWish.fromEnd - 1, StreamWish.fromEnd - 9_999, 1 << 63])
    func `a revision that no stream will ever have is waited for`(from: UInt64) {
        var (subscriptions, _) = subscribed(StreamWish(stream: "s", from: from))
        #expect(subscriptions.orders(isOpen: { _ in true }) { _ in 7 }.isEmpty)
        #expect(taken(&subscriptions).ids.isEmpty)
        #expect(!subscriptions.mayGoOn(isOpen: { _ in true }) { _ in 7 })
    }

    @Test func `no more is unsettled than may be, whatever is read, delivered and settled in between`() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            var (subscriptions, _) = subscribed()
            var (orders, delivered, settled): ([Subscriptions.Order], UInt64, Int) = ([], 0, 0)
            let end: UInt64 = 2000
            var turns = 0
            while settled < Int(end) {
                turns += 1
                try #require(turns < 100_000, "seed \(seed): it does not go on")
                let new = subscriptions.orders(isOpen: { _ in true }) { _ in end }
                orders += new
                try #require(orders.count <= 1, "seed \(seed): two reads at once")
                if let order = orders.first, random.upTo(2) == 0 {
                    let upper = min(order.wish.from + 1 + random.upTo(299), end)
                    subscriptions.answer(page(order, order.wish.from..<upper))
                    orders.removeAll()
                }
                let (ids, next) = taken(&subscriptions)
                try #require(ids == ids.indices.map { "\(delivered + UInt64($0))" }, "seed \(seed): order")
                delivered += UInt64(ids.count)
                if !ids.isEmpty { try #require(next == [delivered], "seed \(seed): the place is not what was taken") }
                try #require(Int(delivered) - settled <= Subscriptions.unsettledMax, "seed \(seed): too many")
                for _ in 0..<Int(random.upTo(100)) where settled < Int(delivered) {
                    subscriptions.ended(Self.key.hash)
                    settled += 1
                }
            }
            #expect(delivered == end)
            #expect(!subscriptions.mayGoOn(isOpen: { _ in true }) { _ in end })
        }
    }

    @Test func `what an earlier run left counts as unsettled, and a handler that is not open gets nothing`() throws {
        var (subscriptions, _) = subscribed()
        for _ in 0..<Subscriptions.unsettledMax { subscriptions.resumed(Self.key.hash) }
        #expect(subscriptions.orders(isOpen: { _ in true }) { _ in 9 }.isEmpty)
        #expect(!subscriptions.mayGoOn(isOpen: { _ in true }) { _ in 9 })
        subscriptions.ended(Self.key.hash)
        #expect(subscriptions.orders(isOpen: { _ in false }) { _ in 9 }.isEmpty)
        let order = try #require(subscriptions.orders(isOpen: { _ in true }) { _ in 9 }.first)
        subscriptions.answer(page(order, 0..<9))
        let closed = subscriptions.take { _ in false }
        #expect(closed.events.isEmpty && closed.records.isEmpty)
        #expect(taken(&subscriptions) == (["0"], [1]))
        #expect(taken(&subscriptions) == ([], []))
    }

    @Test func `the same wish changes nothing, another filter keeps the place, another stream begins anew`() throws {
        var (subscriptions, record) = subscribed(StreamWish(stream: "s", from: 3))
        #expect(record?.wish?.from == 3)
        func want(_ wish: StreamWish) -> StreamWish? {
            subscriptions.apply(.subscribe(name: "all", wish), of: Self.scope) { _ in 7 }?.wish
        }
        let order = try #require(subscriptions.orders(isOpen: { _ in true }) { _ in 9 }.first)
        #expect(want(StreamWish(stream: "s", from: 0)) == nil)
        #expect(want(StreamWish(stream: "s", from: 0, type: "a.*")) == StreamWish(stream: "s", from: 3, type: "a.*"))
        // What was read for the old filter is not delivered.
        subscriptions.answer(page(order, 3..<9))
        #expect(taken(&subscriptions) == ([], []))
        let again = try #require(subscriptions.orders(isOpen: { _ in true }) { _ in 9 }.first)
        #expect(again.wish.from == 3 && again.wish.type == "a.*")
        #expect(want(StreamWish(stream: "t", from: StreamWish.fromEnd)) == StreamWish(stream: "t", from: 7))
        let gone = subscriptions.apply(.unsubscribe(name: "all"), of: Self.scope) { _ in 7 }
        #expect(gone == SubscriptionRecord(scope: "shop.view", name: "all", wish: nil))
        #expect(subscriptions.apply(.unsubscribe(name: "all"), of: Self.scope) { _ in 7 } == nil)
        #expect(subscriptions.records.isEmpty)
    }

    @Test func `what nobody asks for is passed over, and recorded only when it is much`() throws {
        var (subscriptions, _) = subscribed()
        var records: [UInt64?] = []
        for _ in 0..<50 {
            let order = try #require(subscriptions.orders(isOpen: { _ in true }) { _ in 12_800 }.first)
            subscriptions.answer(Subscriptions.Page(order: order, next: order.wish.from + 256))
            records += taken(&subscriptions).next
        }
        #expect(records == [10_240])
        #expect(subscriptions.orders(isOpen: { _ in true }) { _ in 12_800 }.isEmpty)
        // The next run looks at the rest again.
        #expect(subscriptions.records.map { $0.wish?.from } == [10_240])
    }
}

/// `subscribe` and `unsubscribe` as a handler calls them.
@Suite struct `subscription service` {
    private func wants(
        _ bench: ModuleBench, _ call: patchbay_call, _ name: String, _ stream: String = "s",
        _ change: (inout patchbay_stream_filter) -> Void = { _ in }
    ) throws -> patchbay_status {
        let table = try bench.service(HostServiceID.stream, patchbay_stream.self)
        var filter = patchbay_stream_filter()
        filter.size = UInt32(MemoryLayout<patchbay_stream_filter>.size)
        change(&filter)
        return table.subscribe(bench.host, call, lasting(name), lasting(stream), &filter)
    }

    @Test func `refuses what cannot be with a status`() throws {
        let bench = ModuleBench()
        let call = bench.open()
        let table = try bench.service(HostServiceID.stream, patchbay_stream.self)
        #expect(table.subscribe(bench.host, call, lasting("n"), lasting("s"), nil) == .ok)
        #expect(table.subscribe(bench.host, call, lasting(""), lasting("s"), nil) == .badArgument)
        #expect(table.subscribe(bench.host, call, lasting("a\nb"), lasting("s"), nil) == .badArgument)
        let long = String(repeating: "x", count: 257)
        #expect(table.subscribe(bench.host, call, lasting(long), lasting("s"), nil) == .limit)
        #expect(table.subscribe(bench.host, call, lasting("n"), lasting(""), nil) == .badArgument)
        #expect(table.subscribe(nil, call, lasting("n"), lasting("s"), nil) == .badArgument)
        let wrong: [(inout patchbay_stream_filter) -> Void] = [
            { $0.size = 8 }, { $0.flags = PATCHBAY_STREAM_BACKWARD }, { $0.since_ns = 1 }, { $0.as_of_ns = 1 },
            { $0.from = PATCHBAY_STREAM_NONE },
        ]
        for change in wrong { #expect(try wants(bench, call, "n", "s", change) == .badArgument) }
        #expect(try wants(bench, call, "n") { $0.from = PATCHBAY_STREAM_END } == .ok)
        // A handler that is there already has no call 0.
        #expect(try wants(bench, 0, "n") == .stale)
        #expect(table.unsubscribe(bench.host, call, lasting("other")) == .notFound)
        #expect(table.unsubscribe(bench.host, call, lasting("n")) == .ok)
        #expect(table.unsubscribe(bench.host, call, lasting("n")) == .notFound)
        let effects = try #require(bench.settle(call).effects)
        #expect(effects.subscriptions.count == 3)
        #expect(try wants(bench, call, "n") == .stale)
    }

    @Test func `is taken while the handler is created, without a call`() throws {
        let bench = ModuleBench()
        bench.context.isCreating = true
        #expect(try wants(bench, 0, "n") == .ok)
        bench.context.isCreating = false
        let store = bench.environment.subscriptions
        store.open(
            bench.environment.streams, typeMatcher: bench.environment.typeMatcher, hasThread: false,
            logger: bench.environment.logger)
        var records: [SubscriptionRecord] = []
        _ = store.take(isOpen: { _ in true }) { records.append($0) }
        let wish = StreamWish(stream: "s")
        #expect(records == [SubscriptionRecord(scope: "bench.count", name: "n", wish: wish)])
    }

    @Test func `a host has a bounded number of subscriptions, and a call of changes`() throws {
        var limits = HostEnvironment.Limits()
        limits.subscriptionsPerCall = 2
        let bench = ModuleBench(limits: limits)
        let call = bench.open()
        #expect(try wants(bench, call, "1") == .ok && wants(bench, call, "2") == .ok)
        #expect(try wants(bench, call, "3") == .limit)
        let store = SubscriptionStore(countMax: 1)
        let scope = HandlerScope(instance: "a", handler: "b")
        let change = SubscriptionChange.subscribe(name: "n", StreamWish(stream: "s"))
        let first = store.declare(change, of: scope)
        let second = store.declare(change, of: scope)
        #expect(first && !second)
    }
}
