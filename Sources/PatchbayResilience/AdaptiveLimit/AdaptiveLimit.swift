/// Bounds of an adaptive bulkhead: `policies.bulkheads` with `algorithm: gradient2`.
package struct AdaptiveLimitPolicy: Sendable, Hashable {
    package var min: Int
    package var initial: Int
    package var max: Int
    /// How many times slower than usual calls may become before the limit shrinks.
    package var tolerance: Double

    /// The defaults of configuration.md.
    package init(min: Int = 1, initial: Int = 20, max: Int = 200, tolerance: Double = 1.5) {
        self.min = min
        self.initial = initial
        self.max = max
        self.tolerance = tolerance
    }

    /// Everything that cannot be meant; empty when the policy is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        if min < 1 {
            found.append(PolicyProblem(key: "min", message: "would let nothing through", accepted: "1 or more"))
        }
        if initial < min || initial > max {
            found.append(
                PolicyProblem(key: "initial", message: "lies outside the bounds", accepted: "from min to max"))
        }
        if max < min {
            found.append(PolicyProblem(key: "max", message: "is below min", accepted: "at least min"))
        }
        if !(tolerance.isFinite && tolerance >= 1) {
            found.append(
                PolicyProblem(
                    key: "tolerance", message: "would shrink the limit of a steady handler",
                    accepted: "a number of at least 1"))
        }
        return found
    }
}

/// Finds how many calls a handler bears, from how long its calls take: when they become slower than they usually are,
/// more of them only queue inside the handler, and the limit shrinks; otherwise it grows while it is used.
///
/// A pure value for one thread. Samples are averaged over windows of at least ten calls and a second, so that single
/// outliers decide nothing; a sample that ends no window costs a few additions. What is usual is itself learned, over
/// ten minutes: a handler that is saturated for longer teaches that slow is normal, and the limit creeps towards `max`,
/// which is therefore the bound to choose with care.
///
/// **Source**: Netflix concurrency-limits, `Gradient2Limit` and `WindowedLimit`: the gradient is
/// tolerance × long-term time / window's time, kept within 0.5 and 1; the limit moves a fifth of the way to
/// limit × gradient + 4.
package struct AdaptiveLimit: Sendable {
    private static let windowSamplesMin = 10
    private static let windowNanoseconds: UInt64 = 1_000_000_000
    private static let queueAllowance = 4.0
    private static let smoothing = 0.2
    private static let longTermWindows = 600.0
    private static let warmUpWindows = 10

    package let policy: AdaptiveLimitPolicy
    private var estimate: Double
    private var longTerm = 0.0
    private var windowsSeen = 0

    private var samples = 0
    private var sum = 0.0
    private var inFlightMax = 0
    private var windowEnd: UInt64 = 0

    package init(_ policy: AdaptiveLimitPolicy) {
        self.policy = policy
        estimate = Double(policy.initial)
    }

    /// Calls that may be in flight: the `limit` of a bulkhead; from `min` to `max`.
    package var limit: Int { Swift.min(policy.max, Swift.max(policy.min, Int(estimate))) }

    /// One call that ended, successful or timed out; leave out calls that failed early, they say nothing about load.
    ///
    /// - Parameters:
    ///   - nanoseconds: how long it took.
    ///   - inFlight: calls in flight when it ended, itself included.
    /// - Returns: true when a window ended, so that `limit` may have changed.
    package mutating func sample(nanoseconds: UInt64, inFlight: Int, now: UInt64) -> Bool {
        if windowEnd == 0 { windowEnd = now.advanced(byNanoseconds: AdaptiveLimit.windowNanoseconds) }
        samples += 1
        sum += Double(nanoseconds)
        inFlightMax = Swift.max(inFlightMax, inFlight)
        guard now >= windowEnd, samples >= AdaptiveLimit.windowSamplesMin else { return false }
        update(windowMean: Swift.max(1, sum / Double(samples)))
        samples = 0
        sum = 0
        inFlightMax = 0
        windowEnd = now.advanced(byNanoseconds: AdaptiveLimit.windowNanoseconds)
        return true
    }

    private mutating func update(windowMean: Double) {
        learnLongTerm(windowMean)
        // Recovered from long overload: forget the slow times faster than the average would.
        if longTerm / windowMean > 2 { longTerm *= 0.95 }
        // A limit that is not used says nothing about what the handler would bear.
        if Double(inFlightMax) < estimate / 2 { return }
        let gradient = Swift.max(0.5, Swift.min(1, policy.tolerance * longTerm / windowMean))
        let target = estimate * gradient + AdaptiveLimit.queueAllowance
        let moved = estimate * (1 - AdaptiveLimit.smoothing) + target * AdaptiveLimit.smoothing
        estimate = Swift.max(Double(policy.min), Swift.min(Double(policy.max), moved))
    }

    /// Plain mean of the first windows, exponential afterwards.
    private mutating func learnLongTerm(_ windowMean: Double) {
        if windowsSeen < AdaptiveLimit.warmUpWindows {
            longTerm = (longTerm * Double(windowsSeen) + windowMean) / Double(windowsSeen + 1)
            windowsSeen += 1
        } else {
            longTerm += (windowMean - longTerm) * 2 / (AdaptiveLimit.longTermWindows + 1)
        }
    }
}
