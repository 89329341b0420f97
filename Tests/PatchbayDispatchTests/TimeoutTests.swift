import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct TimeoutTests {
    private func attempt(_ seconds: Int) -> (inout RoutePlan) -> Void {
        { $0.timeout = TimeoutPolicy(attempt: .seconds(seconds), total: .zero) }
    }

    @Test func `an attempt past its timeout is cancelled, charged and repeated`() {
        let bench = Bench(attempt(5))
        bench.reply = { $0.attempt == 1 ? Reply(.done, takes: .never) : .done }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(7)])
        #expect(bench.counts.timeouts == 1 && bench.counts.attempts == 2 && bench.counts.done == 1)
    }

    @Test func `an attempt that ends well after its cancellation is done`() {
        let bench = Bench(attempt(5))
        bench.reply = { _ in .deaf(.milliseconds(5_500)) }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1 && bench.counts.timeouts == 0 && bench.started.count == 1)
    }

    @Test func `a call that ignores its cancellation is closed after the grace and keeps its permit`() {
        let bench = Bench(attempt(5))
        bench.asynchronous = [0]
        bench.reply = { $0.id == "a" && $0.attempt == 1 ? .deaf(.seconds(60)) : .done(in: 1000) }
        bench.send("a", "b")
        bench.run(for: .seconds(59))
        #expect(bench.core.owed == 1 && bench.counts.timeouts == 1)
        #expect(bench.startedIDs == ["a"])
        bench.run()
        #expect(bench.core.owed == 0)
        #expect(bench.starts(of: "b")[0] >= .seconds(60))
        #expect(bench.counts.done == 2 && bench.counts.attempts == 3)
    }

    @Test func `with a permit to spare the retry overlaps the owed call`() {
        let bench = Bench(maxInFlight: 2, attempt(5))
        bench.asynchronous = [0]
        bench.reply = { $0.attempt == 1 ? .deaf(.seconds(60)) : .done }
        bench.send("a")
        bench.run(for: .seconds(30))
        #expect(bench.starts(of: "a") == [0, .seconds(8)])
        #expect(bench.counts.done == 1 && bench.counts.pending == 0)
        // The owed call still reads the event's memory.
        #expect(bench.released == 0)
        bench.run()
        #expect(bench.released == 1 && bench.counts.done == 1)
    }

    @Test func `a late completion of a closed call changes no outcome`() {
        let bench = Bench {
            attempt(5)(&$0)
            $0.retry.policy = .none
        }
        bench.reply = { _ in .deaf(.seconds(9)) }
        bench.send("a")
        bench.run()
        #expect(bench.deaths.map(\.failureClass) == ["noRetries"])
        #expect(bench.counts.dead == 1 && bench.counts.done == 0 && bench.counts.attempts == 1)
        #expect(bench.released == 1)
    }

    @Test func `too many owed calls quarantine the lane and no other`() {
        var plan = Bench.plan(lanes: 2, maxInFlight: 10)
        plan.owedMax = 3
        attempt(1)(&plan.routes[0])
        let bench = Bench(plan)
        bench.asynchronous = [0]
        bench.reply = { $0.lane == 0 ? .deaf() : .done }
        bench.send((0..<3).map { Given("bad\($0)") })
        bench.run(for: .seconds(4))
        #expect(bench.quarantines == [0])
        bench.send([Given("bad3"), Given("good", lane: 1)])
        bench.run(for: .seconds(30))
        #expect(bench.done == ["good"] && !bench.startedIDs.contains("bad3"))
        #expect(bench.isStuck)
    }

    @Test func `the total timeout gives up before a retry that would come too late`() {
        let bench = Bench {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .seconds(5))
            $0.retry.maxRetries = 100
        }
        bench.reply = { _ in .retry }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(2), .seconds(4)])
        #expect(bench.deaths.map(\.failureClass) == ["totalTimeout"])
    }

    @Test func `the total timeout bounds the attempt that it falls into`() {
        let bench = Bench { $0.timeout = TimeoutPolicy(attempt: .seconds(4), total: .seconds(5)) }
        bench.reply = { $0.attempt == 1 ? .retry : Reply(.done, takes: .never) }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(2)])
        #expect(bench.deaths.map(\.at) == [.seconds(5)])
        #expect(bench.deaths.map(\.failureClass) == ["totalTimeout"])
    }

    @Test func `an open breaker's pause does not count towards the total timeout`() {
        let bench = Bench {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .seconds(5))
            $0.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(60), maxRequests: 1, trip: { $0.consecutiveFailures >= 1 })
            $0.retry.maxRetries = 1
        }
        bench.reply = { $0.attempt == 1 ? .retry : .done }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(60)])
        #expect(bench.counts.done == 1)
    }

    @Test(arguments: [RoutePlan.BreakerScope.route, .key])
    func `a pause of a delivery's own breaker does not count either`(scope: RoutePlan.BreakerScope) {
        let bench = Bench {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .seconds(5))
            $0.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(60), maxRequests: 1, trip: { $0.consecutiveFailures >= 1 && $0.requests < 2 })
            $0.breakerScope = scope
            $0.retry.maxRetries = 2
        }
        bench.reply = { $0.attempt == 3 ? .done : .retry }
        bench.send([Given("a", key: "k")])
        bench.run()
        #expect(bench.counts.done == 1 && bench.deaths.isEmpty)
    }

    @Test func `a wait for a rate limit of its own does not count towards the total timeout`() {
        let bench = Bench {
            $0.timeout = TimeoutPolicy(attempt: .seconds(1), total: .seconds(5))
            $0.rateLimit = RateLimitPolicy(count: 1, interval: .seconds(60))
            $0.rateLimitIsKeyed = true
        }
        bench.reply = { $0.attempt == 3 ? .done : .retry }
        bench.send([Given("a", rateKey: "k")])
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(60), .seconds(120)])
        #expect(bench.counts.done == 1)
    }

    @Test func `a wait in the workers' queue counts neither for the attempt nor for the total timeout`() {
        let bench = Bench { $0.timeout = TimeoutPolicy(attempt: .seconds(4), total: .seconds(10)) }
        bench.reply = { $0.id == "a" && $0.attempt < 3 ? .retry : .done(in: .seconds(3)) }
        bench.send([Given("a")] + (0..<8).map { Given("b\($0)") })
        bench.run()
        #expect(bench.counts.done == 9 && bench.counts.timeouts == 0)
        // Behind all the others, for longer than the total timeout.
        #expect(bench.starts(of: "a") == [0, .seconds(24), .seconds(26)])
    }

    @Test func `a handler that gives up at its own deadline has timed out`() {
        let bench = Bench {
            attempt(5)(&$0)
            $0.retry.matching = RetryMatching(retry: ["*"], never: ["timeout"])
        }
        bench.reply = { _ in Reply(.cancelled, takes: .seconds(5)) }
        bench.send("a")
        bench.run()
        #expect(bench.counts.timeouts == 1)
        #expect(bench.deaths.map(\.failureClass) == ["never"])
    }

    @Test func `timeouts open the breaker`() {
        let bench = Bench(maxInFlight: 4) {
            attempt(1)(&$0)
            $0.breaker = CircuitBreakerConfiguration(trip: { $0.consecutiveFailures >= 2 })
        }
        bench.reply = { $0.id == "a" ? Reply(.done, takes: .never) : .deaf(.seconds(90)) }
        bench.send("a", "b")
        bench.run(for: .seconds(5))
        #expect(bench.transitions.count == 1)
    }
}
