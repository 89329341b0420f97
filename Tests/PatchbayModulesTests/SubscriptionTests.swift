import CPatchbay
import Logging
import PatchbayEvents
import PatchbayLog
import PatchbayResilience
import Testing

@testable import PatchbayModules

/// What subscriptions read, deliver and remember, as a value.
@Suite struct `subscriptions as a value` {
    private static let scope = HandlerScope(instance: "shop", handler: "view")
    private static let key = Subscriptions.Key(scope: scope, name: "all")

    private typealias Found = Subscriptions.Found

    private func page(
        _ order: Subscriptions.Order, _ revisions: Range<UInt64>, bytes: Int = 100
    ) -> Subscriptions.Answer {
        .page(
            Subscriptions.Page(
                order: order,
                events: revisions.map {
                    Found(revision: $0, event: Event(id: "\($0)", source: "/s", type: "t"), byteCount: bytes)
                },
                next: revisions.upperBound))
    }

    private func subscribed(_ wish: StreamWish = StreamWish(stream: "s")) -> (Subscriptions, SubscriptionRecord?) {
        var subscriptions = Subscriptions()
        let record = subscriptions.apply(.subscribe(name: "all", wish), of: Self.scope) { _ in 7 }
        return (subscriptions, record)
    }

    /// What a turn takes, where the subscriptions that it moves are then, and what it orders.
    private func take(
        _ subscriptions: inout Subscriptions, end: UInt64 = 7, isOpen: Bool = true
    ) -> (ids: [String], next: [UInt64?], orders: [Subscriptions.Order]) {
        let taken = subscriptions.take(isOpen: { _ in isOpen }) { _ in end }
        return (taken.events.map(\.event.id), taken.records.map { $0.wish?.from }, taken.orders)
    }

