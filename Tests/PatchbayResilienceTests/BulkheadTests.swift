import PatchbayResilience
import Testing

@Suite struct BulkheadTests {
    @Test func `hands out its permits and no more`() {
        var bulkhead = Bulkhead(BulkheadPolicy(maxInFlight: 2))
        #expect((0..<3).map { _ in bulkhead.acquire() } == [.acquired, .acquired, .full])
        bulkhead.release()
        #expect(bulkhead.acquire() == .acquired)
        #expect(bulkhead.refused == 1)
    }

    @Test func `starts nothing until a lowered limit is met`() {
        var bulkhead = Bulkhead(BulkheadPolicy(maxInFlight: 3))
        for _ in 0..<3 { _ = bulkhead.acquire() }
        bulkhead.limit = 1
        bulkhead.release()
        bulkhead.release()
        #expect(bulkhead.acquire() == .full)
        bulkhead.release()
        #expect(bulkhead.acquire() == .acquired)
    }

    @Test func `limits each key and leaves calls without a key alone`() {
        var bulkhead = Bulkhead(BulkheadPolicy(maxInFlight: 10, perKey: 1))
        #expect(bulkhead.acquire(key: 7) == .acquired)
        #expect(bulkhead.acquire(key: 7) == .keyFull)
        #expect(bulkhead.acquire(key: 8) == .acquired)
        #expect(bulkhead.acquire() == .acquired)
        #expect(bulkhead.acquire() == .acquired)
        bulkhead.release(key: 7)
        #expect(bulkhead.acquire(key: 7) == .acquired)
    }

    @Test(arguments: UInt64(0)..<10)
    func `counts like a dictionary`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let limit = Int(random.upTo(200)) + 1
        var bulkhead = Bulkhead(BulkheadPolicy(maxInFlight: limit, perKey: Int(random.upTo(3)) + 1))
        var model: [UInt64: Int] = [:]
        var held: [UInt64] = []
        for step in 0..<5_000 {
            if step == 2_500 { bulkhead.limit = limit * 100 }
            if !held.isEmpty, random.next() % 5 < 2 {
                let key = held.remove(at: Int(random.upTo(UInt64(held.count - 1))))
                bulkhead.release(key: key)
                model[key, default: 0] -= 1
            } else {
                // Few low bits, so that keys collide and places of vanished keys have to be closed.
                let key = random.upTo(100) << 40 | random.upTo(3)
                let expected: BulkheadVerdict =
                    held.count >= bulkhead.limit
                    ? .full : key != 0 && model[key, default: 0] >= bulkhead.perKey ? .keyFull : .acquired
                let verdict = bulkhead.acquire(key: key)
                check(verdict == expected, "seed \(seed), step \(step)")
                if verdict == .acquired {
                    held.append(key)
                    model[key, default: 0] += 1
                }
            }
            check(bulkhead.inFlight == held.count, "seed \(seed), step \(step)")
        }
        for (key, count) in model where key != 0 { check(bulkhead.inFlight(key: key) == count, "seed \(seed)") }
    }

    @Test func `resolves auto to twice the cores, at least four`() {
        #expect([1, 2, 3, 16].map(BulkheadPolicy.automatic) == [4, 4, 6, 32])
        #expect(
            BulkheadPolicy(maxInFlight: 0, maxQueue: 0, perKey: -1).problems().map(\.key) == [
                "maxInFlight", "maxQueue", "perKey",
            ])
    }
}
