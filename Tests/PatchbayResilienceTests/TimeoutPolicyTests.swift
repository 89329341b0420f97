import PatchbayResilience
import Testing

@Suite struct TimeoutPolicyTests {
    @Test func `an attempt ends at its own limit or the total one, whichever comes first`() {
        let policy = TimeoutPolicy(attempt: .nanoseconds(30), total: .nanoseconds(100))
        let total = policy.totalDeadline(firstAttemptAt: 1_000, hostWaits: 0)
        #expect(total == 1_100)
        #expect(policy.attemptDeadline(now: 1_000, totalDeadline: total) == 1_030)
        #expect(policy.attemptDeadline(now: 1_090, totalDeadline: total) == 1_100)
    }

    @Test func `waits that the host caused do not count against the total`() {
        let policy = TimeoutPolicy(attempt: .nanoseconds(30), total: .nanoseconds(100))
        #expect(policy.totalDeadline(firstAttemptAt: 1_000, hostWaits: 500) == 1_600)
    }

    @Test func `zero is no limit and the end of time is not passed`() {
        let none = TimeoutPolicy(attempt: .zero, total: .zero)
        #expect(none.totalDeadline(firstAttemptAt: 5, hostWaits: 0) == .max)
        #expect(none.attemptDeadline(now: 5, totalDeadline: .max) == .max)
        let long = TimeoutPolicy(attempt: .seconds(1 << 62), total: .seconds(1 << 62))
        #expect(long.totalDeadline(firstAttemptAt: .max - 1, hostWaits: 9) == .max)
        #expect(long.attemptDeadline(now: .max - 1, totalDeadline: .max) == .max)
    }

    @Test func `names the key of every impossible value`() {
        #expect(
            TimeoutPolicy(attempt: .seconds(-1), total: .seconds(-1)).problems().map(\.key) == ["attempt", "total"])
        #expect(TimeoutPolicy(attempt: .seconds(2), total: .seconds(1)).problems().map(\.key) == ["attempt"])
        #expect(TimeoutPolicy().problems().isEmpty)
    }
}
