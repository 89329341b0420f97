/// What is known of a failed attempt when its retry is decided. Borrowed; only valid during the call.
package struct RetryFailure {
    /// The handler's own reason, UTF-8; empty when it gave none.
    package let reason: UnsafeRawBufferPointer
    /// The host's class of the failure, such as `transient`, `timeout` or `crash`, UTF-8.
    package let failureClass: UnsafeRawBufferPointer
    /// The handler said that repeating cannot help.
    package let isPermanent: Bool
    /// Nanoseconds that the handler asked for: 0 leaves it to the policy, 1 means at once.
    package let retryAfter: UInt64

    package init(
        reason: UnsafeRawBufferPointer, failureClass: UnsafeRawBufferPointer, isPermanent: Bool = false,
        retryAfter: UInt64 = 0
    ) {
        self.reason = reason
        self.failureClass = failureClass
        self.isPermanent = isPermanent
        self.retryAfter = retryAfter
    }
}

/// Why a delivery is not tried again. The raw value is the name that dead letters and logs carry.
package enum RetryEnd: String, Sendable, Hashable {
    /// The policy is `none`.
    case noRetries
    /// The handler said that repeating cannot help.
    case permanent
    /// `matching.never` names the failure.
    case never
    /// `matching.retry` does not name the failure.
    case unmatched
    /// `maxRetries` are used up.
    case exhausted
    /// The total timeout would pass before the next attempt.
    case totalTimeout
}

/// What follows a failed attempt.
package enum RetryDecision: Sendable, Hashable {
    /// Try again after so many nanoseconds; `holdsSlot` says that the wait is short enough to keep the permit.
    case retry(after: UInt64, holdsSlot: Bool)
    case giveUp(RetryEnd)
}

extension RetryPolicy {
    /// Decides about the failed attempt number `attempt` (1 is the first). Allocates nothing.
    ///
    /// - Parameters:
    ///   - previousDelay: nanoseconds waited before this attempt; 0 when it was the first.
    ///   - now: monotonic nanoseconds.
    ///   - deadline: when the total timeout passes, in the same clock; `.max` is never.
    ///   - random: 64 random bits.
    package func decide(
        attempt: Int, failure: RetryFailure, previousDelay: UInt64, now: UInt64, deadline: UInt64 = .max,
        random: UInt64
    ) -> RetryDecision {
        if failure.isPermanent { return .giveUp(.permanent) }
        if policy == .none { return .giveUp(.noRetries) }
        switch matching.verdict(reason: failure.reason, failureClass: failure.failureClass) {
        case .retry: break
        case .never: return .giveUp(.never)
        case .unmatched: return .giveUp(.unmatched)
        }
        if attempt > maxRetries { return .giveUp(.exhausted) }
        let after =
            failure.retryAfter > 0 && retryAfterMax > 0
            ? min(failure.retryAfter, UInt64(retryAfterMax))
            : delay(beforeRetry: attempt, previousDelay: previousDelay, random: random)
        if now.advanced(byNanoseconds: after) >= deadline, deadline != .max { return .giveUp(.totalTimeout) }
        return .retry(after: after, holdsSlot: after <= unsigned(holdSlotUpTo))
    }
}
