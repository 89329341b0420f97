extension Value {
    /// A point in time between years 1 and 9999, UTC.
    package struct Timestamp: Sendable, Hashable, Comparable {
        /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
        package let seconds: Int64
        /// 0 to 999,999,999, counted forwards from `seconds`.
        package let nanoseconds: Int32

        /// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
        package static let secondsRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

        /// 1970-01-01T00:00:00Z.
        package static let epoch = Timestamp(secondsSinceEpoch: 0)

        private init(secondsSinceEpoch seconds: Int64) { (self.seconds, nanoseconds) = (seconds, 0) }

        /// `nil` outside of years 1 to 9999, or for nanoseconds outside of 0 to 999,999,999.
        package init?(seconds: Int64, nanoseconds: Int32 = 0) {
            guard Self.secondsRange.contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }

        package static func < (a: Timestamp, b: Timestamp) -> Bool {
            (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
        }

        /// `nil` when the result leaves years 1 to 9999. Parts of a nanosecond are dropped.
        package func adding(_ duration: Duration) -> Timestamp? {
            let (seconds, attoseconds) = duration.components
            let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
            guard !overflow else { return nil }
            let nanoseconds = Int64(nanoseconds) + attoseconds / 1_000_000_000
            let carry = nanoseconds < 0 ? -1 : nanoseconds >= 1_000_000_000 ? 1 : 0
            guard Self.secondsRange.contains(sum) || Self.secondsRange.contains(sum &+ Int64(carry)) else { return nil }
            return Timestamp(
                seconds: sum + Int64(carry), nanoseconds: Int32(nanoseconds - Int64(carry) * 1_000_000_000))
        }

        package static func - (a: Timestamp, b: Timestamp) -> Duration {
            .seconds(a.seconds - b.seconds) + .nanoseconds(Int64(a.nanoseconds) - Int64(b.nanoseconds))
        }
    }
}
