import CPatchbaySystem
import PatchbayEvents

/// The time that the dispatcher lives in, and how it waits there: the system's, or a simulation's.
protocol LoopClock {
    /// Monotonic nanoseconds above 0.
    var now: UInt64 { get }
    /// Unix nanoseconds.
    var unixNow: UInt64 { get }

    /// Returns when `hasWork` says so, or after `timeout` nanoseconds.
    func wait(timeout: UInt64, hasWork: () -> Bool)
}

/// That of the dispatcher's thread, which others wake.
struct SystemClock: LoopClock {
    let doorbell: Doorbell

    var now: UInt64 { pbs_now() }
    var unixNow: UInt64 { pbs_unix_now() }
    func wait(timeout: UInt64, hasWork: () -> Bool) { doorbell.wait(timeout: timeout, hasWork: hasWork) }
}
