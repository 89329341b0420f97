import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct RetryTests {
    /// When each attempt began while the handler fails for ever, in milliseconds.
    private func attempts(seed: UInt64 = 1, _ policy: RetryPolicy) -> [Double] {
        var plan = Bench.plan()
        plan.routes[0].retry = policy
        let bench = Bench(plan, seed: seed)
        bench.reply = { _ in .retry }
        bench.send("a")
        bench.run()
        return bench.starts(of: "a").map { Double($0) / 1e6 }
    }

    @Test func `none gives up after the first attempt`() {
        #expect(attempts(RetryPolicy(policy: .none)) == [0])
    }

    @Test func `constant waits the same every time`() {
        let policy = RetryPolicy(policy: .constant, duration: .milliseconds(200), maxRetries: 3, jitter: .none)
        #expect(attempts(policy) == [0, 200, 400, 600])
    }

    @Test func `linear waits longer by the duration every time`() {
        let policy = RetryPolicy(
            policy: .linear, duration: .milliseconds(200), maxInterval: .milliseconds(500), maxRetries: 4, jitter: .none
        )
        #expect(attempts(policy) == [0, 200, 600, 1100, 1600])
    }

    @Test func `exponential multiplies up to maxInterval`() {
        let policy = RetryPolicy(
            policy: .exponential, duration: .milliseconds(100), multiplier: 3, maxInterval: .milliseconds(1000),
            maxRetries: 4, jitter: .none)
        #expect(attempts(policy) == [0, 100, 400, 1300, 2300])
    }

    @Test func `duration zero repeats at once`() {
        let policy = RetryPolicy(policy: .constant, duration: .zero, maxRetries: 2, jitter: .none)
        #expect(attempts(policy) == [0, 0, 0])
    }

    @Test(arguments: RetryJitter.allCases) func `jitter spreads delays within its bounds`(jitter: RetryJitter) {
        var delays: Set<Double> = []
        for seed in 1...60 {
            let policy = RetryPolicy(
                policy: .exponential, duration: .milliseconds(100), multiplier: 2, maxInterval: .milliseconds(800),
                maxRetries: 5, jitter: jitter)
            let times = attempts(seed: UInt64(seed), policy)
            var previous = 100.0
            for retry in 1..<times.count {
                let delay = times[retry] - times[retry - 1]
                let plain = min(800, 100 * Double(1 << (retry - 1)))
                let bounds: ClosedRange<Double> =
                    switch jitter {
                    case .none: plain...plain
                    case .full: 0...plain
                    case .equal: (plain / 2)...plain
                    case .decorrelated: 100...min(800, previous * 3)
                    }
                check(
                    delay >= bounds.lowerBound - 0.001 && delay <= bounds.upperBound + 0.001,
                    "seed \(seed), retry \(retry): \(delay) ms is not in \(bounds)")
                previous = max(100, delay)
                delays.insert(delay)
            }
            check(times.count == 6, "seed \(seed): \(times.count) attempts")
        }
        #expect(jitter == .none ? delays.count <= 8 : delays.count > 200)
    }

    @Test func `a handler's retry-after replaces the policy's delay, up to retryAfterMax`() {
        let bench = Bench { $0.retry.retryAfterMax = 10_000_000_000 }
        bench.reply = { call in
            switch call.attempt {
            case 1: Reply(.retry, after: .seconds(7))
            case 2: Reply(.retry, after: .seconds(3600))
            case 3: Reply(.retry, after: 1)
            default: .done
            }
        }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(7), .seconds(17), .seconds(17)])
    }

    @Test func `retryAfterMax zero ignores the handler's wish`() {
        let bench = Bench { $0.retry.retryAfterMax = 0 }
        bench.reply = { $0.attempt == 1 ? Reply(.retry, after: .seconds(60)) : .done }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(2)])
    }

    @Test func `matching never dead-letters at once, by the reason up to its colon`() {
        let bench = Bench { $0.retry.matching = RetryMatching(retry: ["*"], never: ["invalid"]) }
        bench.reply = { Reply(.retry, $0.id == "a" ? "invalid: amount missing" : "invalidated") }
        bench.send("a", "b")
        bench.run()
        #expect(bench.starts(of: "a").count == 1 && bench.starts(of: "b").count == 4)
        #expect(bench.deaths.map(\.failureClass) == ["never", "exhausted"])
        #expect(bench.deaths[0].reason == "invalid: amount missing")
    }

    @Test func `a failure that matching does not name is not repeated`() {
        let bench = Bench { $0.retry.matching = RetryMatching(retry: ["timeout", "net*"], never: []) }
        bench.reply = { Reply(.retry, $0.id) }
        bench.send("network", "disk")
        bench.run()
        #expect(bench.starts(of: "network").count == 4 && bench.starts(of: "disk").count == 1)
        #expect(bench.deaths.map(\.failureClass) == ["unmatched", "exhausted"])
    }

    @Test func `a permanent failure is not repeated`() {
        let bench = Bench()
        bench.reply = { _ in Reply(.fail, "card_declined") }
        bench.send("a")
        bench.run()
        #expect(bench.deaths.map(\.failureClass) == ["permanent"] && bench.deaths[0].attempts == 1)
        #expect(bench.deaths[0].reason == "card_declined")
    }

    @Test func `gives up after maxRetries and says how often it tried`() {
        let bench = Bench()
        bench.reply = { _ in .retry }
        bench.send("a")
        bench.run()
        #expect(bench.deaths.map(\.failureClass) == ["exhausted"] && bench.deaths[0].attempts == 4)
        #expect(bench.counts.retries == 3 && bench.counts.attempts == 4 && bench.counts.dead == 1)
    }

    @Test func `skip settles without an effect`() {
        let bench = Bench()
        bench.reply = { _ in Reply(.skip) }
        bench.send("a")
        bench.run()
        #expect(bench.counts.skipped == 1 && bench.counts.pending == 0 && bench.released == 1)
    }

    @Test func `a wait up to holdSlotUpTo keeps the permit`() {
        let bench = Bench { $0.retry.holdSlotUpTo = 2_000_000_000 }
        bench.asynchronous = [0]
        bench.reply = { $0.id == "a" && $0.attempt == 1 ? .retry(in: 1000) : .done(in: 1000) }
        bench.send("warm")
        bench.run()
        bench.send("a", "b")
        bench.run()
        #expect(bench.startedIDs == ["warm", "a", "a", "b"])
    }

    @Test func `a longer wait gives the permit back`() {
        let bench = Bench { $0.retry.holdSlotUpTo = 1_999_999_999 }
        bench.asynchronous = [0]
        bench.reply = { $0.id == "a" && $0.attempt == 1 ? .retry(in: 1000) : .done(in: 1000) }
        bench.send("warm")
        bench.run()
        bench.send("a", "b")
        bench.run()
        #expect(bench.startedIDs == ["warm", "a", "b", "a"])
    }

    @Test func `the budget bounds retries in flight and refuses none for good`() {
        let bench = Bench(maxInFlight: 20, lane: { $0.maxQueue = 20 }) {
            $0.budgetRatio = 0.1
            $0.budgetMinConcurrency = 2
        }
        bench.reply = { $0.attempt == 1 ? .retry : .done(in: .milliseconds(10)) }
        bench.send((0..<12).map { Given("e\($0)") })
        bench.run { check(bench.open.count <= 2, "\(bench.open.count) retries in flight") }
        #expect(bench.counts.done == 12 && bench.counts.attempts == 24)
        #expect(bench.elapsed == .seconds(2) + .milliseconds(60))
    }

    @Test func `first attempts do not ask the budget`() {
        let bench = Bench(maxInFlight: 20) {
            $0.budgetRatio = 0
            $0.budgetMinConcurrency = 1
        }
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<12).map { Given("e\($0)") })
        bench.run(for: 0)
        #expect(bench.open.count == 12)
    }

    @Test func `lost state reruns the call without charging it`() {
        let bench = Bench { $0.retry.policy = .none }
        var runs = 0
        bench.reply = { _ in
            runs += 1
            var reply = Reply.done
            reply.losesState = runs < 5
            return reply
        }
        bench.send("a")
        bench.run()
        #expect(runs == 5 && bench.started.allSatisfy { $0.attempt == 1 })
        #expect(bench.counts.done == 1 && bench.counts.attempts == 1 && bench.counts.dead == 0)
    }
}
