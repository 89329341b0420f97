extension Duration {
    /// Whole nanoseconds, saturating at ±292 years.
    package var nanosecondsSaturated: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowedAgain) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        if overflowed || overflowedAgain { return seconds < 0 ? .min : .max }
        return sum
    }
}

extension UInt64 {
    /// A later time: saturates at the end of time (`.max`), which no clock reaches.
    @inlinable package func advanced(byNanoseconds nanoseconds: UInt64) -> UInt64 {
        let (sum, overflowed) = addingReportingOverflow(nanoseconds)
        return overflowed ? .max : sum
    }
}

extension UInt64 {
    /// Nanoseconds since `earlier`; 0 when `earlier` is not in the past.
    @inlinable package func elapsed(since earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}

/// Nanoseconds of a configured value: a negative one, which `problems()` reports, counts as 0.
@inlinable package func unsigned(_ nanoseconds: Int64) -> UInt64 { nanoseconds > 0 ? UInt64(nanoseconds) : 0 }
