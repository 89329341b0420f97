package import PatchbayEvents
package import PatchbayLog

/// What a log says of one event: when it was accepted, to whom it was to go, and what became of that. Times are Unix
/// nanoseconds.
package struct EventHistory: Sendable, Equatable {
    package var event: Event
    /// As the log has it: structured JSON without a line end.
    package var line: [UInt8]
    package var position: UInt64
    /// When its source gave it.
    package var receivedAt: UInt64
    /// When it was in the log.
    package var acceptedAt: UInt64
    /// Its trace, 32 hexadecimal digits; `nil` when the trace was not kept.
    package var trace: String?
    /// The fingerprint of the configuration that decided the deliveries; `nil` when it was not kept.
    package var configuration: String?
    /// In recorded order, then what operators added.
    package var deliveries: [DeliveryHistory]
}

/// What became of one delivery.
///
/// Attempts that were not charged, such as of a handler that was busy, are not in the log, and neither are waits for
/// a breaker, a permit or a rate limit.
package struct DeliveryHistory: Sendable, Equatable {
    /// As recorded, whatever the configuration says now; a number in brackets when the log has lost the name.
    package var route: String
    /// Empty for the delivery of an event that no route took, which only becomes a dead letter.
    package var handler: String
    /// Whether it was added when an operator redrove a dead letter of another handler.
    package var isRedriven = false
    /// Oldest first.
    package var steps: [Step] = []
    package var state = State.waiting

    package enum State: Sendable, Equatable {
        /// No attempt has ended yet.
        case waiting
        /// Again at this time.
        case retrying(due: UInt64)
        /// It stopped its lane (`onFailure: halt`).
        case halted
        case done(attempts: UInt32)
        case skipped(attempts: UInt32)
        case dead(LetterID)
        /// Its dead letter was thrown away, or accepted anew as another event.
        case closed
    }

    package enum Step: Sendable, Equatable {
        case failed(FailedAttempt)
        /// It is over: `state` says how. `attempts` are those charged, the last one included.
        case ended(OutcomeRecord.Kind, attempts: UInt32, at: UInt64)
        case died(Death)
        case operated(Operation)
    }

    /// An attempt that was charged and failed.
    package struct FailedAttempt: Sendable, Equatable {
        /// From 1.
        package var number: UInt32
        package var endedAt: UInt64
        /// Nanoseconds.
        package var duration: UInt64
        package var failureClass: String
        package var code: Int32
        package var reason: String
        package var verdict: FailureRecord.Verdict
        /// When it is tried again; with `.retries`.
        package var due: UInt64

        package var startedAt: UInt64 { endedAt &- duration }
        /// Nanoseconds to the next attempt.
        package var delay: UInt64 { due > endedAt ? due - endedAt : 0 }
    }

    /// It was given up.
    package struct Death: Sendable, Equatable {
        package var letter: LetterID
        package var at: UInt64
        package var failureClass: String
        package var reason: String
    }

    /// What an operator did to its dead letter.
    package struct Operation: Sendable, Equatable {
        package var kind: OperationRecord.Kind
        package var letter: LetterID
        package var at: UInt64
        package var who: String
        /// Of a redrive: the handler that gets it; `nil` when the event was accepted anew.
        package var target: String?
    }
}
