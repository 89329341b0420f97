import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

@Suite struct CanaryRuleTests {
    private func verdict(
        _ ended: UInt64, failed: UInt64 = 0, ms: Double = 1, beside: CodeCounts? = nil, after seconds: Double = 60
    ) -> CanaryRule.Verdict {
        CanaryRule().verdict(
            canary: CodeCounts(
                started: ended, ended: ended, failed: failed, nanoseconds: UInt64(Double(ended) * ms * 1e6)),
            beside: beside ?? CodeCounts(started: 10_000, ended: 10_000, failed: 100, nanoseconds: 10_000_000_000),
            elapsed: UInt64(seconds * 1e9))
    }

    @Test func `it gets all calls once it has had its time and enough calls`() {
        #expect(verdict(5_000) == .undecided)
        #expect(verdict(5_000, after: 300) == .promote)
        #expect(verdict(99, after: 3_000) == .undecided)
        #expect(verdict(100, after: 300) == .promote)
    }

    @Test func `it is taken back when it fails more than twice as often, and by more than one in a hundred`() {
        // Beside it one in a hundred fails.
        #expect(verdict(1_000, failed: 30, after: 300) == .promote)
        #expect(
            verdict(1_000, failed: 31) == .takeBack("31 of its 1000 calls failed, beside it 100 of 10000"))
        #expect(verdict(4, failed: 4) == .undecided)
        #expect(verdict(5, failed: 5) == .takeBack("5 of its 5 calls failed, beside it 100 of 10000"))
    }

    @Test func `where the other version fails, too, it is no worse`() {
        let bad = CodeCounts(started: 100, ended: 100, failed: 60)
        #expect(verdict(100, failed: 90, beside: bad, after: 300) == .promote)
    }

    @Test func `it is taken back when its calls take much longer`() {
        #expect(verdict(1_000, ms: 12, after: 300) == .promote)
        #expect(
            verdict(1_000, ms: 12.5) == .takeBack("its calls take 12.5 ms on the average, beside it 1.0 ms"))
        #expect(verdict(99, ms: 1_000) == .undecided, "too few to say")
    }
}
