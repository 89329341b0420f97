import Glibc

/// A value behind a pthread lock. The thread sanitizer sees these locks, unlike those of `Synchronization.Mutex`, whose
/// library is not instrumented: with a `Mutex` it would report races in the tests themselves.
final class Guarded<Value>: @unchecked Sendable {
    // Invariant: `value` is only touched with the lock held.
    private var value: Value
    private let lock: UnsafeMutablePointer<pthread_mutex_t>

    init(_ value: Value) {
        self.value = value
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body(&value)
    }
}