    /// Regression: the sum of such a number and another one ended the host.
    @Test(arguments: [StreamWish.fromEnd - 1, StreamWish.fromEnd - 9_999, 1 << 63])
    func `a revision that no stream will ever have is waited for`(from: UInt64) {
        var (subscriptions, _) = subscribed(StreamWish(stream: "s", from: from))
        let taken = take(&subscriptions)
        #expect(taken.orders.isEmpty && taken.ids.isEmpty)
        #expect(!subscriptions.mayGoOn)
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
                let (ids, next, new) = take(&subscriptions, end: end)
                try #require(ids == ids.indices.map { "\(delivered + UInt64($0))" }, "seed \(seed): order")
                delivered += UInt64(ids.count)
                if !ids.isEmpty { try #require(next == [delivered], "seed \(seed): the place is not what was taken") }
                try #require(Int(delivered) - settled <= Subscriptions.unsettledMax, "seed \(seed): too many")
                orders += new
                try #require(orders.count <= 1, "seed \(seed): two reads at once")
                if let order = orders.first, random.upTo(2) == 0 {
                    let upper = min(order.wish.from + 1 + random.upTo(UInt64(order.count) - 1), end)
                    subscriptions.take(page(order, order.wish.from..<upper))
                    orders.removeAll()
                }
                for _ in 0..<Int(random.upTo(100)) where settled < Int(delivered) {
                    subscriptions.ended(Self.key.hash)
                    settled += 1
                }
            }
            #expect(delivered == end)
            let last = take(&subscriptions, end: end)
            #expect(last.ids.isEmpty && last.orders.isEmpty && !subscriptions.mayGoOn)
        }
    }

    /// Many subscriptions to streams of many events, each event as large as `bytes` says.
    private func crowd(_ count: Int) -> Subscriptions {
        var subscriptions = Subscriptions()
        for number in 0..<count {
            _ = subscriptions.apply(.subscribe(name: "\(number)", StreamWish(stream: "s\(number)")), of: Self.scope) {
                _ in 0
            }
        }
        return subscriptions
    }

    @Test(arguments: [100, 10_000, 1 << 20])
    func `a take is bounded in events and bytes, and who is left out is the first the next time`(bytes: Int) throws {
        var subscriptions = crowd(30)
        let perPage = max(1, min(256, Subscriptions.pageBytes / bytes))
        var (turns, ordered): ([[String: Int]], [Subscriptions.Order]) = ([], [])
        for _ in 0..<200 {
            let taken = subscriptions.take(isOpen: { _ in true }) { _ in 1_000_000 }
            var counts: [String: Int] = [:]
            for event in taken.events { counts[event.key.name, default: 0] += 1 }
            #expect(taken.events.count <= Subscriptions.takenMax)
            #expect((taken.events.count - 1) * bytes < Subscriptions.takenBytesMax)
            turns.append(counts)
            ordered += taken.orders
            #expect(ordered.count * Subscriptions.pageBytes <= Subscriptions.readyBytesMax)
            for order in ordered {
                subscriptions.take(page(order, order.wish.from..<(order.wish.from + UInt64(perPage)), bytes: bytes))
            }
            ordered.removeAll()
            for event in taken.events { subscriptions.ended(event.hash) }
        }
        let total = turns.reduce(into: [String: Int]()) { sum, turn in sum.merge(turn, uniquingKeysWith: +) }
        let (least, most) = (total.values.min() ?? 0, total.values.max() ?? 0)
        #expect(total.count == 30 && least > 0 && most <= 2 * least + perPage, "\(total)")
    }

    @Test func `no more is read than there is room for, until what was read is taken`() throws {
        var subscriptions = crowd(200)
        var held: [Subscriptions.Order] = []
        func turn() -> Int {
            let taken = subscriptions.take(isOpen: { _ in true }) { _ in 1_000_000 }
            held += taken.orders
            return taken.events.count
        }
        for _ in 0..<20 { #expect(turn() == 0) }
        #expect(held.count == Subscriptions.readyBytesMax / Subscriptions.pageBytes)
        var seen: Set<String> = []
        for _ in 0..<1000 where seen.count < 200 {
            // Each brings as much as a page may, and not all of it is taken at once.
            let orders = held
            held.removeAll()
            for order in orders {
                seen.insert(order.key.name)
                let revisions = order.wish.from..<(order.wish.from + 4)
                subscriptions.take(page(order, revisions, bytes: Subscriptions.pageBytes / 4))
            }
            _ = turn()
            #expect(held.count <= Subscriptions.readyBytesMax / Subscriptions.pageBytes)
        }
        #expect(seen.count == 200)
    }

    @Test func `an append costs what its own stream's followers cost`() throws {
        var subscriptions = crowd(1000)
        let taken = subscriptions.take(isOpen: { _ in true }) { _ in 0 }
        #expect(taken.orders.isEmpty && !subscriptions.hasWork)
        #expect(!subscriptions.changed(stream: "other") && !subscriptions.hasWork)
        #expect(subscriptions.changed(stream: "s7") && subscriptions.hasWork)
        var asked: [String] = []
        let orders = subscriptions.take(isOpen: { _ in true }) { stream in
            asked.append(stream)
            return 1
        }.orders
        #expect(asked == ["s7"] && orders.map(\.key.name) == ["7"])
        // Neither does the end of a delivery look at anybody else.
        subscriptions.take(page(try #require(orders.first), 0..<1))
        let event = try #require(subscriptions.take(isOpen: { _ in true }) { _ in 1 }.events.first)
        subscriptions.ended(event.hash)
        #expect(!subscriptions.hasWork)
    }

    @Test func `what an earlier run left counts as unsettled, and a handler that is not open gets nothing`() throws {
        var (subscriptions, _) = subscribed()
        for _ in 0..<Subscriptions.unsettledMax { subscriptions.resumed(Self.key.hash) }
        #expect(take(&subscriptions, end: 9).orders.isEmpty)
        #expect(!subscriptions.mayGoOn)
        for _ in 0..<Subscriptions.unsettledMax / 2 { subscriptions.ended(Self.key.hash) }
        #expect(take(&subscriptions, end: 9, isOpen: false).orders.isEmpty)
        subscriptions.opened()
        let order = try #require(take(&subscriptions, end: 9).orders.first)
        #expect(order.count == Subscriptions.unsettledMax / 2)
        for _ in 1..<Subscriptions.unsettledMax / 2 { subscriptions.resumed(Self.key.hash) }
        subscriptions.take(page(order, 0..<9))
        let first = take(&subscriptions)
        #expect(first.ids == ["0"] && first.next == [1])
        let second = take(&subscriptions)
        #expect(second.ids == [] && second.next == [])
    }

    @Test func `the same wish changes nothing, another filter keeps the place, another stream begins anew`() throws {
        var (subscriptions, record) = subscribed(StreamWish(stream: "s", from: 3))
        #expect(record?.wish?.from == 3)
        func want(_ wish: StreamWish) -> StreamWish? {
            subscriptions.apply(.subscribe(name: "all", wish), of: Self.scope) { _ in 7 }?.wish
        }
        let order = try #require(take(&subscriptions, end: 9).orders.first)
        #expect(want(StreamWish(stream: "s", from: 0)) == nil)
        #expect(want(StreamWish(stream: "s", from: 0, type: "a.*")) == StreamWish(stream: "s", from: 3, type: "a.*"))
        // It is read anew at once, and what was read for the old filter is not delivered.
        let again = try #require(take(&subscriptions, end: 9).orders.first)
        #expect(again.wish.from == 3 && again.wish.type == "a.*")
        #expect(!subscriptions.waits(for: order) && subscriptions.waits(for: again))
        subscriptions.take(page(order, 3..<9))
        let taken = take(&subscriptions, end: 9)
        #expect(taken.ids.isEmpty && taken.next.isEmpty && taken.orders.isEmpty)
        #expect(want(StreamWish(stream: "t", from: StreamWish.fromEnd)) == StreamWish(stream: "t", from: 7))
        let gone = subscriptions.apply(.unsubscribe(name: "all"), of: Self.scope) { _ in 7 }
        #expect(gone == SubscriptionRecord(scope: "shop.view", name: "all", wish: nil))
        #expect(subscriptions.apply(.unsubscribe(name: "all"), of: Self.scope) { _ in 7 } == nil)
        #expect(subscriptions.records.isEmpty)
    }

    @Test func `a stream that cannot be read rests, and is not waited for at the end once it failed often`() throws {
        var (subscriptions, _) = subscribed()
        for failures in 1...Subscriptions.failuresMax {
            let order = try #require(take(&subscriptions).orders.first)
            #expect(order.failures == failures - 1)
            subscriptions.take(.failed(order))
            // An append does not end its rest.
            _ = subscriptions.changed(stream: "s")
            #expect(take(&subscriptions).orders.isEmpty)
            #expect(subscriptions.mayGoOn == (failures < Subscriptions.failuresMax))
            subscriptions.take(.rested(order))
        }
        let order = try #require(take(&subscriptions).orders.first)
        subscriptions.take(page(order, 0..<7))
        #expect(take(&subscriptions).ids.count == 7)
        // Those that rest keep nobody else from reading.
        var many = crowd(100)
        var failed = 0
        for _ in 0..<100 {
            let orders = many.take(isOpen: { _ in true }) { _ in 9 }.orders
            failed += orders.count
            for order in orders { many.take(.failed(order)) }
        }
        #expect(failed == 100)
    }

    @Test func `what nobody asks for is passed over, and recorded only when it is much`() throws {
        var (subscriptions, _) = subscribed()
        var records: [UInt64?] = []
        var orders = take(&subscriptions, end: 12_800).orders
        for _ in 0..<50 {
            let order = try #require(orders.first)
            subscriptions.take(.page(Subscriptions.Page(order: order, next: order.wish.from + 256)))
            let taken = take(&subscriptions, end: 12_800)
            records += taken.next
            orders = taken.orders
        }
        #expect(records == [10_240])
        #expect(orders.isEmpty)
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

    /// How the store's subscriptions stand once the dispatcher has taken.
    private func records(_ bench: ModuleBench, opening: Bool = true) throws -> [SubscriptionRecord] {
        let store = bench.environment.subscriptions
        if opening {
            try store.open(
                bench.environment.streams, typeMatcher: bench.environment.typeMatcher, hasThread: false,
                logger: bench.environment.logger)
        }
        _ = store.take(isOpen: { _ in true }) { _ in }
        return store.records
    }

    @Test func `is taken while the handler is created, without a call, and comes about once that instance holds`()
        throws
    {
        let bench = ModuleBench()
        bench.context.isCreating = true
        #expect(try wants(bench, 0, "n") == .ok)
        bench.context.isCreating = false
        #expect(try records(bench).isEmpty)
        bench.environment.subscriptions.declare(bench.context.takeDeclared(), of: try bench.context.requiredScope())
        let wish = StreamWish(stream: "s")
        #expect(try records(bench, opening: false) == [SubscriptionRecord(scope: "bench.count", name: "n", wish: wish)])
        #expect(bench.context.takeDeclared().isEmpty)
    }

    /// Regression: a worker that was started again subscribed anew to what its handler had unsubscribed from.
    @Test func `a create that is tried again counts once, and one in a worker's later life not at all`() throws {
        let bench = ModuleBench()
        bench.context.isCreating = true
        #expect(try wants(bench, 0, "failed") == .ok)
        bench.context.isCreating = true
        #expect(try wants(bench, 0, "n") == .ok)
        bench.context.isCreating = false
        bench.context.created()
        bench.context.isCreating = true
        #expect(try wants(bench, 0, "again") == .ok)
        bench.context.isCreating = false
        #expect(bench.context.takeDeclared() == [.subscribe(name: "n", StreamWish(stream: "s"))])
    }

    @Test func `a handler that refuses to start, or is on trial, has subscribed to nothing`() async throws {
        let path = try Fixture.module("subscribes")
        await #expect(processExitsWith: .success) { [path = path as String] in
            let fixture = try LoadedFixture(path)
            #expect(throws: ModuleError.self) { try fixture.module.makeHandler("fails", instance: "instance") }
            let store = fixture.bench.environment.subscriptions
            try store.open(
                fixture.bench.environment.streams, typeMatcher: { _ in nil }, hasThread: false,
                logger: fixture.bench.environment.logger)
            var records: [SubscriptionRecord] = []
            _ = store.take(isOpen: { _ in true }) { records.append($0) }
            #expect(records.isEmpty)
            for _ in 0..<2 {
                fixture.handler.hold()
                _ = store.take(isOpen: { _ in true }) { records.append($0) }
            }
            let wish = StreamWish(stream: "account")
            #expect(records == [SubscriptionRecord(scope: "instance.count", name: "all", wish: wish)])
        }
    }

    @Test func `what is declared comes before what a call wants later`() throws {
        let store = SubscriptionStore()
        let scope = HandlerScope(instance: "a", handler: "b")
        let streams = StreamStore()
        let bench = ModuleBench()
        try store.open(streams, typeMatcher: { _ in nil }, hasThread: false, logger: bench.environment.logger)
        store.declare([.subscribe(name: "n", StreamWish(stream: "s"))], of: scope)
        var changes: [Bool] = []
        store.commit([.unsubscribe(name: "n")], of: scope) { changes.append($0.wish != nil) }
        _ = store.take(isOpen: { _ in true }) { changes.append($0.wish != nil) }
        #expect(changes == [true, false] && store.records.isEmpty)
    }

    @Test func `a host has a bounded number of subscriptions, and a call of changes`() throws {
        var limits = HostEnvironment.Limits()
        limits.subscriptionsPerCall = 2
        let bench = ModuleBench(limits: limits)
        let call = bench.open()
        #expect(try wants(bench, call, "1") == .ok && wants(bench, call, "2") == .ok)
        #expect(try wants(bench, call, "3") == .limit)
    }

    @Test func `the bound counts what the log has, what is declared, and what open calls want`() throws {
        let bench = ModuleBench(subscriptions: 4)
        let store = bench.environment.subscriptions
        let scope = try bench.context.requiredScope()
        let wish = StreamWish(stream: "s")
        for name in ["1", "2"] {
            store.restore(SubscriptionRecord(scope: "old.handler", name: name, wish: wish))
        }
        store.declare(["3", "4", "5"].map { .subscribe(name: $0, wish) }, of: scope)
        // What is there may be wished for again, and ended.
        store.declare([.subscribe(name: "3", StreamWish(stream: "t"))], of: scope)
        #expect(try records(bench).map(\.name) == ["1", "2", "3", "4"])
        let refused = bench.log.all.filter { $0.level == .error }
        #expect(refused.map { $0.metadata["subscription"] } == ["5"])
        let (one, other) = (bench.open(), bench.open())
        #expect(try wants(bench, one, "6") == .limit && wants(bench, one, "3", "u") == .ok)
        store.commit([.unsubscribe(name: "4")], of: scope) { _ in }
        // Two calls at once have room for one between them.
        #expect(try wants(bench, one, "6") == .ok && wants(bench, other, "7") == .limit)
        let effects = try #require(bench.settle(one).effects)
        store.commit(effects.subscriptions, of: scope) { _ in }
        #expect(store.records.count == 4)
        #expect(try wants(bench, other, "7") == .limit)
    }
}
