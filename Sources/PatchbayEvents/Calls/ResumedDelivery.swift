/// One failed attempt of a delivery.
package struct PastAttempt: Hashable, Sendable {
    /// 1 is the first.
    package var number: Int
    /// Unix nanoseconds of its end.
    package var endedAt: UInt64
    package var nanoseconds: UInt64
    package var failureClass: String
    package var code: Int32
    package var reason: String

    package init(
        number: Int, endedAt: UInt64, nanoseconds: UInt64, failureClass: String, code: Int32, reason: String
    ) {
        self.number = number
        self.endedAt = endedAt
        self.nanoseconds = nanoseconds
        self.failureClass = failureClass
        self.code = code
        self.reason = reason
    }
}

/// What is behind a delivery that goes on where an earlier run left it. Times are monotonic nanoseconds.
package struct ResumedDelivery: Sendable {
    /// Charged so far.
    package var attempts: UInt32
    /// When its first attempt started; may lie before the clock's beginning, and is 1 then.
    package var firstStart: UInt64
    /// Nanoseconds waited before the last retry.
    package var previousDelay: UInt64
    /// Not before.
    package var due: UInt64
    /// Oldest first.
    package var failures: [PastAttempt]

    package init(
        attempts: UInt32, firstStart: UInt64, previousDelay: UInt64, due: UInt64, failures: [PastAttempt]
    ) {
        self.attempts = attempts
        self.firstStart = firstStart
        self.previousDelay = previousDelay
        self.due = due
        self.failures = failures
    }
}
