import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// The threads that run handlers: one shared pool for handlers that return promptly, one pool per lane for others.
///
/// A pool starts with one thread and grows only while calls wait and its threads are stuck in handlers.
final class WorkerPool: Sendable {
    let ring: WorkRing
    let threadsMax: Int
    let name: String
    private let shared: WorkerShared
    private let bell = PoolBell()
    private let workers = Mutex<[Worker]>([])
    private let stopping = Atomic<Bool>(false)
    private let hasThreads: Bool

    init(name: String, ringCapacity: Int, threadsMax: Int, shared: WorkerShared, hasThreads: Bool = true) {
        self.hasThreads = hasThreads
        self.name = name
        self.threadsMax = max(1, threadsMax)
        self.shared = shared
        ring = WorkRing(capacity: ringCapacity)
    }

    /// Where posted calls wait for the dispatcher, one list a worker.
    var outboxes: [Outbox] { workers.withLock { $0.map(\.outbox) } }
    /// The calls that its threads are in: indices, for sweeps.
    var running: [Int] {
        workers.withLock {
            $0.compactMap { worker in
                let current = worker.current.load(ordering: .acquiring)
                return current == 0 ? nil : Int(current) - 1
            }
        }
    }
    var threadCount: Int { workers.withLock { $0.count } }

    /// Adds a thread, up to the bound and beyond it only when `anyway`. False when there is none to add.
    func grow(anyway: Bool = false) throws(ThreadError) -> Bool {
        let count = threadCount
        guard count < threadsMax || anyway else { return false }
        let worker = Worker(shared: shared)
        workers.withLock { $0.append(worker) }
        if hasThreads { try worker.start("pb-\(name)-\(count)", in: self) }
        return true
    }

    /// Runs the next call on the caller's thread; false when none waits. Of a pool without threads.
    func runNext() -> Bool {
        guard let call = ring.take(), let worker = workers.withLock({ $0.first }) else { return false }
        _ = worker.run(call)
        return true
    }

    /// Wakes a worker for what was pushed.
    func ring(pushed: Int) { bell.wake(pushed) }

    /// The next call, waiting for one; `nil` when the pool ends.
    func next() -> UInt32? {
        while true {
            // First, so that a stop does not wait for all that is queued.
            if stopping.load(ordering: .acquiring) { return nil }
            if let call = ring.take() { return call }
            bell.wait { !ring.isEmpty || stopping.load(ordering: .acquiring) }
        }
    }

    /// Ends threads that are idle; one that is stuck in a handler is left to the end of the process.
    func stop(stuck: Bool) {
        stopping.store(true, ordering: .releasing)
        bell.wake(.max)
        for worker in workers.withLock({ $0 }) { worker.end(stuck: stuck) }
    }
}

/// Parks any number of workers; a push wakes as many as it has work for.
final class PoolBell: Sendable {
    // Invariant: allocated once; touched only through atomics and the futex, which needs the address.
    private nonisolated(unsafe) let word: UnsafeMutablePointer<Atomic<UInt32>>
    private let parked = Atomic<Int>(0)

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: Atomic(0))
    }

    deinit { word.deallocate() }

    func wake(_ count: Int) {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard parked.load(ordering: .relaxed) > 0 else { return }
        word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        pbs_futex_wake(word, Int32(clamping: count))
    }

    func wait(spins: Int = 200, hasWork: () -> Bool) {
        for _ in 0..<spins {
            if hasWork() { return }
            pbs_pause()
        }
        let seen = word.pointee.load(ordering: .sequentiallyConsistent)
        parked.wrappingAdd(1, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if !hasWork() { pbs_futex_wait(word, seen, 0) }
        parked.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    }
}

/// A list of posted calls, latest first, linked by `CallTable.next`; one worker pushes, the dispatcher takes all.
final class Outbox: Sendable {
    private let before = PaddedCounter()
    private let head = Atomic<UInt32>(0)
    private let after = PaddedCounter()

    var isEmpty: Bool { head.load(ordering: .relaxed) == 0 }

    func push(_ index: Int, _ table: CallTable) {
        var first = head.load(ordering: .relaxed)
        while true {
            table.next[index] = first
            let result = head.weakCompareExchange(
                expected: first, desired: UInt32(index + 1), successOrdering: .releasing, failureOrdering: .relaxed)
            if result.exchanged { return }
            first = result.original
        }
    }

    func takeAll() -> UInt32 { head.load(ordering: .relaxed) == 0 ? 0 : head.exchange(0, ordering: .acquiring) }
}
