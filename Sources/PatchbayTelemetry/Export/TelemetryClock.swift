import Glibc

/// The clocks of spans and exporters.
package enum TelemetryClock {
    /// Unix nanoseconds, what spans carry.
    package static func unixNow() -> UInt64 { read(CLOCK_REALTIME) }

    /// Monotonic nanoseconds, what deadlines carry.
    package static func monotonicNow() -> UInt64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
