import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

@Suite struct RollbackRuleTests {
    private let rule = RollbackRule()
    private let good = CodeCounts(started: 1_000, ended: 1_000)

    private func verdict(_ ended: UInt64, _ failed: UInt64, before: CodeCounts? = nil, after seconds: Double = 1)
        -> RollbackRule.Verdict
    {
        rule.verdict(
            before: before ?? good, since: CodeCounts(started: ended, ended: ended, failed: failed),
            elapsed: UInt64(seconds * 1e9))
    }

    private func goesBack(_ verdict: RollbackRule.Verdict) -> Bool {
        if case .goesBack = verdict { true } else { false }
    }

    @Test func `a version whose calls fail goes back, and the reason has both counts`() {
        #expect(verdict(6, 6) == .goesBack("6 of its 6 calls failed, before it 0 of 1000"))
        #expect(goesBack(verdict(100, 50)))
        #expect(verdict(100, 49) == .undecided)
    }

    @Test func `few failures decide nothing, also when they are all`() {
        #expect(verdict(4, 4) == .undecided)
        #expect(goesBack(verdict(5, 5)))
    }

    @Test func `calls that the host gave up on count though they have not ended`() {
        #expect(verdict(0, 5) == .goesBack("5 of its 5 calls failed, before it 0 of 1000"))
    }

    @Test func `a version stays that is hardly worse than the one before`() {
        #expect(verdict(100, 90, before: CodeCounts(started: 100, ended: 100, failed: 45)) == .undecided)
        #expect(goesBack(verdict(100, 92, before: CodeCounts(started: 100, ended: 100, failed: 45))))
    }

    @Test func `one that had no calls counts as good`() {
        #expect(goesBack(verdict(10, 10, before: CodeCounts())))
    }

    @Test func `time or calls end the trial`() {
        #expect(verdict(100, 10, after: 29.9) == .undecided)
        #expect(verdict(100, 10, after: 30) == .stays)
        #expect(verdict(0, 0, after: 30) == .stays)
        #expect(verdict(9_999, 0) == .undecided)
        #expect(verdict(10_000, 0) == .stays)
        // What fails at the end of its time goes back all the same.
        #expect(goesBack(verdict(100, 60, after: 31)))
    }
}
