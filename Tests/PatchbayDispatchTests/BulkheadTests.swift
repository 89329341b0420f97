import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct BulkheadTests {
    @Test(arguments: [1, 3, 8]) func `never has more than maxInFlight asynchronous calls open`(limit: Int) {
        let bench = Bench(maxInFlight: limit)
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<50).map { Given("e\($0)") })
        bench.run { check(bench.open.count <= limit, "\(bench.open.count) open") }
        #expect(bench.counts.done == 50)
        #expect(bench.elapsed == .milliseconds(10) * UInt64((50 + limit - 1) / limit))
    }

    @Test func `hands out exactly maxInFlight calls once a handler has shown to be asynchronous`() {
        let bench = Bench(maxInFlight: 4)
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send("first")
        bench.run()
        bench.send((0..<50).map { Given("e\($0)") })
        bench.run { check(bench.queues[0].isEmpty, "a call waits for a worker") }
        #expect(bench.unstarted == 0)
    }

    @Test func `a full and slow lane does not delay another one`() {
        var plan = Bench.plan(lanes: 2)
        plan.lanes[0].maxQueue = 4
        plan.lanes[1].maxQueue = 4
        let bench = Bench(plan)
        bench.reply = { $0.lane == 0 ? .done(in: .seconds(10)) : .done }
        for number in 0..<20 {
            bench.send((0..<10).map { Given("s\(number)-\($0)", lane: 0) } + [Given("f\(number)", lane: 1)])
        }
        bench.run(for: 0)
        #expect(bench.laneCounts(1).done == 20)
        #expect(bench.loaded(0) == 4)
        bench.run()
        #expect(bench.counts.done == 220 && bench.released == bench.sentBatches)
    }

    @Test(arguments: [2, 4, 100]) func `loads at most maxQueue deliveries from the log`(maxQueue: Int) {
        let bench = Bench(maxInFlight: 2, lane: { $0.maxQueue = maxQueue })
        bench.reply = { _ in .done(in: .milliseconds(1)) }
        for batch in 0..<5 { bench.send((0..<60).map { Given("e\(batch)-\($0)") }) }
        bench.run { check(bench.loaded() <= maxQueue, "\(bench.loaded()) loaded") }
        #expect(bench.counts.done == 300 && bench.released == 5)
    }

    @Test func `a queue that is shorter than maxInFlight does not bound the calls`() {
        let bench = Bench(maxInFlight: 8, lane: { $0.maxQueue = 2 })
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<80).map { Given("e\($0)") })
        bench.run()
        #expect(bench.elapsed == .milliseconds(100))
    }

    @Test(arguments: [false, true]) func `waits that keep permits reduce what runs at once`(isAsynchronous: Bool) {
        let bench = Bench(maxInFlight: 3) { $0.retry.holdSlotUpTo = 2_000_000_000 }
        bench.asynchronous = isAsynchronous ? [0] : []
        bench.reply = { $0.id < "e2" && $0.attempt == 1 ? .retry(in: 1000) : .done(in: .milliseconds(100)) }
        bench.send((0..<60).map { Given("e\($0)") })
        bench.run { check(bench.open.count + bench.held[0] <= 3, "\(bench.open.count) open, \(bench.held[0]) kept") }
        // e10 to e19 sort below e2: 12 retries of 2 s and 60 calls of 0.1 s on 3 permits.
        #expect(bench.counts.done == 60 && bench.counts.retries == 12 && bench.elapsed >= .seconds(8))
    }

    @Test func `what waits for its retry does not keep the lane from loading on`() {
        let bench = Bench(lane: { $0.maxQueue = 2 }) { $0.retry.duration = 60_000_000_000 }
        bench.reply = { $0.attempt == 1 && $0.id.hasPrefix("bad") ? .retry : .done }
        bench.send((0..<10).map { Given("bad\($0)") } + [Given("good")])
        bench.run(for: .seconds(1))
        #expect(bench.done == ["good"])
        bench.run()
        #expect(bench.counts.done == 11)
    }

    @Test func `perKey bounds the calls of one key, owed ones included`() {
        let bench = Bench(maxInFlight: 8, lane: { $0.perKey = 1 }) {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .zero)
            $0.onFailure = .skipKey
        }
        bench.asynchronous = [0]
        bench.reply = { $0.id == "a1" && $0.attempt == 1 ? .deaf(.seconds(30)) : .done }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a"), Given("b1", key: "b")])
        bench.run()
        #expect(bench.starts(of: "b1") == [0])
        // The owed call holds the key's one permit until its late completion.
        #expect(bench.starts(of: "a2") == [.seconds(30)])
        #expect(bench.counts.done == 3)
    }

    @Test func `an adaptive lane measures its handler with few calls in flight and goes on with its initial limit`() {
        let bench = Bench(
            maxInFlight: 1, lane: { $0.adaptive = AdaptiveLimitPolicy(min: 1, initial: 12, max: 50, tolerance: 1.5) })
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<200).map { Given("e\($0)") })
        bench.run(for: 0)
        #expect(bench.open.count == 3)
        bench.run(for: .milliseconds(200))
        #expect(bench.open.count == 12)
        bench.run()
        #expect(bench.counts.done == 200)
    }

    @Test func `calls that hang for good do not use up what an adaptive lane's probe allows`() {
        let bench = Bench(
            maxInFlight: 1, lane: { $0.adaptive = AdaptiveLimitPolicy(min: 1, initial: 12, max: 50, tolerance: 1.5) }
        ) {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .zero)
            $0.retry = RetryPolicy(policy: .none)
            $0.breaker.trip = { _ in false }
        }
        bench.asynchronous = [0]
        // The first twenty never come back.
        bench.reply = { _ in bench.started.count < 20 ? .deaf() : .done(in: .milliseconds(10)) }
        for batch in 0..<8 { bench.send((0..<500).map { Given("e\(batch)-\($0)") }) }
        bench.run()
        #expect(bench.counts.done == 3_980 && bench.counts.timeouts == 20, "\(bench.counts)")
    }

    @Test func `an adaptive lane shrinks when calls run into their timeout, and recovers`() {
        let bench = Bench(
            maxInFlight: 1, lane: { $0.adaptive = AdaptiveLimitPolicy(min: 1, initial: 40, max: 50, tolerance: 1.2) }
        ) {
            $0.timeout = TimeoutPolicy(attempt: .milliseconds(1_500), total: .zero)
            $0.retry = RetryPolicy(policy: .none)
            $0.breaker.trip = { _ in false }
        }
        bench.asynchronous = [0]
        // Bears ten calls; with more, all take longer.
        bench.reply = { _ in .done(in: .milliseconds(50) * UInt64(max(10, bench.open.count))) }
        for batch in 0..<8 { bench.send((0..<500).map { Given("e\(batch)-\($0)") }) }
        bench.run()
        #expect(bench.counts.timeouts > 0 && bench.counts.done > 3_800, "\(bench.counts)")
    }
}
