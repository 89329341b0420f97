import Synchronization

/// What a handler can do against the rules without ending the process; each is counted per handler.
package enum Misbehaviour: Int, Sendable, CaseIterable {
    /// Completed a call that it had completed before.
    case doubleCompletion
    /// Completed a call that the host had closed, because the grace period after its cancellation was over.
    case completionAfterClose
    /// Completed a call that is gone; too long ago to tell which of the two above it was.
    case staleCompletion
    /// Named a call that never existed.
    case unknownCall
    /// Returned PENDING and owed its completion past the deadline and the grace period.
    case missingCompletion
    /// Promised to return promptly, and was over 10 ms in one call.
    case slowCall

    /// As reports and metrics name it.
    package var name: String {
        switch self {
        case .doubleCompletion: "double_completion"
        case .completionAfterClose: "completion_after_close"
        case .staleCompletion: "stale_completion"
        case .unknownCall: "unknown_call"
        case .missingCompletion: "missing_completion"
        case .slowCall: "slow_call"
        }
    }

    /// For people.
    package var explanation: String {
        switch self {
        case .doubleCompletion: "completed a call twice"
        case .completionAfterClose: "completed a call after the host had closed it"
        case .staleCompletion: "completed a call that was long gone"
        case .unknownCall: "named a call that never existed"
        case .missingCompletion: "returned PENDING and never completed the call"
        case .slowCall: "was over 10 ms in a handle() that promised not to block"
        }
    }
}

/// How often one handler misbehaved, by kind. Any thread; never blocks.
package final class MisbehaviourCounters: Sendable {
    private let doubleCompletion = Atomic<UInt64>(0)
    private let completionAfterClose = Atomic<UInt64>(0)
    private let staleCompletion = Atomic<UInt64>(0)
    private let unknownCall = Atomic<UInt64>(0)
    private let missingCompletion = Atomic<UInt64>(0)
    private let slowCall = Atomic<UInt64>(0)

    package init() {}

    package func count(_ kind: Misbehaviour) {
        switch kind {
        case .doubleCompletion: doubleCompletion.add(1, ordering: .relaxed)
        case .completionAfterClose: completionAfterClose.add(1, ordering: .relaxed)
        case .staleCompletion: staleCompletion.add(1, ordering: .relaxed)
        case .unknownCall: unknownCall.add(1, ordering: .relaxed)
        case .missingCompletion: missingCompletion.add(1, ordering: .relaxed)
        case .slowCall: slowCall.add(1, ordering: .relaxed)
        }
    }

    package subscript(kind: Misbehaviour) -> UInt64 {
        switch kind {
        case .doubleCompletion: doubleCompletion.load(ordering: .relaxed)
        case .completionAfterClose: completionAfterClose.load(ordering: .relaxed)
        case .staleCompletion: staleCompletion.load(ordering: .relaxed)
        case .unknownCall: unknownCall.load(ordering: .relaxed)
        case .missingCompletion: missingCompletion.load(ordering: .relaxed)
        case .slowCall: slowCall.load(ordering: .relaxed)
        }
    }

    /// What happened at least once, in the order of the cases.
    package var report: [(kind: Misbehaviour, count: UInt64)] {
        Misbehaviour.allCases.map { ($0, self[$0]) }.filter { $0.count > 0 }
    }
}
