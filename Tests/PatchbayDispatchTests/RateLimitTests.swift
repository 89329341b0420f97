import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct RateLimitTests {
    private func limit(_ count: Int, isKeyed: Bool = false) -> (inout RoutePlan) -> Void {
        { route in
            route.rateLimitName = "few"
            route.rateLimit = RateLimitPolicy(count: count, interval: .seconds(1))
            route.rateLimitIsKeyed = isKeyed
        }
    }

    @Test func `starts count calls at once and then one per interval's share`() {
        let bench = Bench(maxInFlight: 100, limit(4))
        bench.send((0..<8).map { Given("e\($0)") })
        bench.run()
        let times = (0..<8).flatMap { bench.starts(of: "e\($0)") }
        #expect(times == [0, 0, 0, 0, 250, 500, 750, 1000].map { UInt64.milliseconds($0) })
    }

    @Test func `a keyed limit holds back the busy key alone and keeps its order`() {
        let bench = Bench(maxInFlight: 100, limit(1, isKeyed: true))
        bench.send((0..<5).map { Given("a\($0)", rateKey: "a") } + [Given("b", rateKey: "b"), Given("none")])
        bench.run()
        #expect(bench.starts(of: "b") == [0] && bench.starts(of: "none") == [0])
        for number in 0..<5 { #expect(bench.starts(of: "a\(number)") == [.seconds(Double(number))]) }
    }

    @Test func `a call that never started gives its place in the rate back`() {
        let bench = Bench(maxInFlight: 1, limit(2))
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send("a", "b")
        bench.run()
        // b was handed out with a, refused by the worker, and starts as soon as a is done.
        #expect(bench.unstarted == 1)
        #expect(bench.starts(of: "b") == [.milliseconds(10)])
    }

    @Test func `an unlimited route goes on while another route of the same lane waits for its rate`() {
        var plan = Bench.plan(routes: 2, maxInFlight: 100)
        limit(1)(&plan.routes[0])
        let bench = Bench(plan)
        bench.send([Given("a1"), Given("a2"), Given("free", route: 1), Given("a3")])
        bench.run()
        #expect(bench.starts(of: "free") == [0])
        #expect(bench.starts(of: "a3") == [.seconds(2)])
    }

    @Test func `routes with different limits wait side by side`() {
        var plan = Bench.plan(routes: 2, maxInFlight: 100)
        limit(1)(&plan.routes[0])
        limit(2)(&plan.routes[1])
        plan.routes[1].rateLimitName = "more"
        let bench = Bench(plan)
        bench.send((0..<3).map { Given("a\($0)") } + (0..<4).map { Given("b\($0)", route: 1) })
        bench.run()
        #expect(bench.starts(of: "a2") == [.seconds(2)])
        #expect(bench.starts(of: "b3") == [.seconds(1)])
    }

    @Test func `a probe that the rate limit refuses is not lost to the breaker`() {
        let bench = Bench(maxInFlight: 4) {
            $0.rateLimit = RateLimitPolicy(count: 1, interval: .seconds(20))
            $0.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(10), maxRequests: 1, trip: { $0.consecutiveFailures >= 1 })
        }
        bench.reply = { $0.attempt == 1 && $0.id == "a" ? .retry : .done }
        bench.send("a", "b", "c")
        bench.run()
        #expect(bench.counts.done == 3 && bench.elapsed == .seconds(60))
    }

    @Test func `a retry without budget does not keep its rate limit's key from others`() {
        let bench = Bench(maxInFlight: 8) {
            $0.rateLimit = RateLimitPolicy(count: 1000, interval: .seconds(1))
            $0.rateLimitIsKeyed = true
            $0.budgetRatio = 0
            $0.budgetMinConcurrency = 1
        }
        bench.reply = { $0.id < "c" ? ($0.attempt == 1 ? .retry : .done(in: .seconds(30))) : .done }
        bench.send([Given("a", rateKey: "k"), Given("b", rateKey: "k")])
        bench.run(for: .seconds(5))
        bench.send([Given("c", rateKey: "k")])
        bench.run(for: .seconds(1))
        #expect(bench.done == ["c"])
    }
}
