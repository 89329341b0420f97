import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

/// One test for each bug found in the core, named after it.
@Suite struct RegressionTests {
    @Test func `retries that kept every permit of their lane could never start`() {
        let bench = Bench(maxInFlight: 2) { $0.retry.holdSlotUpTo = 10_000_000_000 }
        bench.asynchronous = [0]
        bench.reply = { $0.attempt == 1 ? .retry(in: 1000) : .done(in: 1000) }
        bench.send("a", "b", "c", "d")
        bench.run()
        #expect(bench.counts.done == 4)
    }

    @Test func `a retry that was due before its failure was on disk kept its permit for ever`() {
        let bench = Bench(maxInFlight: 2) {
            $0.retry = RetryPolicy(policy: .constant, duration: .milliseconds(1), maxRetries: 3, jitter: .none)
            $0.retry.holdSlotUpTo = 10_000_000_000
        }
        bench.recordDelay = .milliseconds(5)
        bench.reply = { $0.attempt == 1 ? .retry : .done }
        bench.send((0..<6).map { Given("e\($0)") })
        bench.run()
        #expect(bench.counts.done == 6 && bench.held == [0] && !bench.isStuck)
    }

    @Test func `the retry of an owed call took a second permit for its wait`() {
        let bench = Bench(maxInFlight: 2) {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .zero)
            $0.retry.holdSlotUpTo = 10_000_000_000
        }
        bench.asynchronous = [0]
        bench.reply = { $0.id == "a" && $0.attempt == 1 ? .deaf(.seconds(60)) : .done(in: 1000) }
        bench.send("warm")
        bench.run()
        bench.send("a")
        bench.run(for: .milliseconds(2500))
        bench.send("b")
        bench.run(for: .milliseconds(500))
        #expect(bench.done == ["warm", "b"])
    }

    @Test func `a lane without a free call slot span for ever`() {
        let bench = Bench(maxInFlight: 8, callCapacity: 2)
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<9).map { Given("e\($0)") })
        bench.run()
        #expect(bench.counts.done == 9)
    }

    @Test func `batches without a free call slot span for ever`() {
        let bench = Bench(maxInFlight: 8, callCapacity: 3, lane: { $0.batching.count = 8 })
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<9).map { Given("e\($0)") })
        bench.run()
        #expect(bench.counts.done == 9)
    }

    @Test func `a budget whose share is less than one retry held the last retries back for ever`() {
        let bench = Bench {
            $0.budgetRatio = 0.2
            $0.budgetMinConcurrency = 0
        }
        bench.reply = { $0.attempt == 1 ? .retry : .done }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1)
    }

    @Test func `the budget counted a delivery in flight twice`() {
        let bench = Bench(maxInFlight: 10) {
            $0.budgetRatio = 0.5
            $0.budgetMinConcurrency = 1
        }
        bench.reply = { $0.attempt == 1 ? .retry : .done(in: .milliseconds(10)) }
        bench.send((0..<4).map { Given("e\($0)") })
        bench.run(for: .seconds(2))
        #expect(bench.open.count == 2)
    }

    @Test(arguments: [RoutePlan.BreakerScope.route, .key])
    func `deliveries that waited for their own breaker slept on after it had closed`(scope: RoutePlan.BreakerScope) {
        let bench = Bench(maxInFlight: 4) {
            $0.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(10), maxRequests: 1, trip: { $0.consecutiveFailures >= 1 })
            $0.breakerScope = scope
            $0.onFailure = .skipKey
        }
        var broken = true
        bench.reply = { _ in broken ? .retry : .done(in: .milliseconds(1)) }
        bench.send((0..<6).map { Given("e\($0)", key: "k") })
        bench.run(for: .seconds(9))
        broken = false
        bench.run()
        #expect(bench.counts.done == 6)
        #expect(bench.elapsed < .seconds(11))
    }

    @Test func `an asynchronous lane was offered the same calls again and again before its first completion`() {
        let bench = Bench(maxInFlight: 2)
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .seconds(60)) }
        bench.send((0..<20).map { Given("e\($0)") })
        bench.run(for: .seconds(59))
        #expect(bench.unstarted == 18)
    }

    @Test func `an hour's backlog of one rate limited key was looked at with every start`() {
        let bench = Bench(maxInFlight: 4) {
            $0.rateLimit = RateLimitPolicy(count: 100, interval: .seconds(1))
            $0.rateLimitIsKeyed = true
        }
        for batch in 0..<10 { bench.send((0..<500).map { Given("e\(batch * 500 + $0)", rateKey: "tenant") }) }
        bench.run()
        #expect(bench.startedIDs == (0..<5000).map { "e\($0)" })
    }

    @Test func `calls that a breaker sent back from the workers came back in reverse`() {
        let bench = Bench {
            $0.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(10), maxRequests: 3, trip: { $0.consecutiveFailures >= 1 })
        }
        bench.reply = { $0.id == "e0" && $0.attempt == 1 ? .retry : .done(in: 1000) }
        bench.send((0..<9).map { Given("e\($0)") })
        bench.run()
        #expect(bench.startedIDs.filter { $0 != "e0" } == (1..<9).map { "e\($0)" })
    }

    @Test func `events behind a failure that halts their lane still ran`() {
        let bench = Bench(lane: { $0.maxQueue = 512 }, route: { $0.onFailure = .halt })
        bench.reply = { $0.id == "e3" ? Reply(.fail) : .done }
        bench.send((0..<100).map { Given("e\($0)") })
        bench.run()
        #expect(bench.startedIDs == ["e0", "e1", "e2", "e3"] && bench.counts.pending == 97)
    }

    @Test func `retries of a halted lane kept a run from ending`() {
        let bench = Bench(maxInFlight: 4) {
            $0.onFailure = .halt
            $0.retry = RetryPolicy(policy: .constant, duration: .seconds(3600), maxRetries: 3, jitter: .none)
        }
        bench.reply = { $0.id == "bad" ? Reply(.fail) : .retry }
        bench.send("a", "b", "bad", "c")
        bench.run(for: .seconds(1))
        #expect(bench.halts == [0] && bench.counts.pending == 4 && bench.isStuck)
    }

    @Test func `a halted lane ended the run of one that still waits`() {
        var plan = Bench.plan(lanes: 2)
        plan.routes[0].onFailure = .halt
        let bench = Bench(plan)
        bench.reply = { $0.lane == 0 ? Reply(.fail) : $0.attempt == 1 ? .retry : .done }
        bench.send([Given("bad", lane: 0), Given("good", lane: 1)])
        bench.run(for: .seconds(1))
        #expect(bench.halts == [0] && !bench.isStuck)
        bench.run()
        #expect(bench.done == ["good"] && bench.isStuck)
    }

    @Test func `a handler that was busy first was timed from a call that never counted`() {
        let bench = Bench {
            $0.retry = RetryPolicy(policy: .constant, duration: .seconds(20), maxRetries: 1, jitter: .none)
            $0.timeout = TimeoutPolicy(attempt: .seconds(5), total: .seconds(30))
        }
        bench.reply = { call in
            if bench.counts.busy < 2 { return Reply(.busy) }
            return call.attempt == 1 ? .retry : .done
        }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1 && bench.deaths.isEmpty)
    }
}
