import CPatchbay
import CPatchbayJSON
import CPatchbaySystem
package import PatchbayEvents
import PatchbayResilience
import Synchronization

/// Calls one handler on several threads at once, to see what it does then; outcomes do not matter.
///
/// [one thread, beside the crowd's own]
package final class HandlerCrowd: Sendable {
    /// How its calls are made.
    package struct Manner: Sendable {
        /// Most events of one `handle_batch`, whose number is drawn each time; 0: each goes to `handle`.
        package var batchMax = 0
        /// Every other call is cancelled: from its start or at a drawn moment.
        package var cancels = false
        package var seed: UInt64

        package init(seed: UInt64) { self.seed = seed }
    }

    /// A cancellation that the thread of the call waits for before it ends the call.
    private struct Cancellation: Sendable {
        var slot: Int
        var call: patchbay_call
        /// `PATCHBAY_CANCEL_*`.
        var why: Int32
        /// Monotonic nanoseconds.
        var due: UInt64
        /// The call was open when this was made, and is told so whatever it has done since.
        var isCertain: Bool
    }

    private let handler: Handler
    private let manner: Manner
    // Invariant: never freed and never changed.
    private let name: StaticName
    private let route: StaticName
    private let table: CallTable
    private let completed: Doorbell
    /// Slots that were completed after `handle` returned.
    private let finished: Mutex<Set<Int>>
    private let cancellations = Mutex<[Cancellation]>([])
    private let toThreads = Doorbell()
    private let running: Atomic<Int>
    /// No further calls are made.
    private let isStopping = Atomic<Bool>(false)
    /// Nobody waits any longer.
    private let isOver = Atomic<Bool>(false)
    /// Until a call is cancelled, in nanoseconds.
    private static let delayMax: UInt64 = 2_000_000

    /// - Parameters:
    ///   - table: no other calls are made through it; it has a slot for each event that a thread hands over at once.
    ///   - completed: the table's doorbell.
    package init(_ handler: Handler, table: CallTable, completed: Doorbell, route: String, manner: Manner) {
        self.handler = handler
        self.manner = manner
        self.table = table
        self.completed = completed
        self.route = StaticName(route)
        name = StaticName(handler.name)
        finished = Mutex([])
        running = Atomic(0)
    }

    /// Calls it with each batch's events in turn, on as many threads as there are batches.
    ///
    /// - Parameters:
    ///   - batches: with `batchMax` events each, or with one.
    ///   - calls: of `handle` or `handle_batch` by each thread, or fewer: after `budget` nanoseconds none is begun.
    ///     `nil`: until `beside` has no more to do.
    ///   - patience: how long those that are open then have to end, in nanoseconds.
    ///   - beside: what this thread does meanwhile, again and again until it says false.
    ///   - cancelling: runs each cancellation that it is given, on this thread.
    /// - Returns: false when one has not ended by then; its thread is left where it is.
    package func run(
        _ batches: [EventBatch], calls: Int?, budget: UInt64, patience: UInt64,
        beside: () -> Bool = { false }, cancelling: (() -> Void) -> Void = { $0() }
    ) throws(ThreadError) -> Bool {
        var threads: [OwnThread] = []
        do throws(ThreadError) {
            for (index, batch) in batches.enumerated() {
                running.add(1, ordering: .relaxed)
                threads.append(try OwnThread("pb-crowd-\(index)") { [self] in perform(index, batch, calls ?? .max) })
            }
        } catch {
            // Those that there are do.
            running.subtract(1, ordering: .acquiringAndReleasing)
            if threads.isEmpty { throw error }
        }
        let last = pbs_now() + budget
        var deadline = UInt64.max
        var isBusy = true
        while running.load(ordering: .acquiring) > 0, pbs_now() < deadline {
            let pause: UInt64 = manner.cancels ? 100_000 : isBusy ? 1_000_000 : 10_000_000
            completed.wait(timeout: pause) { table.hasForeign || isDue }
            collect()
            cancel(cancelling)
            if isBusy { isBusy = beside() }
            if deadline == .max, pbs_now() > last || (calls == nil && !isBusy) {
                isStopping.store(true, ordering: .releasing)
                deadline = pbs_now() + patience
            }
        }
        isOver.store(true, ordering: .releasing)
        toThreads.ring()
        guard running.load(ordering: .acquiring) == 0 else {
            for thread in threads { thread.detach() }
            return false
        }
        for thread in threads { thread.join() }
        return true
    }

    private var isDue: Bool {
        guard manner.cancels else { return false }
        let now = pbs_now()
        return cancellations.withLock { $0.contains { $0.due <= now } }
    }

    private func cancel(_ cancelling: (() -> Void) -> Void) {
        guard manner.cancels else { return }
        let now = pbs_now()
        for cancellation in cancellations.withLock({ $0.filter { $0.due <= now } }) {
            if cancellation.isCertain || table.requestCancel(cancellation.slot) {
                cancelling {
                    handler.code.running("cancel") {
                        handler.cancel?(handler.instance, cancellation.call, cancellation.why) ?? ()
                    }
                }
            }
            cancellations.withLock { $0.removeAll { $0.slot == cancellation.slot } }
            toThreads.ring()
        }
    }

    private func collect() {
        var link = table.takeForeign()
        guard link != 0 else { return }
        finished.withLock { finished in
            while link != 0 {
                let index = Int(link) - 1
                link = table.next[index]
                finished.insert(index)
            }
        }
        toThreads.ring()
    }

    // MARK: The crowd's threads

    private func perform(_ thread: Int, _ batch: EventBatch, _ calls: Int) {
        defer {
            running.subtract(1, ordering: .acquiringAndReleasing)
            completed.ring()
        }
        var random = SeededRandom(seed: manner.seed &+ UInt64(thread))
        let most = max(1, manner.batchMax)
        let view = BatchView(batch)
        var made = 0
        while made < calls, !isStopping.load(ordering: .acquiring) {
            // The fewest, the most, then any number.
            let count = made < 2 ? (made == 0 ? 1 : most) : Int.random(in: 1...most, using: &random)
            let first = Int.random(in: 0..<most, using: &random)
            let slots = thread * most..<thread * most + count
            for slot in slots { open(slot, view, event: (first + slot - slots.lowerBound) % most) }
            for slot in slots where manner.cancels { drawCancellation(of: slot, &random) }
            let (status, message) = handOver(slots)
            for slot in slots where !table.returned(slot, table.call(at: slot), status, message: { message }) {
                while finished.withLock({ $0.remove(slot) }) == nil {
                    if isOver.load(ordering: .acquiring) { return }
                    toThreads.wait(timeout: 1_000_000) { finished.withLock { $0.contains(slot) } }
                }
            }
            while awaitsCancellation(slots) {
                if isOver.load(ordering: .acquiring) { return }
                toThreads.wait(timeout: 1_000_000) { !awaitsCancellation(slots) }
            }
            for slot in slots { _ = table.settle(slot) }
            made += 1
        }
    }

    private func open(_ slot: Int, _ view: BatchView, event: Int) {
        _ = table.arm(slot)
        withUnsafePointer(to: view) { view in
            var info = CallInfo(view: view)
            info.event = UInt32(event)
            info.attempt = 1
            info.attemptsMax = 1
            ViewWriter.fill(
                table.views + slot, scratch: table.scratch + slot * CallTable.scratchBytes, info: info,
                transformed: nil, route: route, handler: name, deadline: pbs_now() + 60_000_000_000)
        }
    }

    private func handOver(_ slots: Range<Int>) -> (patchbay_status, message: String) {
        _ = HandlerMessage.take()
        let status: patchbay_status
        if manner.batchMax > 0, let handleBatch = handler.handleBatch {
            let calls = slots.map { table.call(at: $0) }
            let views = slots.map { Optional(UnsafePointer(table.views + $0)) }
            status = calls.withUnsafeBufferPointer { calls in
                views.withUnsafeBufferPointer { views in
                    handleBatch(handler.instance, UInt64(calls.count), calls.baseAddress, views.baseAddress)
                }
            }
        } else {
            let slot = slots.lowerBound
            status = handler.handle(handler.instance, table.call(at: slot), UnsafePointer(table.views + slot))
        }
        return (status, status < 0 ? HandlerMessage.take() : "")
    }

    /// Draws as much for each call, so that the others' moments do not depend on it.
    private func drawCancellation(of slot: Int, _ random: inout SeededRandom) {
        let kind = Int.random(in: 0..<4, using: &random)
        let delay = UInt64.random(in: 0...Self.delayMax, using: &random)
        let why = Int.random(in: PATCHBAY_CANCEL_TIMEOUT...PATCHBAY_CANCEL_SHUTDOWN, using: &random)
        guard kind < 2 else { return }
        let isCertain = kind == 0 && table.requestCancel(slot)
        let cancellation = Cancellation(
            slot: slot, call: table.call(at: slot), why: Int32(why), due: pbs_now() + (isCertain ? 0 : delay),
            isCertain: isCertain)
        cancellations.withLock { $0.append(cancellation) }
        completed.ring()
    }

    private func awaitsCancellation(_ slots: Range<Int>) -> Bool {
        manner.cancels && cancellations.withLock { $0.contains { slots.contains($0.slot) } }
    }
}
