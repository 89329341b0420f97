import PatchbayDispatch
import PatchbayEvents

/// Calls a handler with one event at a time and records what it makes of each. One thread, beside the handler's.
final class TrialCalls {
    /// Calls that are never completed, before no more are made.
    static let lateMax = 256
    /// Nanoseconds for a call whose route sets no limit.
    private static let timeoutDefault: UInt64 = 30_000_000_000

    private let trial: HandlerTrial
    private let patience: UInt64
    /// What calls that are late may still read.
    private var late: [EventBatch] = []
    /// The handler did not return, so that no more calls can be made.
    private(set) var isStuck = false

    /// - Parameter patience: nanoseconds that a call which the host has closed has to return; one that does, as when its
    ///   worker is killed, is only late.
    init(_ trial: HandlerTrial, patience: UInt64 = 0) {
        self.trial = trial
        self.patience = patience
    }

    /// Calls that were not completed in time.
    var lateCount: Int { late.count }
    /// Whether the last call may still read its event.
    private(set) var isLate = false

    /// Calls the handler with an event, as its route would have it.
    ///
    /// - Parameters:
    ///   - timeout: nanoseconds; 0 is no limit of the route's.
    ///   - commit: takes what a call that is done wants; false is a conflict.
    func record(
        _ batch: EventBatch, _ event: Int, _ transform: RouteTransform?, timeout: UInt64,
        commit: (CallEffects) -> Bool = { _ in true }
    ) -> TrialRecord {
        let original = BatchView(batch).event(event)
        guard let transform else { return called(batch, event, original, timeout, commit) }
        let transformed: EventBatch
        do {
            transformed = try transform.apply(to: BatchView(batch), event: event, lane: 0)
        } catch {
            isLate = false
            return TrialRecord(
                original, outcome: TrialRecord.untransformed, details: ResultDetails(reason: error.reason),
                effects: nil, nanoseconds: 0)
        }
        let record = called(transformed, 0, original, timeout, commit)
        if !isLate { transform.release(transformed) }
        return record
    }

    /// Ends the trial's thread, unless the handler has it.
    func end() { trial.end() }

    private func called(
        _ batch: EventBatch, _ event: Int, _ original: Event, _ timeout: UInt64, _ commit: (CallEffects) -> Bool
    ) -> TrialRecord {
        let result = trial.call(
            batch, event: event, timeout: timeout == 0 ? Self.timeoutDefault : timeout, grace: 1_000_000_000)
        var outcome: String
        switch result.end {
        case .said(let kind): outcome = kind.name
        case .late: outcome = "timeout"
        case .stuck:
            isStuck = !trial.returns(within: patience)
            outcome = isStuck ? "hang" : "timeout"
        }
        isLate = result.end == .late || result.end == .stuck
        if isLate { late.append(batch) }
        if case .said(.done) = result.end, let effects = result.effects, !commit(effects) { outcome = "conflict" }
        return TrialRecord(
            original, outcome: outcome, details: result.details, effects: result.effects,
            nanoseconds: result.nanoseconds)
    }
}
