package import PatchbayEvents
package import PatchbayLog
import Synchronization

/// What an operator changes: one frame of the log, there as a whole or not at all.
package struct ControlChange: Sendable {
    /// Events to deliver, with their deliveries. They belong to the dispatcher from `ControlPort.commit` on.
    package var batches: [EventBatch]
    /// What is done to dead letters that are kept: whoever hands the change over has made sure of that.
    package var operations: [OperationRecord]
    /// Names that the log is to know.
    package var names: [NameRecord] = []
    /// A change of streams instead of all that: decided when its turn comes (Unix nanoseconds), once; `nil` when there is
    /// nothing to write. [dispatcher]
    package var stream: (@Sendable (_ unixNow: UInt64) -> StreamRecord?)?
    /// The same for handlers' subscriptions: writes down how they stand then; false when nothing was changed.
    package var subscriptions: (@Sendable (_ records: inout ByteWriter) -> Bool)?

    package init(batches: [EventBatch] = [], operations: [OperationRecord] = []) {
        self.batches = batches
        self.operations = operations
    }

    package init(stream: @escaping @Sendable (_ unixNow: UInt64) -> StreamRecord?) {
        self.init()
        self.stream = stream
    }

    package init(subscriptions: @escaping @Sendable (_ records: inout ByteWriter) -> Bool) {
        self.init()
        self.subscriptions = subscriptions
    }
}

/// The way of operators' changes to the dispatcher: one at a time, answered once it is in the log.
///
/// Like a source's batch, a change that has events waits while the log is full. [`commit`: any thread, one after the
/// other; one dispatcher thread]
package final class ControlPort: Sendable {
    private enum Stage {
        case idle
        case waiting(ControlChange)
        /// Handed to the log.
        case submitted
        case committed
    }

    private enum Waiting {
        static let nothing: UInt8 = 0
        static let operations: UInt8 = 1
        static let events: UInt8 = 2
    }

    private struct State {
        var stage = Stage.idle
        var isStopped = false

        var isCommitted: Bool {
            if case .committed = stage { return true }
            return false
        }
    }

    private let state = Mutex(State())
    /// What waits: all that the dispatcher looks at while nobody changes anything.
    private let waiting = Atomic<UInt8>(Waiting.nothing)
    private let toOperator = Doorbell()
    private let toDispatcher: Doorbell
    /// Held while a change is under way.
    private let turn = Mutex<Void>(())

    init(doorbell: Doorbell) { toDispatcher = doorbell }

    // MARK: Operator

    /// Hands a change over and waits until the log has it. False when the dispatcher ends before: nothing of it is
    /// delivered by this run then.
    package func commit(_ change: ControlChange) -> Bool {
        turn.withLock { _ in
            guard offer(change) else { return false }
            while true {
                toOperator.wait(timeout: 0) { state.withLock { $0.isStopped || $0.isCommitted } }
                if let isCommitted = answer() { return isCommitted }
            }
        }
    }

    /// Hands a change over; false when the dispatcher has ended. Its answer is taken before the next one is offered.
    func offer(_ change: ControlChange) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isStopped else { return false }
            state.stage = .waiting(change)
            return true
        }
        guard isTaken else { return false }
        announce(change)
        toDispatcher.ring()
        return true
    }

    /// Whether the log has the change that was offered; `nil` while that is open.
    func answer() -> Bool? {
        state.withLock { state in
            guard state.isStopped || state.isCommitted else { return nil }
            defer { state.stage = .idle }
            return state.isCommitted
        }
    }

    // MARK: Dispatcher

    /// Whether a change waits that may be taken; one with events waits for its turn like a source's.
    func hasChange(takesEvents: Bool) -> Bool {
        switch waiting.load(ordering: .acquiring) {
        case Waiting.nothing: false
        case Waiting.operations: true
        default: takesEvents
        }
    }

    /// The change that waits; it counts as submitted from here on.
    func take() -> ControlChange? {
        waiting.store(Waiting.nothing, ordering: .relaxed)
        return state.withLock { state in
            guard case .waiting(let change) = state.stage else { return nil }
            state.stage = .submitted
            return change
        }
    }

    /// The change that was taken waits again.
    func putBack(_ change: ControlChange) {
        state.withLock { $0.stage = .waiting(change) }
        announce(change)
    }

    private func announce(_ change: ControlChange) {
        waiting.store(change.batches.isEmpty ? Waiting.operations : Waiting.events, ordering: .releasing)
    }

    /// The change that was taken is in the log.
    func committed() {
        state.withLock { $0.stage = .committed }
        toOperator.ring()
    }

    /// Ends the wait of a change that is not in the log, and takes no further one.
    func stop() {
        state.withLock { $0.isStopped = true }
        toOperator.ring()
    }
}
