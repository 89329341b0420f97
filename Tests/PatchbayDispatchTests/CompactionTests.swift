import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

@Suite struct CompactionTests {
    /// Lane 0 lags from its first call on, the others are done at once; each batch is `count` events, and those of
    /// `lagging` are lane 0's.
    private func lagging(
        batches: Int = 20, count: Int = 100, lagging: [Int] = [7], maxInFlight: Int = 1, lanes: Int = 2,
        members: String? = nil, change: (inout Given) -> Void = { _ in }
    ) -> Bench {
        let bench = Bench(Bench.plan(lanes: lanes, maxInFlight: maxInFlight))
        bench.reply = { $0.lane == 0 ? .deaf(.seconds(20)) : .done }
        for batch in 0..<batches {
            bench.send(
                (0..<count).map { index in
                    var given = Given("e\(batch)-\(index)", lane: lagging.contains(index) ? 0 : 1)
                    given.members = members
                    change(&given)
                    return given
                })
        }
        bench.run(for: 0)
        return bench
    }

    private func runsOut(_ bench: Bench, calm: Bool = true) -> Bool {
        if calm { bench.reply = { _ in .done } }
        bench.run()
        return bench.counts.done == bench.sent && bench.altered.isEmpty && bench.releasedTwice == 0
            && bench.released == bench.sentBatches + bench.packed
    }

    @Test func `a lane that lags retains its own events only`() {
        let bench = lagging()
        #expect(bench.released == 0)
        #expect(bench.compact() == 1)
        bench.run(for: 0)
        // The call that is open keeps its batch.
        #expect(bench.released == 19 && bench.altered.isEmpty)
        #expect(bench.compact() == 0)
        #expect(runsOut(bench))
        #expect(bench.done.filter { $0.hasSuffix("-7") }.count == 20)
    }

    @Test(
        arguments: [
            #""subject":"esc\u0061ped \"\n","data":"esc\taped""#, #""data_base64":"AAECAwQFBgcICQ==""#,
            #""datacontenttype":"application/json","data_base64":"eyJhIjoxfQ==""#, #""data":null"#, #""data":"""#,
            #""subject":"s","time":"2026-01-02T03:04:05Z","dataschema":"urn:a","datacontenttype":"a/b","data":{"a":[]}"#,
            #""level":7,"flag":true,"note":"a\"b","partitionkey":"plain","data":1"#, #""note":"ünïcode \ud83d\ude00""#,
        ])
    func `events are shown as they were sent`(members: String) {
        let bench = lagging(members: members)
        #expect(bench.compact() == 1 && bench.altered.isEmpty)
        #expect(runsOut(bench))
    }

