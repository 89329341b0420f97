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
    /// - Parameter calls: of each thread.
    /// - Returns: false when not all have ended after `patience` nanoseconds; those threads are left where they are.
    package func run(_ batches: [EventBatch], calls: Int, patience: UInt64) throws(ThreadError) -> Bool {
        running.store(batches.count, ordering: .relaxed)
        var threads: [OwnThread] = []
        for (index, batch) in batches.enumerated() {
            threads.append(try OwnThread("pb-crowd-\(index)") { [self] in perform(index, batch, calls) })
        }
        let deadline = pbs_now() + patience
        while running.load(ordering: .acquiring) > 0, pbs_now() < deadline {
            completed.wait(timeout: 10_000_000) { table.hasForeign }
            collect()
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
        for _ in 0..<calls {
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
