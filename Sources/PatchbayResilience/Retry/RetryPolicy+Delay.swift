import Glibc

extension RetryPolicy {
    /// The longest delay that is ever given: 292 years.
    package static let delayMax = UInt64(Int64.max)

    /// Nanoseconds before retry `retry` (1 is the first), capped, without jitter; never overflows.
    package func plainDelay(beforeRetry retry: Int) -> UInt64 {
        let cap = maxInterval > 0 ? UInt64(maxInterval) : RetryPolicy.delayMax
        let first = unsigned(duration)
        if first == 0 { return 0 }
        switch policy {
        case .none: return 0
        case .constant: return min(cap, first)
        case .linear:
            let (product, overflowed) = first.multipliedReportingOverflow(by: UInt64(max(1, retry)))
            return overflowed ? cap : min(cap, product)
        case .exponential:
            let grown = Double(first) * pow(multiplier, Double(max(1, retry) - 1))
            return grown < Double(cap) ? UInt64(grown) : cap
        }
    }

    /// Nanoseconds before retry `retry` with jitter.
    ///
    /// - Parameters:
    ///   - previousDelay: nanoseconds waited before the attempt that failed; 0 when it was the first. Only
    ///     decorrelated jitter reads it.
    ///   - random: 64 random bits.
    package func delay(beforeRetry retry: Int, previousDelay: UInt64, random: UInt64) -> UInt64 {
        switch jitter {
        case .none: return plainDelay(beforeRetry: retry)
        case .full: return random.scaled(upTo: plainDelay(beforeRetry: retry))
        case .equal:
            let plain = plainDelay(beforeRetry: retry)
            return plain - plain / 2 + random.scaled(upTo: plain / 2)
        case .decorrelated: return decorrelatedDelay(previousDelay: previousDelay, random: random)
        }
    }

    private func decorrelatedDelay(previousDelay: UInt64, random: UInt64) -> UInt64 {
        let cap = maxInterval > 0 ? UInt64(maxInterval) : RetryPolicy.delayMax
        let first = unsigned(duration)
        let (tripled, overflowed) = max(first, previousDelay).multipliedReportingOverflow(by: 3)
        let upper = overflowed ? UInt64.max : tripled
        return min(cap, first + random.scaled(upTo: upper - first))
    }
}
