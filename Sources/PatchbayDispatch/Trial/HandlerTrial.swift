import CPatchbay
import CPatchbayJSON
import CPatchbaySystem
package import PatchbayEvents
import Synchronization

/// Calls one handler with one event at a time and takes what it says: no policies, no retries, and nothing that it asked
/// for comes about. The handler runs on a thread of the trial's, so that one that never returns can be given up.
///
/// [one thread, beside the trial's own]
package final class HandlerTrial: Sendable {
    /// What came of a call.
    package struct Result: Sendable {
        package enum End: Sendable, Equatable {
            case said(OutcomeKind)
            /// It was not complete in time; it may still complete, which nobody hears.
            case late
            /// It did not return, so that the trial cannot go on.
            case stuck
        }

        package var end: End
        package var details: ResultDetails?
        package var effects: CallEffects?
        /// Until it was complete.
        package var nanoseconds: UInt64
    }

    private struct Call: Sendable {
        var index: Int
        var event: UInt32
        var batch: EventBatch
        /// Monotonic nanoseconds.
        var deadline: UInt64
    }

    private struct State {
        var call: Call?
        var result: Result?
        var hasReturned = true
        var isEnding = false
    }

    private let handler: Handler
    // Invariant: never freed and never changed.
    private let name: StaticName
    private let route: StaticName
    private let table: CallTable
    /// What an event's view has beyond what this host knows: a later one's would be that much longer.
    private let extraViewBytes: UInt32
    /// Rung by completions from other threads: the table's.
    private let completed: Doorbell
    private let toHandler = Doorbell()
    private let toCaller = Doorbell()
    private let state = Mutex(State())
    private let thread = Mutex<OwnThread?>(nil)
    /// The next slot; a call that is late keeps its own.
    private let slot = Atomic<Int>(0)

    /// - Parameters:
    ///   - table: no other calls are made through it; it has a slot for each call that comes to be late, and one more.
    ///   - completed: the table's doorbell.
    ///   - route: as the event's view names it.
    ///   - name: for whose call the handler is to take it; `nil`: its own.
    ///   - extraViewBytes: how much longer than it is an event's view says that it is.
    package init(
        _ handler: Handler, table: CallTable, completed: Doorbell, route: String, name: String? = nil,
        extraViewBytes: UInt32 = 0
    ) throws(ThreadError) {
        self.handler = handler
        self.table = table
        self.extraViewBytes = extraViewBytes
        self.completed = completed
        self.route = StaticName(route)
        self.name = StaticName(name ?? handler.name)
        let started = try OwnThread("pb-trial") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Calls the handler with an event of a batch and waits, for `timeout` nanoseconds and as long again as a cancelled
    /// call has to complete.
    package func call(_ batch: EventBatch, event: Int, timeout: UInt64, grace: UInt64) -> Result {
        let index = slot.load(ordering: .relaxed)
        precondition(index < table.capacity, "too many calls were late")
        let started = pbs_now()
        state.withLock { state in
            precondition(state.hasReturned, "the handler is stuck")
            state.call = Call(
                index: index, event: UInt32(event), batch: batch, deadline: started &+ timeout)
            state.result = nil
            state.hasReturned = false
        }
        toHandler.ring()
        if let result = wait(until: started &+ timeout) { return result }
        if table.requestCancel(index) {
            handler.code.running("cancel") {
                handler.cancel?(handler.instance, table.call(at: index), Int32(PATCHBAY_CANCEL_TIMEOUT)) ?? ()
            }
        }
        if let result = wait(until: started &+ timeout &+ grace) { return result }
        // Completed at the last moment: its thread is about to say so.
        guard table.close(index) else {
            return wait(until: .max) ?? Result(end: .late, nanoseconds: pbs_now() - started)
        }
        slot.add(1, ordering: .relaxed)
        let hasReturned = state.withLock { $0.hasReturned }
        completed.ring()
        return Result(end: hasReturned ? .late : .stuck, nanoseconds: pbs_now() - started)
    }

    /// Whether a call that was stuck returns within so many nanoseconds after all, as one whose worker is killed; the next
    /// call may be made then.
    package func returns(within patience: UInt64) -> Bool {
        let deadline = pbs_now() &+ patience
        while true {
            if state.withLock({ $0.hasReturned }) { return true }
            let now = pbs_now()
            guard now < deadline else { return false }
            toCaller.wait(timeout: deadline - now) { state.withLock { $0.hasReturned } }
        }
    }

    /// Ends the trial's thread, unless the handler has it.
    package func end() {
        let isFree = state.withLock { state in
            state.isEnding = true
            return state.hasReturned
        }
        toHandler.ring()
        completed.ring()
        let thread = thread.withLock { $0.take() }
        if isFree { thread?.join() } else { thread?.detach() }
    }

    private func wait(until deadline: UInt64) -> Result? {
        while true {
            if let result = state.withLock({ $0.result }) { return result }
            let now = pbs_now()
            guard now < deadline else { return nil }
            toCaller.wait(timeout: min(deadline - now, 1_000_000_000)) { state.withLock { $0.result != nil } }
        }
    }

    // MARK: Thread

    private func run() {
        while true {
            toHandler.wait(timeout: 0) { state.withLock { $0.call != nil || $0.isEnding } }
            let call: Call? = state.withLock { $0.call.take() }
            if let call {
                perform(call)
            } else if state.withLock({ $0.isEnding }) {
                return
            }
        }
    }

    private func perform(_ call: Call) {
        let id = table.arm(call.index)
        let view = BatchView(call.batch)
        withUnsafePointer(to: view) { view in
            var info = CallInfo(view: view)
            info.event = call.event
            info.attempt = 1
            info.attemptsMax = 1
            ViewWriter.fill(
                table.views + call.index, scratch: table.scratch + call.index * CallTable.scratchBytes, info: info,
                transformed: nil, route: route, handler: name, deadline: call.deadline)
        }
        table.views[call.index].size += extraViewBytes
        _ = HandlerMessage.take()
        let started = pbs_now()
        let site: UnsafeMutablePointer<pbs_crash_site> = pbs_crash_here()
        site.pointee.owner = handler.code.pointer
        site.pointee.event = UnsafePointer(table.views + call.index)
        let status = handler.handle(handler.instance, id, UnsafePointer(table.views + call.index))
        site.pointee.event = nil
        let isOver = table.returned(call.index, id, status) { HandlerMessage.take() }
        var ended = pbs_now()
        state.withLock { $0.hasReturned = true }
        toCaller.ring()
        while !isOver, !hasCompleted(call.index) {
            // The caller has given it up.
            if hasMoved(beyond: call.index) { return }
            completed.wait(timeout: 0) { table.hasForeign || hasMoved(beyond: call.index) }
            ended = pbs_now()
        }
        let settled = table.settle(call.index)
        guard !settled.wasClosed else { return }
        let result = Result(
            end: .said(settled.kind), details: settled.details, effects: settled.effects,
            nanoseconds: ended - started)
        state.withLock { $0.result = result }
        toCaller.ring()
    }

    /// Takes what was completed by other threads; whether the call is among it. The others are late.
    private func hasCompleted(_ index: Int) -> Bool {
        var isThere = false
        var link = table.takeForeign()
        while link != 0 {
            let completed = Int(link) - 1
            link = table.next[completed]
            if completed == index { isThere = true } else { _ = table.settle(completed) }
        }
        return isThere
    }

    private func hasMoved(beyond index: Int) -> Bool {
        slot.load(ordering: .relaxed) > index || state.withLock { $0.isEnding }
    }
}
