import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

/// What is not the handler's fault costs no attempt and dead-letters nothing.
@Suite struct UnchargedTests {
    @Test func `busy is offered again without a charge, as long as it takes`() {
        let bench = Bench {
            $0.retry = RetryPolicy(policy: .constant, duration: .seconds(1), maxRetries: 0, jitter: .none)
            $0.timeout = TimeoutPolicy(attempt: .seconds(5), total: .seconds(10))
        }
        bench.reply = { _ in bench.counts.busy < 100 ? Reply(.busy) : .done(in: .seconds(1)) }
        bench.send("a")
        bench.run()
        #expect(bench.counts.busy == 100 && bench.counts.done == 1 && bench.counts.attempts == 1)
        #expect(bench.started.allSatisfy { $0.attempt == 1 })
        #expect(bench.elapsed == .seconds(101))
    }

    @Test func `busy between attempts does not use the total timeout up`() {
        let bench = Bench {
            $0.retry = RetryPolicy(policy: .constant, duration: .seconds(1), maxRetries: 2, jitter: .none)
            $0.timeout = TimeoutPolicy(attempt: .seconds(5), total: .seconds(10))
        }
        bench.reply = { call in
            if call.attempt == 2, bench.counts.busy < 30 { return Reply(.busy, takes: .seconds(1)) }
            return call.attempt < 3 ? .retry : .done
        }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1 && bench.counts.timeouts == 0 && bench.deaths.isEmpty)
    }

    @Test func `busy heeds the wished delay within the policy's bound, and never spins`() {
        let bench = Bench { $0.retry.retryAfterMax = 5_000_000_000 }
        let wishes: [UInt64] = [.seconds(3), .seconds(60), 1]
        bench.reply = { _ in
            let seen = Int(bench.counts.busy)
            return seen < wishes.count ? Reply(.busy, after: wishes[seen]) : .done
        }
        bench.send("a")
        bench.run()
        #expect(bench.starts(of: "a") == [0, .seconds(3), .seconds(8), .milliseconds(8001)])
    }

    @Test func `busy without retries allowed is still offered again`() {
        let bench = Bench { $0.retry = RetryPolicy(policy: .none) }
        bench.reply = { _ in bench.counts.busy < 3 ? Reply(.busy) : .done }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1)
    }

    @Test func `busy frees the permit and keeps the key`() {
        let bench = Bench()
        bench.reply = { _ in bench.counts.busy == 0 ? Reply(.busy) : .done }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a"), Given("b")])
        bench.run()
        #expect(bench.startedIDs == ["a1", "b", "a1", "a2"])
    }

    @Test(arguments: [1, 4]) func `a handler that is busy is not offered its backlog`(maxInFlight: Int) {
        let bench = Bench(maxInFlight: maxInFlight)
        bench.reply = { _ in bench.elapsed < .seconds(9) ? Reply(.busy, takes: 1000) : .done }
        for batch in 0..<2 { bench.send((0..<500).map { Given("e\(batch)-\($0)") }) }
        bench.run(for: .seconds(9) - 1)
        // Every 2 s as many as there are permits.
        #expect(bench.counts.busy == UInt64(5 * maxInFlight))
        bench.run()
        #expect(bench.counts.done == 1000 && bench.elapsed < .seconds(13))
    }

    @Test func `a handler that is busy holds up no other lane`() {
        let bench = Bench(Bench.plan(lanes: 2))
        bench.reply = { $0.lane == 0 ? Reply(.busy) : .done }
        bench.send((0..<100).map { Given("e\($0)", lane: $0 % 2) })
        bench.run(for: 0)
        #expect(bench.laneCounts(1).done == 50 && bench.counts.busy == 1)
    }

    @Test func `the shortest wait of what was shed opens the lane again`() {
        let bench = Bench(maxInFlight: 2) { $0.retry.retryAfterMax = 100_000_000_000 }
        bench.reply = {
            guard bench.counts.busy < 2 else { return .done }
            return Reply(.busy, after: $0.id == "a" ? .seconds(50) : .seconds(5), takes: 1000)
        }
        bench.send("a", "b", "c")
        bench.run()
        #expect(bench.starts(of: "c") == [.seconds(5) + 1000] && bench.starts(of: "a") == [0, .seconds(50) + 1000])
    }

    @Test func `calls that no worker had a permit for go back uncharged`() {
        let bench = Bench(maxInFlight: 2) { $0.retry.policy = .none }
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .seconds(1)) }
        bench.send((0..<30).map { Given("e\($0)") })
        bench.run()
        #expect(bench.unstarted == 28)
        #expect(bench.counts.done == 30 && bench.counts.attempts == 30 && bench.counts.dead == 0)
        #expect(bench.startedIDs == (0..<30).map { "e\($0)" })
    }

    @Test func `a call that gives up because the process stops costs no attempt`() {
        let bench = Bench { $0.retry.policy = .none }
        bench.reply = { _ in Reply(.cancelled, takes: .seconds(1)) }
        bench.send("a")
        bench.run(for: 0)
        bench.beginStopping()
        bench.complete(bench.open[0].index, Reply(.cancelled))
        #expect(bench.verdicts == [.goesBack])
        #expect(bench.counts.attempts == 0 && bench.counts.pending == 1 && bench.pendingCount == 1)
    }

    @Test func `a call that gives up for no reason is charged`() {
        let bench = Bench { $0.retry.policy = .none }
        bench.reply = { _ in Reply(.cancelled) }
        bench.send("a")
        bench.run()
        #expect(bench.counts.dead == 1 && bench.counts.attempts == 1)
    }
}
