/// Keeps retries from becoming most of the load: at most `ratio` of the active deliveries may be retries in flight,
/// but always `minConcurrency`.
///
/// A refused retry is not lost and costs no attempt: its lane tries again when something finishes. A wait for a
/// retry's time holds no budget; only its attempt does.
///
/// **Source**: Envoy, `RetryBudget` of cluster.v3.CircuitBreakers: `budget_percent` limits concurrent retries as a
/// share of active plus pending requests, and `min_retry_concurrency` is the bound that this limit never falls below.
package struct RetryBudget: Sendable {
    /// Share of the active deliveries, 0.2 being a fifth; above 1 is allowed and limits little.
    package let ratio: Double
    package let minConcurrency: Int
    /// Retries in flight.
    package private(set) var retries = 0
    /// Retries that had to wait, since the start.
    package private(set) var refused: UInt64 = 0

    package init(ratio: Double = 0.2, minConcurrency: Int = 3) {
        self.ratio = ratio
        self.minConcurrency = minConcurrency
    }

    /// Everything that cannot be meant; empty when the budget is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        if !(ratio.isFinite && ratio >= 0) {
            found.append(PolicyProblem(key: "budget.ratio", message: "is not a share", accepted: "0 or more"))
        }
        if minConcurrency < 0 {
            found.append(
                PolicyProblem(key: "budget.minConcurrency", message: "cannot be negative", accepted: "0 or more"))
        }
        if ratio == 0, minConcurrency == 0 {
            found.append(
                PolicyProblem(
                    key: "budget", message: "would hold every retry back for ever",
                    accepted: "a ratio or a minConcurrency above 0, or policy: none"))
        }
        return found
    }

    /// Takes a place for a retry that could start now.
    ///
    /// - Parameter active: deliveries in flight and loaded, first attempts and retries alike.
    /// - Returns: false when the retry has to wait; call `finish` exactly once after true.
    package mutating func admitRetry(active: Int) -> Bool {
        guard retries < limit(active: active) else {
            refused &+= 1
            return false
        }
        retries += 1
        return true
    }

    /// The attempt that `admitRetry` let through has ended or never started.
    package mutating func finish() {
        precondition(retries > 0, "a retry finished that was not admitted")
        retries -= 1
    }

    /// How many retries may be in flight beside so many active deliveries.
    package func limit(active: Int) -> Int {
        let share = Double(active) * ratio
        return max(minConcurrency, share < 1e9 ? Int(share) : 1_000_000_000)
    }
}
