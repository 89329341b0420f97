import PatchbayResilience
import Testing

@Suite struct RetryPolicyTests {
    @Test(arguments: [
        (RetryGrowth.constant, [500, 500, 500, 500]), (.linear, [500, 1000, 1500, 2000]),
        (.exponential, [500, 1000, 2000, 3000]),
    ])
    func `grows as its policy says and stops at maxInterval`(growth: RetryGrowth, milliseconds: [UInt64]) {
        let policy = RetryPolicy(policy: growth, maxInterval: .seconds(3), jitter: .none)
        #expect((1...4).map { policy.plainDelay(beforeRetry: $0) / 1_000_000 } == milliseconds)
    }

    @Test(arguments: RetryGrowth.allCases, RetryJitter.allCases)
    func `never overflows, however often it is tried`(growth: RetryGrowth, jitter: RetryJitter) {
        for cap in [Duration.zero, .seconds(60)] {
            let policy = RetryPolicy(
                policy: growth, duration: .seconds(86_400), multiplier: 10, maxInterval: cap, jitter: jitter)
            let longest = cap == .zero ? RetryPolicy.delayMax : 60_000_000_000
            for retry in [1, 63, 64, 1_000, 10_000, Int.max] {
                for random in [UInt64.min, 1, .max] {
                    #expect(
                        policy.delay(beforeRetry: retry, previousDelay: .max, random: random) <= longest,
                        "retry \(retry), random \(random)")
                }
            }
        }
    }

    @Test(arguments: UInt64(0)..<8)
    func `keeps every jitter inside its bounds`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            let base = Int64(random.upTo(10_000_000_000))
            let retry = Int(random.upTo(12)) + 1
            var policy = RetryPolicy(duration: .nanoseconds(base), maxInterval: .seconds(20))
            let plain = policy.plainDelay(beforeRetry: retry)
            let previous = random.upTo(30_000_000_000)
            policy.jitter = .full
            let full = policy.delay(beforeRetry: retry, previousDelay: previous, random: random.next())
            policy.jitter = .equal
            let equal = policy.delay(beforeRetry: retry, previousDelay: previous, random: random.next())
            policy.jitter = .decorrelated
            let decorrelated = policy.delay(beforeRetry: retry, previousDelay: previous, random: random.next())
            check(full <= plain, "seed \(seed)")
            check(equal >= plain / 2 && equal <= plain, "seed \(seed)")
            check(decorrelated >= UInt64(base), "seed \(seed)")
            check(decorrelated <= min(20_000_000_000, 3 * max(UInt64(base), previous)), "seed \(seed)")
        }
    }

    @Test func `gives up after maxRetries, not counting the first attempt`() {
        let policy = RetryPolicy(maxRetries: 2)
        let decisions = (1...3).map { decide(policy, attempt: $0) }
        #expect(decisions.map(isRetry) == [true, true, false])
        #expect(decisions.last == .giveUp(.exhausted))
        #expect(decide(RetryPolicy(policy: .none), attempt: 1) == .giveUp(.noRetries))
        #expect(decide(RetryPolicy(maxRetries: 0), attempt: 1) == .giveUp(.exhausted))
    }

    @Test func `takes the handler's wish, at most retryAfterMax`() {
        let policy = RetryPolicy(duration: .seconds(7), jitter: .none, retryAfterMax: .seconds(120))
        #expect(decide(policy, retryAfter: 30_000_000_000) == .retry(after: 30_000_000_000, holdsSlot: false))
        #expect(decide(policy, retryAfter: 1) == .retry(after: 1, holdsSlot: true))
        #expect(decide(policy, retryAfter: .max) == .retry(after: 120_000_000_000, holdsSlot: false))
        #expect(decide(policy, retryAfter: 0) == .retry(after: 7_000_000_000, holdsSlot: false))
        let deaf = RetryPolicy(duration: .seconds(7), jitter: .none, retryAfterMax: .zero)
        #expect(decide(deaf, retryAfter: 1) == .retry(after: 7_000_000_000, holdsSlot: false))
    }

    @Test func `holds the permit only for waits up to holdSlotUpTo`() {
        let policy = RetryPolicy(
            policy: .linear, duration: .milliseconds(400), jitter: .none, holdSlotUpTo: .milliseconds(800))
        #expect(decide(policy, attempt: 2) == .retry(after: 800_000_000, holdsSlot: true))
        #expect(decide(policy, attempt: 3) == .retry(after: 1_200_000_000, holdsSlot: false))
    }

    @Test func `gives up when the wait would outlast the total timeout`() {
        let policy = RetryPolicy(policy: .constant, duration: .seconds(1), jitter: .none)
        let at = { (deadline: UInt64) in
            decide(policy, now: 5_000_000_000, deadline: deadline)
        }
        #expect(at(6_000_000_000) == .giveUp(.totalTimeout))
        #expect(isRetry(at(6_000_000_001)))
        #expect(isRetry(at(.max)))
    }

    @Test(arguments: [
        ("transient", "", true, nil), ("invalid", "", false, RetryEnd.never), ("", "unauthorized", false, .never),
        ("", "", true, nil), ("db.timeout", "timeout", true, nil),
    ])
    func `matches reason and class against the default patterns`(
        reason: String, failureClass: String, retries: Bool, end: RetryEnd?
    ) {
        let decision = decide(RetryPolicy(), reason: reason, failureClass: failureClass)
        #expect(isRetry(decision) == retries)
        if let end { #expect(decision == .giveUp(end)) }
    }

    @Test func `retries only what the patterns name, and never wins`() {
        let policy = RetryPolicy(matching: RetryMatching(retry: ["db.*", "*timeout"], never: ["db.constraint*"]))
        #expect(isRetry(decide(policy, reason: "db.deadlock")))
        #expect(isRetry(decide(policy, failureClass: "timeout")))
        #expect(decide(policy, reason: "db.constraint.unique") == .giveUp(.never))
        #expect(decide(policy, reason: "other") == .giveUp(.unmatched))
        #expect(decide(policy, reason: "db.deadlock", isPermanent: true) == .giveUp(.permanent))
    }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("a*c", "abc", true), ("a*c", "ac", true),
        ("a*c", "acb", false), ("*a*a", "aaa", true), ("**b", "ab", true), ("a", "ab", false), ("ab*ba", "aba", false),
    ])
    func `star stands for any run of characters`(pattern: String, name: String, matches: Bool) {
        #expect(Array(name.utf8).withUnsafeBytes { NamePattern(pattern).matches($0) } == matches)
    }

    @Test func `names the key of every impossible value`() {
        let policy = RetryPolicy(
            duration: .seconds(-1), multiplier: .nan, maxInterval: .seconds(-2), maxRetries: -1,
            retryAfterMax: .seconds(-3), holdSlotUpTo: .seconds(-4))
        #expect(
            policy.problems().map(\.key) == [
                "duration", "maxInterval", "retryAfterMax", "holdSlotUpTo", "multiplier", "maxRetries",
            ])
        #expect(RetryPolicy(duration: .seconds(2), maxInterval: .seconds(1)).problems().map(\.key) == ["maxInterval"])
        #expect(RetryPolicy().problems().isEmpty)
    }
}

private func isRetry(_ decision: RetryDecision) -> Bool {
    if case .retry = decision { true } else { false }
}

private func decide(
    _ policy: RetryPolicy, attempt: Int = 1, reason: String = "transient", failureClass: String = "",
    isPermanent: Bool = false, retryAfter: UInt64 = 0, now: UInt64 = 0, deadline: UInt64 = .max
) -> RetryDecision {
    Array(reason.utf8).withUnsafeBytes { reason in
        Array(failureClass.utf8).withUnsafeBytes { failureClass in
            policy.decide(
                attempt: attempt,
                failure: RetryFailure(
                    reason: reason, failureClass: failureClass, isPermanent: isPermanent, retryAfter: retryAfter),
                previousDelay: 0, now: now, deadline: deadline, random: .max)
        }
    }
}