    @Test func `lines without an envelope of their own keep the one they were given`() {
        let bench = Bench(Bench.plan(lanes: 2))
        bench.reply = { $0.lane == 0 ? .deaf(.seconds(20)) : .done }
        bench.send("first")
        bench.run(for: 0)
        let given = (0..<50).map { Given("e\($0)", lane: $0 % 10 == 3 ? 0 : 1) }
        bench.send(BatchMaker().enveloped(given, lines: given.map { #"{"n":"\#($0.id)","text":"a\nb"}"# }))
        bench.run(for: 0)
        #expect(bench.compact() == 1 && bench.altered.isEmpty)
        bench.run(for: 0)
        #expect(bench.released == 1)
        bench.reply = { _ in .done }
        bench.run()
        #expect(bench.startedIDs.filter { $0.hasSuffix("3") } == ["e3", "e13", "e23", "e33", "e43"])
        #expect(bench.released == 3 && bench.altered.isEmpty)
    }

    @Test func `what is loaded, parked, behind its key and not loaded yet goes on as before`() {
        var plan = Bench.plan(lanes: 2)
        plan.lanes[0].maxQueue = 4
        plan.routes[0].retry = RetryPolicy(policy: .constant, duration: .seconds(60), maxRetries: 5, jitter: .none)
        let bench = Bench(plan)
        bench.reply = { $0.lane == 0 && $0.attempt == 1 ? .retry : .done }
        for batch in 0..<6 {
            bench.send(
                (0..<40).map {
                    Given("e\(batch)-\($0)", lane: $0 < 4 ? 0 : 1, key: $0 < 2 ? "k" : nil, priority: UInt8($0 % 3))
                })
        }
        bench.run(for: .seconds(1))
        #expect(bench.compact() > 0)
        bench.run(for: 0)
        #expect(bench.released == 6)
        #expect(runsOut(bench, calm: false))
        #expect(bench.started.filter { $0.lane == 0 }.allSatisfy { $0.attempt <= 2 })
        let first = bench.startedIDs.filter { $0.hasSuffix("-0") || $0.hasSuffix("-1") }
        let order = (0..<6).flatMap { ["e\($0)-0", "e\($0)-0", "e\($0)-1", "e\($0)-1"] }
        #expect(first == order)
    }

    @Test func `events that came one by one are packed, and take little more than themselves`() {
        let bench = Bench(Bench.plan(lanes: 1))
        bench.reply = { _ in .deaf(.seconds(20)) }
        for number in 0..<1_000 { bench.send("e\(number)") }
        let before = bench.retainedBytes
        bench.run(for: 0)
        #expect(before > 1_000 * 16_000)
        #expect(bench.compact() == 2 && bench.packedEvents == 999)
        bench.run(for: 0)
        #expect(bench.released == 999 && bench.altered.isEmpty)
        #expect(bench.retainedBytes < before / 10)
        #expect(bench.compact() == 0)
        #expect(runsOut(bench))
        #expect(bench.startedIDs == (0..<1_000).map { "e\($0)" })
    }

    @Test func `what has attempts behind it from an earlier run goes on counting`() {
        let bench = Bench(Bench.plan(lanes: 1))
        bench.reply = { $0.id == "first" ? .deaf(.seconds(20)) : $0.attempt < 4 ? .retry : .done }
        bench.send("first")
        for number in 0..<20 {
            let batch = BatchMaker().batch([Given("e\(number)")])
            batch.resumed[0] = ResumedDelivery(
                attempts: 2, firstStart: 1, previousDelay: 0, due: 0, failures: [])
            bench.send(batch)
        }
        bench.run(for: 0)
        #expect(bench.compact() == 1)
        bench.run()
        let attempts = Dictionary(grouping: bench.started.filter { $0.id != "first" }, by: \.id)
            .mapValues { $0.map(\.attempt) }
        #expect(attempts.count == 20 && attempts.values.allSatisfy { $0 == [3, 4] }, "\(attempts)")
    }

    @Test func `a dying delivery is moved, too, and ends once`() {
        let bench = Bench(Bench.plan(lanes: 2))
        bench.burialDelay = .seconds(5)
        bench.reply = { $0.lane == 0 ? Reply(.fail, "bad") : .done }
        bench.send((0..<40).map { Given("e\($0)", lane: $0 == 3 ? 0 : 1) })
        bench.run(for: 0)
        #expect(bench.compact() == 1)
        bench.run(for: 0)
        #expect(bench.released == 1)
        bench.run()
        #expect(bench.counts.dead == 1 && bench.released == 2 && bench.releasedTwice == 0)
    }

    @Test func `an owed call keeps its batch, its delivery's retry moves later`() {
        var plan = Bench.plan(lanes: 2)
        plan.routes[0].timeout = TimeoutPolicy(attempt: .seconds(1), total: .zero)
        plan.routes[0].retry = RetryPolicy(policy: .constant, duration: .seconds(60), maxRetries: 5, jitter: .none)
        let bench = Bench(plan)
        bench.reply = { $0.lane == 0 && $0.attempt == 1 ? .deaf(.seconds(10)) : .done }
        bench.send((0..<40).map { Given("e\($0)", lane: $0 == 3 ? 0 : 1) })
        bench.run(for: .seconds(5))
        #expect(bench.core.owed == 1 && bench.compact() == 0 && bench.altered.isEmpty)
        bench.run(for: .seconds(6))
        #expect(bench.core.owed == 0 && bench.compact() == 1)
        #expect(runsOut(bench))
    }

    /// Lane 2 is done with `count` events, the first `needed` of which `lanes` wait for.
    private func shared(_ name: String, count: Int, needed: Int, lanes: [Int]) -> EventBatch {
        let batch = maker.batch((0..<count).map { Given("\(name)-\($0)", lane: 2) })
        for lane in lanes {
            let lower = UInt32(batch.deliveryCount)
            for event in 0..<UInt32(needed) {
                batch.append(RoutedDelivery(event: event, route: 0, lane: UInt16(lane), keyHash: 0, priority: 0))
            }
            batch.runs.append(LaneRun(lane: UInt16(lane), lower: lower, upper: UInt32(batch.deliveryCount)))
        }
        return batch
    }

    private let maker = BatchMaker()

    @Test func `events that several lanes wait for are copied once`() {
        let bench = Bench(Bench.plan(lanes: 3))
        bench.reply = { $0.lane < 2 ? .deaf(.seconds(20)) : .done }
        bench.send([Given("a", lane: 0), Given("b", lane: 1)])
        bench.run(for: 0)
        for number in 0..<4 { bench.send(shared("e\(number)", count: 400, needed: 10, lanes: [0, 1])) }
        bench.run(for: 0)
        #expect(bench.compact() == 1 && bench.packedEvents == 40)
        bench.reply = { _ in .done }
        bench.run()
        #expect(bench.counts.done == 2 + 4 * 420 && bench.altered.isEmpty && bench.released == 6)
    }

    @Test func `a batch whose events are nearly all needed stays, however few of its lanes wait`() {
        let bench = Bench(Bench.plan(lanes: 3))
        bench.reply = { $0.lane == 0 ? .deaf(.seconds(20)) : .done }
        bench.send("first")
        bench.run(for: 0)
        bench.send(shared("e", count: 100, needed: 100, lanes: [0, 1]))
        bench.run(for: 0)
        #expect(bench.counts.done == 200 && bench.compact() == 0)
    }

    @Test func `a full packed batch is followed by another, and packed batches are packed again`() {
        let bench = lagging(batches: 30, count: 300, lagging: Array(0..<40))
        #expect(bench.compact() > 1)
        bench.reply = { $0.lane == 0 && bench.started.count { $0.lane == 0 } > 1120 ? Reply(.busy) : .done }
        bench.run(for: .seconds(21))
        #expect(bench.compact() == 1)
        #expect(runsOut(bench))
    }
}
