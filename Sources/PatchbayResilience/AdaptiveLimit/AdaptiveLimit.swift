/// Finds how many calls a handler bears, from how long its calls take: when they are slower than with few calls in
/// flight, more of them only queue inside the handler, and the limit shrinks; otherwise it grows while it is used up.
///
/// A pure value for one thread. Times are averaged over windows of at least ten calls and a second, so that single
/// outliers decide nothing; a sample that ends no window costs a few additions. How long calls take with few in flight
/// is not learned from a handler that is full, which would teach that slow is normal: every half minute, or later, so
/// that it costs at most a twentieth of the time, the limit is a fraction of itself until twenty calls or more have been
/// measured (a probe). A load that does not use the limit needs no probe.
///
/// **Source**: Netflix concurrency-limits, `Gradient2Limit` and `WindowedLimit`: the gradient is tolerance × usual time
/// / window's time, kept within 0.5 and 1, and the limit moves a part of the way to limit × gradient + headroom. Envoy,
/// adaptive concurrency filter (gradient controller): the headroom is the limit's square root, and the usual time is
/// measured with few calls in flight, since a long-term average follows a handler that is saturated for long.
package struct AdaptiveLimit: Sendable {
    /// How a call ended.
    package enum End: Sendable, Hashable {
        /// It came to its end, in its time.
        case done
        /// It was cut off, or came after its deadline.
        case late
        /// It failed before, which says nothing about load.
        case failed
    }

    private static let windowSamplesMin = 10
    private static let windowNanoseconds: UInt64 = 1_000_000_000
    private static let smoothing = 0.5
    private static let gradientMin = 0.5
    private static let probeInterval: UInt64 = 30_000_000_000
    /// A probe's time, times this, is how long the next one waits at least.
    private static let probeRest: UInt64 = 20
    private static let probeSamplesMin = 20
    /// Times the usual time.
    private static let outlier = 10.0
    /// Calls that began before a probe are waited for this many usual times.
    private static let drainPatience = 20.0

    private enum Phase: Sendable, Hashable {
        case running
        /// More calls are in flight than a probe allows.
        case draining
        /// Calls that began before the probe are in flight still, and the first to end are the short ones: this many
        /// ends do not count.
        case settling(Int)
        case measuring
    }

    package let policy: AdaptiveLimitPolicy
    private var estimate: Double
    /// How long calls take with few in flight; 0 is unknown.
    private var usual = 0.0
    /// Calls that were in flight at most when `usual` was measured.
    private var usualInFlight = Int.max

    private var phase: Phase
    private var phaseBegan: UInt64 = 0
    private var probeDue: UInt64 = 0

    private var samples = 0
    private var sum = 0.0
    private var lateCount = 0
    private var inFlightMax = 0
    private var windowEnd: UInt64 = 0

    package init(_ policy: AdaptiveLimitPolicy) {
        self.policy = policy
        estimate = Double(policy.initial)
        phase = .draining
    }

    /// Calls that may be in flight beside those that were given up and go on: the `limit` of a bulkhead; from `min` to
    /// `max`.
    package var limit: Int { phase == .running ? found : probeLimit }

    /// What was found so far: `limit`, but for probes.
    package var found: Int { bounded(estimate) }

    /// A call that ended.
    ///
    /// - Parameters:
    ///   - nanoseconds: how long it took.
    ///   - inFlight: calls in flight when it ended, itself included, without those that were given up.
    /// - Returns: true when `limit` may have changed.
    package mutating func sample(nanoseconds: UInt64, _ end: End = .done, inFlight: Int, now: UInt64) -> Bool {
        if windowEnd == 0 { begin(.draining, at: now) }
        if end == .late { lateCount += 1 }
        // Calls that hang must not use up the few that a probe allows; and where many are late, times tell nothing.
        if phase != .running, lateCount * 2 > probeLimit {
            endProbe(now)
            return true
        }
        switch phase {
        case .running: return end != .failed && run(nanoseconds: nanoseconds, end, inFlight: inFlight, now: now)
        case .draining:
            if inFlight <= probeLimit {
                phase = .settling(2 * probeLimit)
            } else if usual > 0, Double(now.elapsed(since: phaseBegan)) > usual * Self.drainPatience {
                // Some calls hang: while they keep their permits, nothing else would start.
                endProbe(now)
                return true
            }
            return false
        case .settling(let rest):
            phase = rest > 1 ? .settling(rest - 1) : .measuring
            return false
        case .measuring: return measure(nanoseconds: nanoseconds, end, now: now)
        }
    }

    // MARK: Private

    private func bounded(_ value: Double) -> Int { Swift.min(policy.max, Swift.max(policy.min, Int(value))) }

    /// Few enough that an estimate which is several times too high comes down from probe to probe: at a third of what
    /// the tolerance bears.
    private var probeLimit: Int { bounded(estimate * 3 / (8 * policy.tolerance)) }

    private mutating func begin(_ phase: Phase, at now: UInt64) {
        self.phase = phase
        phaseBegan = now
        resetWindow(now)
    }

    private mutating func resetWindow(_ now: UInt64) {
        samples = 0
        sum = 0
        lateCount = 0
        inFlightMax = 0
        windowEnd = now.advanced(byNanoseconds: Self.windowNanoseconds)
    }

    private mutating func endProbe(_ now: UInt64) {
        let rest = now.elapsed(since: phaseBegan).multipliedReportingOverflow(by: Self.probeRest)
        probeDue = now.advanced(byNanoseconds: Swift.max(Self.probeInterval, rest.overflow ? .max : rest.partialValue))
        begin(.running, at: now)
    }

    private mutating func measure(nanoseconds: UInt64, _ end: End, now: UInt64) -> Bool {
        guard end == .done else { return false }
        samples += 1
        sum += bounded(nanoseconds)
        guard samples >= Swift.max(Self.probeSamplesMin, probeLimit) else { return false }
        learn(sum / Double(samples), inFlight: probeLimit)
        endProbe(now)
        return true
    }

    /// A call's time, where a single one may decide about a window: a call that hangs is as slow as it can count.
    private func bounded(_ nanoseconds: UInt64) -> Double {
        usual == 0 ? Double(nanoseconds) : Swift.min(Double(nanoseconds), usual * Self.outlier)
    }

    private mutating func learn(_ mean: Double, inFlight: Int) {
        // What was measured with more in flight may have been measured in a queue.
        let isBetter = usual == 0 || (inFlight < usualInFlight && mean < usual)
        usual = Swift.max(1, isBetter ? mean : usual + (mean - usual) / 2)
        usualInFlight = inFlight
    }

    private mutating func run(nanoseconds: UInt64, _ end: End, inFlight: Int, now: UInt64) -> Bool {
        samples += 1
        // One that was cut off would have taken longer: at least as long again.
        sum += bounded(end == .late ? nanoseconds.advanced(byNanoseconds: nanoseconds) : nanoseconds)
        inFlightMax = Swift.max(inFlightMax, inFlight)
        guard now >= windowEnd, samples >= Self.windowSamplesMin else { return false }
        update(windowMean: Swift.max(1, sum / Double(samples)), now)
        if phase == .running { resetWindow(now) }
        return true
    }

    private mutating func update(windowMean: Double, _ now: UInt64) {
        if inFlightMax <= probeLimit, lateCount == 0 {
            learn(windowMean, inFlight: inFlightMax)
            probeDue = now.advanced(byNanoseconds: Self.probeInterval)
            if inFlightMax < limit { return }
        } else if usual > windowMean * 2 {
            // The handler became faster.
            usual = (usual + windowMean) / 2
        }
        // A limit that is not used says nothing about what the handler would bear.
        if inFlightMax * 2 < limit { return }
        let gradient = Swift.max(Self.gradientMin, Swift.min(1, policy.tolerance * usual / windowMean))
        var target = estimate * gradient
        if gradient < 1 || inFlightMax >= limit { target += estimate.squareRoot() }
        let moved = estimate + (target - estimate) * Self.smoothing
        estimate = Swift.max(Double(policy.min), Swift.min(Double(policy.max), moved))
        if now >= probeDue || (probeLimit * 2 <= usualInFlight && gradient < 1) { begin(.draining, at: now) }
    }
}
