import PatchbayResilience
import Testing

@Suite struct RetryBudgetTests {
    @Test func `lets a share of the active deliveries be retries, but always minConcurrency`() {
        var budget = RetryBudget(ratio: 0.2, minConcurrency: 3)
        #expect((0..<5).map { _ in budget.admitRetry(active: 4) } == [true, true, true, false, false])
        #expect(budget.admitRetry(active: 20) == true)
        #expect(budget.admitRetry(active: 20) == false)
        #expect(budget.retries == 4)
        #expect(budget.refused == 3)
        budget.finish()
        #expect(budget.admitRetry(active: 20) == true)
    }

    @Test func `survives absurd numbers`() {
        #expect(RetryBudget(ratio: 1e300, minConcurrency: 0).limit(active: .max) > 0)
        #expect(RetryBudget(ratio: 0.2, minConcurrency: 7).limit(active: 0) == 7)
        #expect(
            RetryBudget(ratio: -1, minConcurrency: -1).problems().map(\.key) == [
                "budget.ratio", "budget.minConcurrency",
            ])
        #expect(RetryBudget(ratio: 0, minConcurrency: 0).problems().map(\.key) == ["budget"])
        #expect(RetryBudget().problems().isEmpty)
    }

    @Test(arguments: UInt64(0)..<6)
    func `never has more retries in flight than its limit allowed`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var budget = RetryBudget(ratio: random.fraction(), minConcurrency: Int(random.upTo(5)))
        var inFlight = 0
        for _ in 0..<5_000 {
            if inFlight > 0, random.next() & 1 == 0 {
                budget.finish()
                inFlight -= 1
            } else {
                let active = inFlight + Int(random.upTo(100))
                let limit = max(budget.minConcurrency, Int(Double(active) * budget.ratio))
                let admitted = budget.admitRetry(active: active)
                check(admitted == (inFlight < limit), "seed \(seed)")
                if admitted { inFlight += 1 }
            }
            check(budget.retries == inFlight, "seed \(seed)")
        }
    }
}
