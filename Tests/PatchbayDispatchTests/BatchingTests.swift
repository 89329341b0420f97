import PatchbayDispatch
import PatchbayEvents
import Testing

@Suite struct BatchingTests {
    private func bench(
        count: Int, bytes: Int = 0, period: UInt64 = 0, maxInFlight: Int = 100, maxQueue: Int = 512
    ) -> Bench {
        Bench(
            maxInFlight: maxInFlight,
            lane: {
                $0.batching.count = count
                $0.batching.bytes = bytes
                $0.batching.period = period
                $0.maxQueue = maxQueue
            })
    }

    /// The ids that were handed over together, batch by batch.
    private func groups(_ bench: Bench) -> [[String]] {
        var groups: [[String]] = []
        var last = -1
        for call in bench.started {
            if call.group == last { groups[groups.count - 1].append(call.id) } else { groups.append([call.id]) }
            last = call.group
        }
        return groups
    }

    @Test func `hands over count events at a time and takes what is there without a period`() {
        let bench = bench(count: 3)
        bench.send("a", "b", "c", "d", "e", "f", "g")
        bench.run()
        #expect(groups(bench) == [["a", "b", "c"], ["d", "e", "f"], ["g"]])
        #expect(bench.started.map(\.groupSize) == [3, 3, 3, 3, 3, 3, 1])
    }

    @Test func `a batch that is not full waits for the period, from its first event on`() {
        let bench = bench(count: 3, period: .milliseconds(500))
        bench.send("a")
        bench.run(for: .milliseconds(400))
        bench.send("b")
        bench.run()
        #expect(groups(bench) == [["a", "b"]])
        #expect(bench.starts(of: "b") == [.milliseconds(500)])
    }

    @Test func `a full batch does not wait, and what is left waits a period of its own`() {
        let bench = bench(count: 2, period: .milliseconds(500))
        bench.send("a", "b", "c")
        bench.run()
        #expect(groups(bench) == [["a", "b"], ["c"]])
        #expect(bench.starts(of: "a") == [0] && bench.starts(of: "c") == [.milliseconds(500)])
        bench.send("d")
        bench.run()
        #expect(bench.starts(of: "d") == [.milliseconds(1000)])
    }

    @Test func `bytes end a batch before it is too large, and one large event goes alone`() {
        // A line is its data and 57 bytes more.
        let bench = bench(count: 10, bytes: 600)
        bench.send([Given("a", size: 200), Given("b", size: 200), Given("c", size: 900), Given("d"), Given("e")])
        bench.run()
        #expect(groups(bench) == [["a", "b"], ["c"], ["d", "e"]])
    }

    @Test func `bytes start a batch before it has count events`() {
        let bench = bench(count: 10, bytes: 600, period: .seconds(1))
        bench.send((0..<5).map { Given("e\($0)", size: 200) })
        bench.run(for: 0)
        #expect(groups(bench) == [["e0", "e1"], ["e2", "e3"]])
    }

    @Test func `never holds two events of one key`() {
        let bench = bench(count: 4)
        bench.send(["a1", "a2", "b1", "a3", "c1", "b2"].map { Given($0, key: String($0.prefix(1))) })
        bench.run()
        #expect(groups(bench) == [["a1", "b1", "c1"], ["a2", "b2"], ["a3"]])
    }

    @Test func `a batch takes one permit`() {
        let bench = bench(count: 10, maxInFlight: 2)
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(1)) }
        bench.send((0..<100).map { Given("e\($0)") })
        bench.run { check(Set(bench.open.map(\.group)).count <= 2, "\(bench.open.count) open") }
        #expect(bench.counts.done == 100 && groups(bench).allSatisfy { $0.count == 10 })
        #expect(bench.elapsed == .milliseconds(5))
    }

    @Test func `events of a batch end one by one`() {
        let bench = bench(count: 4)
        bench.reply = {
            switch $0.id {
            case "b": $0.attempt == 1 ? .retry : .done
            case "c": Reply(.fail, "bad")
            case "d": Reply(.skip)
            default: .done
            }
        }
        bench.send("a", "b", "c", "d")
        bench.run()
        #expect(groups(bench) == [["a", "b", "c", "d"], ["b"]])
        #expect(bench.counts.done == 2 && bench.counts.dead == 1 && bench.counts.skipped == 1)
    }

    @Test func `a drain does not wait for the period`() {
        let bench = bench(count: 100, period: .seconds(3600))
        bench.flush()
        bench.send("a", "b")
        bench.run(for: 0)
        #expect(groups(bench) == [["a", "b"]])
    }

    @Test func `a queue that is shorter than a batch does not keep batches from filling`() {
        let bench = bench(count: 4, period: .seconds(3600), maxQueue: 3)
        bench.send("a", "b", "c", "d")
        bench.run(for: 0)
        #expect(groups(bench) == [["a", "b", "c", "d"]])
    }

    @Test func `starts go on without a period when permits come back`() {
        let bench = bench(count: 2, maxInFlight: 2)
        bench.asynchronous = [0]
        bench.reply = { _ in .done(in: .milliseconds(10)) }
        bench.send((0..<7).map { Given("e\($0)") })
        bench.run()
        #expect(bench.counts.done == 7)
    }
}
