import CPatchbaySystem
import Synchronization

/// Lets threads wait for something that other threads bring about. [any thread]
final class Gate: Sendable {
    // Invariant: allocated once; touched only through atomics and the futex, which needs the address.
    private nonisolated(unsafe) let word: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        word = .allocate(capacity: 1)
        word.initialize(to: Atomic(0))
    }

    deinit { word.deallocate() }

    /// Has everybody look again. Call after the change is visible.
    func notify() {
        word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        pbs_futex_wake(word, .max)
    }

    /// Waits until `look` gives something, at most until `deadline` (monotonic nanoseconds; 0 is no limit).
    func wait<R>(until deadline: UInt64 = 0, _ look: () -> R?) -> R? {
        while true {
            let seen = word.pointee.load(ordering: .sequentiallyConsistent)
            if let found = look() { return found }
            let now = deadline == 0 ? 0 : pbs_now()
            guard deadline == 0 || now < deadline else { return nil }
            pbs_futex_wait(word, seen, deadline == 0 ? 0 : deadline - now)
        }
    }
}
