/// Bounds of an adaptive bulkhead: `policies.bulkheads` with `algorithm: gradient2`.
package struct AdaptiveLimitPolicy: Sendable, Hashable {
    package var min: Int
    package var initial: Int
    package var max: Int
    /// How many times slower calls may be than with few in flight before the limit shrinks.
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
