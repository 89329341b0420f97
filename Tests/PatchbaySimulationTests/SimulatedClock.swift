@testable import PatchbayDispatch

/// A simulation's time: it stands still until the simulation moves it.
final class SimulatedClock: LoopClock {
    struct Time {
        /// Monotonic nanoseconds; each process has a beginning of its own.
        var now: UInt64 = 1
        var unixNow: UInt64 = 1
    }

    var time: Time
    /// Lets the world go on while the dispatcher waits, up to a time.
    var pass: (_ until: UInt64, _ hasWork: () -> Bool) -> Void = { _, _ in }

    init(_ time: Time) { self.time = time }

    var now: UInt64 { time.now }
    var unixNow: UInt64 { time.unixNow }
    func wait(timeout: UInt64, hasWork: () -> Bool) { pass(time.now + timeout, hasWork) }
}
