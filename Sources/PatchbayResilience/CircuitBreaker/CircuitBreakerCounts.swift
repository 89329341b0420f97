/// What the rolling window holds: the variables of a `trip` expression.
package struct CircuitBreakerCounts: Sendable, Hashable {
    /// Calls that ended.
    package var requests: UInt32 = 0
    package var failures: UInt32 = 0
    /// Slow calls, whether they succeeded or failed.
    package var slow: UInt32 = 0
    /// Failures since the last success.
    package var consecutiveFailures: UInt32 = 0

    package init(requests: UInt32 = 0, failures: UInt32 = 0, slow: UInt32 = 0, consecutiveFailures: UInt32 = 0) {
        self.requests = requests
        self.failures = failures
        self.slow = slow
        self.consecutiveFailures = consecutiveFailures
    }

    /// From 0 to 1; 0 without requests.
    package var failureRatio: Double { requests == 0 ? 0 : Double(failures) / Double(requests) }
    /// From 0 to 1; 0 without requests.
    package var slowRatio: Double { requests == 0 ? 0 : Double(slow) / Double(requests) }
}

/// The counts of the last interval, in ten buckets with running totals; adding is O(1), forgetting amortised O(1).
package struct CircuitBreakerWindow: Sendable {
    package static let bucketCount = 10

    package struct Bucket: Sendable {
        package var requests: UInt32 = 0
        package var failures: UInt32 = 0
        package var slow: UInt32 = 0
        package init() {}
    }

    package var totals = CircuitBreakerCounts()
    package var buckets = InlineArray<10, Bucket>(repeating: Bucket())
    package var current = 0
    /// When the current bucket ends.
    package var bucketEnd: UInt64 = 0
    package let bucketNanoseconds: UInt64

    package init(interval: Int64) {
        bucketNanoseconds = max(1, unsigned(interval) / UInt64(CircuitBreakerWindow.bucketCount))
    }

    @inlinable package mutating func add(failed: Bool, slow: Bool, now: UInt64) {
        if now >= bucketEnd { rotate(now: now) }
        let failure: UInt32 = failed ? 1 : 0
        let slowness: UInt32 = slow ? 1 : 0
        buckets[current].requests &+= 1
        buckets[current].failures &+= failure
        buckets[current].slow &+= slowness
        totals.requests &+= 1
        totals.failures &+= failure
        totals.slow &+= slowness
        totals.consecutiveFailures = failed ? totals.consecutiveFailures &+ 1 : 0
    }

    /// Forgets what is older than the interval and makes the bucket of `now` the current one. Buckets begin at
    /// multiples of their length.
    @usableFromInline mutating func rotate(now: UInt64) {
        if now < bucketEnd { return }
        let steps = (now - bucketEnd) / bucketNanoseconds
        if steps >= UInt64(CircuitBreakerWindow.bucketCount) {
            clear()
            bucketEnd =
                (now / bucketNanoseconds).advanced(byNanoseconds: 1)
                .multipliedReportingOverflow(by: bucketNanoseconds).partialValue
            return
        }
        for _ in 0...steps {
            current = current + 1 == CircuitBreakerWindow.bucketCount ? 0 : current + 1
            totals.requests &-= buckets[current].requests
            totals.failures &-= buckets[current].failures
            totals.slow &-= buckets[current].slow
            buckets[current] = Bucket()
        }
        bucketEnd += bucketNanoseconds * (steps + 1)
        // A run of failures that the window no longer shows has ended, too.
        totals.consecutiveFailures = min(totals.consecutiveFailures, totals.failures)
    }

    mutating func clear() {
        totals = CircuitBreakerCounts()
        buckets = InlineArray<10, Bucket>(repeating: Bucket())
        current = 0
        bucketEnd = 0
    }
}
