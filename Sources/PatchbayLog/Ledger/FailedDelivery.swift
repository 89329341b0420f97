/// A failed attempt of a delivery, as its dead letter will tell it.
package struct FailedAttempt: Sendable, Equatable {
    /// Charged attempts so far, this one included.
    package var number: UInt32
    package var code: Int32
    /// Unix nanoseconds.
    package var endedAt: UInt64
    /// Nanoseconds.
    package var duration: UInt64
    package var failureClass: String
    package var reason: String

    package init(
        number: UInt32, code: Int32, endedAt: UInt64, duration: UInt64, failureClass: String, reason: String
    ) {
        self.number = number
        self.code = code
        self.endedAt = endedAt
        self.duration = duration
        self.failureClass = failureClass
        self.reason = reason
    }
}

/// What is known of a pending delivery that failed before.
package struct FailedDelivery: Sendable, Equatable {
    /// Charged so far.
    package var attempts: UInt32 = 0
    /// It stopped its lane, and is pending as it was.
    package var isHalted = false
    /// When it may be tried again, in Unix nanoseconds.
    package var due: UInt64 = 0
    /// When its first charged attempt started, in Unix nanoseconds.
    package var firstStart: UInt64 = 0
    /// Nanoseconds waited before the last retry; backoff goes on from here.
    package var previousDelay: UInt64 = 0
    /// Oldest first; of more than 100 the first 50 and the last 50 are kept.
    package internal(set) var history: [FailedAttempt] = []
    /// Attempts that were left out of the history.
    package internal(set) var leftOut: UInt32 = 0

    static let historyMax = 100

    package init() {}

    mutating func add(_ attempt: FailedAttempt) {
        if history.count >= Self.historyMax {
            history.remove(at: Self.historyMax / 2)
            leftOut &+= 1
        }
        history.append(attempt)
    }
}
