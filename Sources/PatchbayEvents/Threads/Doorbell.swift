import CPatchbaySystem
import Synchronization

/// Wakes the one thread that consumes from a set of rings.
///
/// The consumer looks for work, spins briefly, then parks; a producer publishes and rings. Ringing an awake consumer
/// costs a fence and a load. [any thread rings, one thread waits]
package final class Doorbell: Sendable {
    // Invariant: allocated once, touched only through atomics and the futex, which needs its address.
    private nonisolated(unsafe) let word: UnsafeMutablePointer<Atomic<UInt32>>

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: Atomic(0))
    }

    deinit { word.deallocate() }

    /// Wakes the consumer if it is parked. Call after the work is visible.
    package func ring() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard word.pointee.load(ordering: .relaxed) == 1 else { return }
        if word.pointee.exchange(0, ordering: .sequentiallyConsistent) == 1 { pbs_futex_wake(word, 1) }
    }

    /// Returns when `hasWork` says so, when rung, or after `timeout` nanoseconds (0: no limit).
    ///
    /// Spins about `spins` pauses first: a wake-up across cores costs more than the spin.
    package func wait(spins: Int = 200, timeout: UInt64, hasWork: () -> Bool) {
        for _ in 0..<spins {
            if hasWork() { return }
            pbs_pause()
        }
        word.pointee.store(1, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if !hasWork() { pbs_futex_wait(word, 1, timeout) }
        word.pointee.store(0, ordering: .sequentiallyConsistent)
    }
}
