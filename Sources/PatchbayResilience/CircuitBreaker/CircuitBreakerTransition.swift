/// The three states of a circuit breaker.
package enum CircuitBreakerState: String, Sendable, Hashable {
    /// Calls pass.
    case closed
    /// Calls are held back until the timeout has passed.
    case open
    /// A few probes pass; their results close or open the breaker.
    case halfOpen
}

/// Whether a call may start.
package enum CircuitBreakerAdmission: Sendable, Hashable {
    /// It may; its end is recorded, or the admission given back, with this generation.
    case allowed(generation: UInt32)
    /// It may not before `retryAt` (monotonic nanoseconds). While half-open this is a bound: a probe's end may let it
    /// start earlier, so a waiting lane asks again after every `record` and `giveBack`.
    case rejected(retryAt: UInt64)
}

/// How an admitted call ended, as far as the breaker cares. Results that spare the breaker (a bad event, a healthy
/// dependency) are successes; calls that the host took back are given back instead.
package enum CircuitBreakerResult: Sendable, Hashable {
    case success, failure
}

/// A change of state, for metrics, spans and whoever waits.
package struct CircuitBreakerTransition: Sendable, Hashable {
    package let from: CircuitBreakerState
    package let to: CircuitBreakerState
    /// Monotonic nanoseconds.
    package let at: UInt64
    /// When probes may start, if `to` is open; otherwise 0.
    package let openUntil: UInt64
    /// What the window held, or the probes alone when the breaker was half-open.
    package let counts: CircuitBreakerCounts
}

/// What a breaker has done since it was made.
package struct CircuitBreakerMetrics: Sendable, Hashable {
    package var allowed: UInt64 = 0
    package var rejected: UInt64 = 0
    package var givenBack: UInt64 = 0
    package var successes: UInt64 = 0
    package var failures: UInt64 = 0
    /// Slow calls, also counted as success or failure.
    package var slow: UInt64 = 0
    /// Results of calls that were admitted before the last change of state; they change nothing.
    package var late: UInt64 = 0
    /// Times the breaker opened.
    package var trips: UInt64 = 0

    @inlinable package init() {}
}
