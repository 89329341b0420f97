import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct OrderingTests {
    @Test func `runs one delivery of a key at a time, in log order`() {
        let bench = Bench(maxInFlight: 8)
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a"), Given("b1", key: "b"), Given("a3", key: "a")])
        bench.run {
            for key in ["a", "b"] {
                check(bench.open.count { $0.id.hasPrefix(key) } <= 1, "two of one key run")
            }
        }
        #expect(bench.startedIDs == ["a1", "b1", "a2", "a3"])
        #expect(bench.starts(of: "a3") == [.milliseconds(20)])
    }

    @Test func `blockKey holds back the failing key and nothing else`() {
        let bench = Bench(maxInFlight: 2) { $0.retry.duration = 5_000_000_000 }
        bench.reply = { $0.id == "a1" && $0.attempt == 1 ? .retry : .done }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a"), Given("b1", key: "b"), Given("c")])
        bench.run()
        #expect(bench.startedIDs == ["a1", "b1", "c", "a1", "a2"])
        #expect(bench.starts(of: "a2") == [.seconds(5)])
    }

    @Test func `skipKey lets the key's next delivery overtake the failing one`() {
        let bench = Bench { $0.onFailure = .skipKey }
        bench.reply = { $0.id == "a1" && $0.attempt < 3 ? .retry : .done }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a"), Given("a3", key: "a")])
        bench.run()
        #expect(bench.startedIDs == ["a1", "a2", "a3", "a1", "a1"])
        #expect(bench.counts.done == 3)
    }

    @Test func `halt stops the lane at the delivery that is given up and keeps it pending`() {
        var plan = Bench.plan(lanes: 2)
        plan.routes[0].onFailure = .halt
        let bench = Bench(plan)
        bench.reply = { $0.id == "bad" ? Reply(.fail, "no such account") : .done }
        bench.send([Given("ok"), Given("bad"), Given("after"), Given("other", lane: 1), Given("other2", lane: 1)])
        bench.run()
        #expect(bench.done.sorted() == ["ok", "other", "other2"])
        #expect(bench.halts == [0])
        #expect(bench.verdicts.contains(.halts))
        #expect(bench.deaths.isEmpty)
        #expect(bench.counts.pending == 2 && bench.pendingCount == 2)
        #expect(bench.isStuck)
        bench.send([Given("later"), Given("other3", lane: 1)])
        bench.run()
        #expect(!bench.startedIDs.contains("later") && bench.done.contains("other3"))
    }

    @Test func `halt still repeats what the policy repeats`() {
        let bench = Bench { $0.onFailure = .halt }
        bench.reply = { $0.attempt < 3 ? .retry : .done }
        bench.send("a")
        bench.run()
        #expect(bench.counts.done == 1 && bench.halts.isEmpty)
    }

    @Test func `keys of different lanes do not wait for each other`() {
        let bench = Bench(Bench.plan(lanes: 2))
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send([Given("x", lane: 0, key: "k"), Given("y", lane: 1, key: "k")])
        bench.run()
        #expect(bench.starts(of: "y") == [0])
    }

    @Test func `a dead delivery frees its key once its dead letter is written`() {
        let bench = Bench { $0.retry.policy = .none }
        bench.burialDelay = .milliseconds(7)
        bench.reply = { $0.id == "a1" ? .retry : .done }
        bench.send([Given("a1", key: "a"), Given("a2", key: "a")])
        bench.run()
        #expect(bench.deaths.map(\.failureClass) == ["noRetries"])
        #expect(bench.starts(of: "a2") == [.milliseconds(7)])
        #expect(bench.counts.dead == 1 && bench.counts.done == 1)
    }

    @Test func `hundreds of busy keys keep their orders apart`() {
        let bench = Bench(maxInFlight: 16)
        bench.reply = { _ in .done(in: .milliseconds(1)) }
        bench.send((0..<500).map { Given("k\($0 % 170)-\($0)", key: "k\($0 % 170)") })
        bench.run()
        for key in 0..<170 {
            let numbers = bench.startedIDs.filter { $0.hasPrefix("k\(key)-") }.map {
                Int($0.split(separator: "-")[1]) ?? -1
            }
            check(numbers == numbers.sorted(), "key \(key) ran as \(numbers)")
        }
        #expect(bench.counts.done == 500)
    }
}
