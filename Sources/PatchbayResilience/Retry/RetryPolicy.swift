/// How delays grow from retry to retry; names are Dapr's.
package enum RetryGrowth: String, Sendable, Hashable, CaseIterable {
    /// No retries at all.
    case none
    /// Always `duration`.
    case constant
    /// `duration` × n before retry n.
    case linear
    /// `duration` × `multiplier`^(n - 1) before retry n.
    case exponential
}

/// How a delay is spread, after it was capped.
///
/// **Source**: AWS Architecture Blog, "Exponential Backoff And Jitter" (Brooker, 2015).
package enum RetryJitter: String, Sendable, Hashable, CaseIterable {
    case none
    /// Evenly between 0 and the delay.
    case full
    /// Half the delay, and evenly up to the other half.
    case equal
    /// Evenly between `duration` and three times the previous delay, capped; the growth is not used.
    case decorrelated
}

/// When a failed attempt is repeated: `policies.retries` of the configuration, without its budget.
///
/// A pure value; 1-based attempts and nanoseconds come in, a decision goes out.
package struct RetryPolicy: Sendable, Hashable {
    package var policy: RetryGrowth
    /// Nanoseconds before the first retry; 0 retries at once.
    package var duration: Int64
    /// Growth of `exponential` per retry.
    package var multiplier: Double
    /// Nanoseconds; the cap of every delay before jitter; 0 is no cap.
    package var maxInterval: Int64
    /// Retries, without the first attempt.
    package var maxRetries: Int
    package var jitter: RetryJitter
    /// Nanoseconds; the cap of what a handler may ask for; 0 ignores its wish.
    package var retryAfterMax: Int64
    /// Nanoseconds; longer waits give the permit back and become timers.
    package var holdSlotUpTo: Int64
    package var matching: RetryMatching

    /// The defaults of configuration.md.
    package init(
        policy: RetryGrowth = .exponential, duration: Duration = .milliseconds(500), multiplier: Double = 2,
        maxInterval: Duration = .seconds(60), maxRetries: Int = 5, jitter: RetryJitter = .full,
        retryAfterMax: Duration = .seconds(120), holdSlotUpTo: Duration = .seconds(1),
        matching: RetryMatching = RetryMatching()
    ) {
        self.policy = policy
        self.duration = duration.nanosecondsSaturated
        self.multiplier = multiplier
        self.maxInterval = maxInterval.nanosecondsSaturated
        self.maxRetries = maxRetries
        self.jitter = jitter
        self.retryAfterMax = retryAfterMax.nanosecondsSaturated
        self.holdSlotUpTo = holdSlotUpTo.nanosecondsSaturated
        self.matching = matching
    }

    /// Everything that cannot be meant; empty when the policy is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        for (key, value) in [
            ("duration", duration), ("maxInterval", maxInterval), ("retryAfterMax", retryAfterMax),
            ("holdSlotUpTo", holdSlotUpTo),
        ] where value < 0 {
            found.append(PolicyProblem(key: key, message: "a duration cannot be negative", accepted: "0 or more"))
        }
        if !(multiplier.isFinite && multiplier >= 1) {
            found.append(
                PolicyProblem(key: "multiplier", message: "delays must not shrink", accepted: "a number of at least 1"))
        }
        if maxRetries < 0 {
            found.append(PolicyProblem(key: "maxRetries", message: "cannot be negative", accepted: "0 or more"))
        }
        if maxInterval > 0, duration > maxInterval {
            found.append(
                PolicyProblem(
                    key: "maxInterval", message: "is shorter than duration, the first delay",
                    accepted: "at least duration, or 0 for no cap"))
        }
        return found
    }
}
