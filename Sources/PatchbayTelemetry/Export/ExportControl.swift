import Synchronization

/// How long an exporter may go on: forever while the host runs, until the deadline once it shuts down.
package final class ExportControl: Sendable {
    private let deadline = Atomic<UInt64>(.max)
    let doorbell = Doorbell()

    package init() {}

    /// Monotonic nanoseconds; `UInt64.max` while the host runs. Any thread.
    package var deadlineNanoseconds: UInt64 { deadline.load(ordering: .relaxed) }

    /// Whether the host shuts down.
    package var isEnding: Bool { deadlineNanoseconds != .max }

    package var isExpired: Bool { TelemetryClock.monotonicNow() >= deadlineNanoseconds }

    /// Sets the deadline and wakes whoever sleeps. Any thread.
    package func end(by deadlineNanoseconds: UInt64) {
        deadline.store(deadlineNanoseconds, ordering: .releasing)
        doorbell.ring()
    }

    /// Sleeps until `time`, monotonic nanoseconds, or until the deadline if that is sooner; a shutdown that begins
    /// meanwhile ends the sleep, too. The pipeline's thread.
    ///
    /// - Returns: false when the deadline came first.
    func sleep(until time: UInt64) -> Bool {
        let wasEnding = isEnding
        while true {
            let deadline = deadlineNanoseconds
            let now = TelemetryClock.monotonicNow()
            if now >= deadline { return false }
            if now >= time || (!wasEnding && isEnding) { return true }
            doorbell.wait(until: min(time, deadline))
        }
    }
}
