/// How many calls may start per interval: `policies.rateLimits` of the configuration, without its key.
package struct RateLimitPolicy: Sendable, Hashable {
    /// Calls per interval, and as many at once after a pause; 0 is no limit.
    package var count: Int
    /// Nanoseconds.
    package var interval: Int64

    package init(count: Int = 0, interval: Duration = .seconds(1)) {
        self.count = count
        self.interval = interval.nanosecondsSaturated
    }

    /// Everything that cannot be meant; empty when the policy is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        if count < 0 {
            found.append(PolicyProblem(key: "count", message: "cannot be negative", accepted: "0 (no limit) or more"))
        }
        if interval <= 0 {
            found.append(PolicyProblem(key: "interval", message: "must be positive", accepted: "more than 0"))
        } else if Int64(count) > interval {
            found.append(
                PolicyProblem(
                    key: "count", message: "is more than one call per nanosecond", accepted: "0 for no limit"))
        }
        return found
    }

    /// Nanoseconds between calls at the full rate, rounded up so that the long-run rate never exceeds the limit.
    var spacing: UInt64 {
        count > 0 && interval > 0 ? (UInt64(interval) + UInt64(count) - 1) / UInt64(count) : 0
    }
    /// How far ahead of the schedule a burst may run.
    var tolerance: UInt64 { count > 0 ? spacing.multipliedReportingOverflow(by: UInt64(count - 1)).partialValue : 0 }
}

/// The generic cell rate algorithm: one word of state says when the next call is due if calls came evenly.
///
/// After a pause `count` calls may start at once; then one per `interval` / `count`. A pure value for one thread.
///
/// **Source**: ITU-T I.371, virtual scheduling form of GCRA.
package struct RateLimiter: Sendable {
    package let spacing: UInt64
    package let tolerance: UInt64
    /// The theoretical arrival time of the next call.
    package var due: UInt64 = 0

    package init(_ policy: RateLimitPolicy) {
        spacing = policy.spacing
        tolerance = policy.tolerance
    }

    /// Takes one call.
    ///
    /// - Returns: nil when it may start, otherwise the time (monotonic nanoseconds, later than `now`) to ask again.
    @inlinable package mutating func acquire(now: UInt64) -> UInt64? {
        if spacing == 0 { return nil }
        let base = max(due, now)
        if base - now > tolerance { return base - tolerance }
        due = base.advanced(byNanoseconds: spacing)
        return nil
    }

    /// Returns one call that `acquire` let through and that did not start.
    @inlinable package mutating func giveBack() { due = due > spacing ? due - spacing : 0 }
}
