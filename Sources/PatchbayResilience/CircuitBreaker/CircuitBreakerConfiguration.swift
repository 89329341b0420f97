/// When a breaker opens and how it comes back: `policies.circuitBreakers` of the configuration, without scope and
/// onOpen, which belong to whoever holds the breaker.
package struct CircuitBreakerConfiguration: Sendable {
    /// Nanoseconds of the rolling window, kept in ten buckets: what is older than the interval is forgotten, up to a
    /// tenth of the interval early.
    package var interval: Int64
    /// Nanoseconds from which on a call is slow; 0 switches slow calls off.
    package var slowCall: Int64
    /// Nanoseconds for which the first trip opens.
    package var timeout: Int64
    /// Nanoseconds; the cap of the doubling on repeated trips.
    package var maxTimeout: Int64
    /// Probes at a time while half-open, and successes that close.
    package var maxRequests: Int
    /// Whether to open, asked only when a failure or a slow call was recorded. Called on the breaker's thread; must
    /// be pure and cheap.
    package var trip: @Sendable (CircuitBreakerCounts) -> Bool

    /// The defaults of configuration.md.
    package init(
        interval: Duration = .seconds(30), slowCall: Duration = .seconds(10), timeout: Duration = .seconds(30),
        maxTimeout: Duration = .seconds(300), maxRequests: Int = 3,
        trip: @escaping @Sendable (CircuitBreakerCounts) -> Bool = CircuitBreakerConfiguration.tripsByDefault
    ) {
        self.interval = interval.nanosecondsSaturated
        self.slowCall = slowCall.nanosecondsSaturated
        self.timeout = timeout.nanosecondsSaturated
        self.maxTimeout = maxTimeout.nanosecondsSaturated
        self.maxRequests = maxRequests
        self.trip = trip
    }

    /// The default `trip` of configuration.md, without the way through an expression.
    package static let tripsByDefault: @Sendable (CircuitBreakerCounts) -> Bool = { counts in
        counts.consecutiveFailures > 5
            || (counts.requests >= 20 && (counts.failureRatio >= 0.5 || counts.slowRatio >= 0.9))
    }

    /// Everything that cannot be meant; empty when the configuration is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        for (key, value) in [("interval", interval), ("timeout", timeout)] where value <= 0 {
            found.append(PolicyProblem(key: key, message: "must be positive", accepted: "more than 0"))
        }
        if slowCall < 0 {
            found.append(
                PolicyProblem(key: "slowCall", message: "a duration cannot be negative", accepted: "0 or more"))
        }
        if maxTimeout < timeout {
            found.append(
                PolicyProblem(key: "maxTimeout", message: "is shorter than timeout", accepted: "at least timeout"))
        }
        if maxRequests < 1 {
            found.append(
                PolicyProblem(
                    key: "maxRequests", message: "without a probe the breaker never closes", accepted: "1 or more"))
        }
        return found
    }
}
