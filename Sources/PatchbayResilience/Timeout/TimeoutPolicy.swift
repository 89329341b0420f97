/// How long one attempt and all attempts together may take: `policies.timeouts` of the configuration.
package struct TimeoutPolicy: Sendable, Hashable {
    /// Nanoseconds of one attempt, from the moment its worker starts; 0 is no limit.
    package var attempt: Int64
    /// Nanoseconds from the first attempt's start, without waits that the host caused; 0 is no limit.
    package var total: Int64

    /// The defaults of configuration.md.
    package init(attempt: Duration = .seconds(30), total: Duration = .seconds(300)) {
        self.attempt = attempt.nanosecondsSaturated
        self.total = total.nanosecondsSaturated
    }

    /// Everything that cannot be meant; empty when the policy is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        for (key, value) in [("attempt", attempt), ("total", total)] where value < 0 {
            found.append(PolicyProblem(key: key, message: "a duration cannot be negative", accepted: "0 or more"))
        }
        if attempt > 0, total > 0, attempt > total {
            found.append(
                PolicyProblem(
                    key: "attempt", message: "is longer than total, so it could never pass",
                    accepted: "at most total"))
        }
        return found
    }

    /// When the total timeout of a delivery passes; `.max` is never.
    ///
    /// - Parameter hostWaits: nanoseconds since the first attempt for which the host, not the handler, was the cause:
    ///   an open breaker, a full bulkhead, a rate limit, a reload.
    @inlinable package func totalDeadline(firstAttemptAt: UInt64, hostWaits: UInt64) -> UInt64 {
        total > 0
            ? firstAttemptAt.advanced(byNanoseconds: UInt64(total)).advanced(byNanoseconds: hostWaits) : .max
    }

    /// When an attempt that starts `now` has to be over: its own limit or the total one, whichever comes first;
    /// `.max` is never.
    @inlinable package func attemptDeadline(now: UInt64, totalDeadline: UInt64) -> UInt64 {
        attempt > 0 ? min(totalDeadline, now.advanced(byNanoseconds: UInt64(attempt))) : totalDeadline
    }
}
