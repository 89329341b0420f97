import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct BreakerTests {
    /// Opens after two failures in a row, for ten seconds.
    private func breaker(_ scope: RoutePlan.BreakerScope = .handler, probes: Int = 1) -> (inout RoutePlan) -> Void {
        { route in
            route.breaker = CircuitBreakerConfiguration(
                timeout: .seconds(10), maxTimeout: .seconds(10), maxRequests: probes,
                trip: { $0.consecutiveFailures >= 2 })
            route.breakerScope = scope
        }
    }

    @Test func `an open breaker pauses the lane without charging, probes, and closes`() {
        let bench = Bench(breaker())
        var broken = true
        bench.reply = { _ in broken ? .retry : .done }
        bench.send((0..<6).map { Given("e\($0)") })
        bench.run(for: .seconds(9))
        #expect(bench.started.count == 2 && bench.counts.attempts == 2)
        #expect(bench.counts.pending == 6 && bench.deaths.isEmpty)
        broken = false
        bench.run()
        #expect(bench.counts.done == 6 && bench.counts.attempts == 8)
        #expect(bench.transitions.map { $0.split(separator: " ").last } == ["open", "closed"])
        #expect(bench.started[2].startedAt - bench.begin == .seconds(10))
    }

    @Test func `another version of the handler begins with a closed breaker, unless it is the route's`() {
        for scope in [RoutePlan.BreakerScope.handler, .route] {
            let bench = Bench(breaker(scope))
            var broken = true
            bench.reply = { _ in broken ? .retry : .done }
            bench.send((0..<6).map { Given("e\($0)") })
            bench.run(for: .seconds(1))
            #expect(bench.counts.pending == 6 && bench.started.count == 2)
            broken = false
            bench.changeCode()
            bench.run(for: .seconds(2))
            #expect(bench.counts.done == (scope == .handler ? 6 : 0))
            bench.run()
            #expect(bench.counts.done == 6 && bench.transitions.last?.hasSuffix("closed") == true)
        }
    }

    @Test func `only as many probes as maxRequests run while half-open`() {
        let bench = Bench(maxInFlight: 10, breaker(probes: 2))
        bench.reply = { $0.attempt == 1 && $0.id < "e2" ? .retry : .done(in: .seconds(1)) }
        bench.send((0..<9).map { Given("e\($0)") })
        bench.run(for: .seconds(10))
        // What had been begun before it opened goes on; from then on two probes.
        let probes = bench.open.filter { $0.startedAt == bench.begin + .seconds(10) }
        #expect(probes.count == 2)
        bench.run()
        #expect(bench.counts.done == 9)
    }

    @Test func `calls that wait for a worker when the breaker opens go back uncharged, in their order`() {
        let bench = Bench(breaker())
        bench.reply = { Int($0.id.dropFirst()) ?? 0 < 2 && $0.attempt == 1 ? .retry(in: 1000) : .done(in: 1000) }
        bench.send((0..<9).map { Given("e\($0)") })
        bench.run()
        #expect(bench.unstarted == 7)
        #expect(bench.counts.done == 9 && bench.counts.attempts == 11)
        #expect(bench.startedIDs.dropFirst(2).filter { $0 > "e1" } == ["e2", "e3", "e4", "e5", "e6", "e7", "e8"])
    }

    @Test func `onOpen deadLetter gives up uncharged what an open breaker refuses`() {
        let bench = Bench {
            breaker()(&$0)
            $0.onOpen = .deadLetter
            $0.retry.maxRetries = 0
        }
        bench.reply = { _ in .retry }
        bench.send("a", "b")
        bench.run()
        bench.send("c", "d")
        bench.run()
        #expect(bench.deaths.map(\.failureClass) == ["exhausted", "exhausted", "breaker", "breaker"])
        #expect(bench.deaths.map(\.attempts) == [1, 1, 0, 0])
        #expect(bench.started.count == 2)
    }

    @Test func `what an open breaker gives up is bounded by maxQueue while dead letters are written`() {
        let bench = Bench(
            lane: { $0.maxQueue = 5 },
            route: {
                breaker()(&$0)
                $0.onOpen = .deadLetter
                $0.retry.maxRetries = 0
            })
        bench.reply = { _ in .retry }
        bench.burialDelay = .milliseconds(1)
        bench.send((0..<100).map { Given("e\($0)") })
        var dead = 0
        bench.run {
            let dying = bench.deaths.count - Int(bench.counts.dead)
            check(dying <= 5, "\(dying) are dying")
            dead = max(dead, dying)
        }
        #expect(dead == 5 && bench.counts.dead == 100)
    }

    @Test func `scope handler holds back every route of the handler`() {
        var plan = Bench.plan(routes: 2)
        breaker()(&plan.routes[0])
        breaker()(&plan.routes[1])
        let bench = Bench(plan)
        bench.reply = { $0.route == 0 && $0.attempt == 1 ? .retry : .done }
        bench.send([Given("a"), Given("b"), Given("c", route: 1)])
        bench.run()
        #expect(bench.starts(of: "c")[0] >= .seconds(10))
    }

    @Test func `scope route lets other routes of the handler pass`() {
        var plan = Bench.plan(routes: 2)
        breaker(.route)(&plan.routes[0])
        breaker(.route)(&plan.routes[1])
        let bench = Bench(plan)
        bench.reply = { $0.route == 0 && $0.attempt == 1 ? .retry : .done }
        bench.send([Given("a"), Given("b"), Given("a2"), Given("c", route: 1)])
        bench.run()
        #expect(bench.starts(of: "c") == [0])
        #expect(bench.starts(of: "a2")[0] >= .seconds(10))
        #expect(bench.counts.done == 4)
    }

    @Test func `scope key lets other keys pass`() {
        let bench = Bench(breaker(.key))
        bench.reply = { $0.id.hasPrefix("bad") && $0.attempt < 3 ? Reply(.retry, after: 1) : .done }
        bench.send([Given("bad1", key: "bad"), Given("bad2", key: "bad"), Given("good1", key: "good"), Given("none")])
        bench.run()
        #expect(bench.starts(of: "good1") == [0] && bench.starts(of: "none") == [0])
        #expect(bench.starts(of: "bad1") == [0, 0, .seconds(10)])
        #expect(bench.counts.done == 4)
    }

    @Test func `a breaker of another policy does not hold up the rest of the lane`() {
        var plan = Bench.plan(routes: 2)
        breaker()(&plan.routes[0])
        plan.routes[0].breakerName = "touchy"
        let bench = Bench(plan)
        bench.reply = { $0.route == 0 && $0.attempt == 1 ? .retry : .done }
        bench.send([Given("a"), Given("b"), Given("a2"), Given("c", route: 1)])
        bench.run()
        #expect(bench.starts(of: "c") == [0])
        #expect(bench.counts.done == 4)
    }

    @Test func `slow calls open the breaker though they succeed`() {
        let bench = Bench {
            $0.breaker = CircuitBreakerConfiguration(
                slowCall: .seconds(1), timeout: .seconds(10), trip: { $0.slow >= 3 })
        }
        bench.reply = { _ in .done(in: bench.counts.done < 3 ? .seconds(2) : 0) }
        bench.send((0..<6).map { Given("e\($0)") })
        bench.run(for: .seconds(7))
        #expect(bench.counts.done == 3 && bench.transitions.count == 1)
        bench.run()
        #expect(bench.counts.done == 6)
        #expect(bench.starts(of: "e3") == [.seconds(16)])
    }

    @Test func `failures that spare the breaker do not open it`() {
        let bench = Bench(breaker())
        bench.reply = { _ in
            var reply = Reply(.fail, "bad event")
            reply.sparesBreaker = true
            return reply
        }
        bench.send((0..<10).map { Given("e\($0)") })
        bench.run()
        #expect(bench.counts.dead == 10 && bench.transitions.isEmpty)
    }

    @Test func `a half-open breaker that hears busy lets another probe in`() {
        let bench = Bench(breaker())
        var calls = 0
        bench.reply = { _ in
            calls += 1
            return calls <= 2 ? .retry : calls == 3 ? Reply(.busy) : .done
        }
        bench.send("a", "b", "c")
        bench.run(for: .seconds(13))
        #expect(bench.counts.busy == 1 && bench.counts.done >= 1)
        bench.run()
        #expect(bench.counts.done == 3)
    }
}
