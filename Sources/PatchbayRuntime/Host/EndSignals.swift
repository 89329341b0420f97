/// What the signals mean that ask a run to end: the first one drains, the next stops, one more ends the process.
package struct EndSignals: Sendable {
    package enum Step: Sendable { case drain, stop, exit }

    private var taken = 0
    private var lastTaken: UInt64 = 0
    /// Nanoseconds in which signals are one: `timeout` sends its signal to the process, and once more to its group.
    private static let burst: UInt64 = 100_000_000

    package init() {}

    /// What to do at a signal; `nil` when it is one with the last. `now` is monotonic nanoseconds.
    package mutating func step(now: UInt64) -> Step? {
        guard taken == 0 || now >= lastTaken + Self.burst else { return nil }
        taken += 1
        lastTaken = now
        return switch taken {
        case 1: .drain
        case 2: .stop
        default: .exit
        }
    }
}
