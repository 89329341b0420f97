import CPatchbay
import CPatchbayJSON
import CPatchbaySystem
package import PatchbayEvents
import Synchronization

/// Calls one handler on several threads at once, to see what it does then; outcomes do not matter.
///
/// [one thread, beside the crowd's own]
package final class HandlerCrowd: Sendable {
    private let handler: Handler
    // Invariant: never freed and never changed.
    private let name: StaticName
    private let route: StaticName
    private let table: CallTable
    private let completed: Doorbell
    /// Slots that were completed after `handle` returned.
    private let finished: Mutex<Set<Int>>
    private let toThreads = Doorbell()
    private let running: Atomic<Int>
    /// No further calls are made.
    private let isStopping = Atomic<Bool>(false)
    /// Nobody waits any longer.
    private let isOver = Atomic<Bool>(false)

    /// - Parameters:
    ///   - table: no other calls are made through it; it has a slot for each thread.
    ///   - completed: the table's doorbell.
    package init(_ handler: Handler, table: CallTable, completed: Doorbell, route: String) {
        self.handler = handler
        self.table = table
        self.completed = completed
        self.route = StaticName(route)
        name = StaticName(handler.name)
        finished = Mutex([])
        running = Atomic(0)
    }

    /// Calls it with each batch's first event in turn, on as many threads as there are batches.
    ///
    /// - Parameters:
    ///   - calls: of each thread, or fewer: after `budget` nanoseconds none is begun.
    ///   - patience: how long those that are open then have to end, in nanoseconds.
    /// - Returns: false when one has not ended by then; its thread is left where it is.
    package func run(
        _ batches: [EventBatch], calls: Int, budget: UInt64, patience: UInt64
    ) throws(ThreadError) -> Bool {
        var threads: [OwnThread] = []
        do throws(ThreadError) {
            for (index, batch) in batches.enumerated() {
                running.add(1, ordering: .relaxed)
                threads.append(try OwnThread("pb-crowd-\(index)") { [self] in perform(index, batch, calls) })
            }
        } catch {
            // Those that there are do.
            running.subtract(1, ordering: .acquiringAndReleasing)
            if threads.isEmpty { throw error }
        }
        let last = pbs_now() + budget
        let deadline = last + patience
        while running.load(ordering: .acquiring) > 0, pbs_now() < deadline {
            completed.wait(timeout: 10_000_000) { table.hasForeign }
            collect()
            if pbs_now() > last { isStopping.store(true, ordering: .releasing) }
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

    private func perform(_ slot: Int, _ batch: EventBatch, _ calls: Int) {
        defer {
            running.subtract(1, ordering: .acquiringAndReleasing)
            completed.ring()
        }
        let view = BatchView(batch)
        for _ in 0..<calls where !isStopping.load(ordering: .acquiring) {
            let id = table.arm(slot)
            withUnsafePointer(to: view) { view in
                var info = CallInfo(view: view)
                info.attempt = 1
                info.attemptsMax = 1
                ViewWriter.fill(
                    table.views + slot, scratch: table.scratch + slot * CallTable.scratchBytes, info: info,
                    transformed: nil, route: route, handler: name, deadline: pbs_now() + 60_000_000_000)
            }
            _ = HandlerMessage.take()
            let status = handler.handle(handler.instance, id, UnsafePointer(table.views + slot))
            if !table.returned(slot, id, status, message: { HandlerMessage.take() }) {
                while finished.withLock({ $0.remove(slot) }) == nil {
                    if isOver.load(ordering: .acquiring) { return }
                    toThreads.wait(timeout: 10_000_000) { finished.withLock { $0.contains(slot) } }
                }
            }
            _ = table.settle(slot)
        }
    }
}
