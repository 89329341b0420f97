/// Spreads work over time: so many a second, in small steps. A value; time comes in.
package struct Pace: Sendable {
    /// A second; `nil` is as fast as it goes.
    private let rate: Double?
    private let stepMax: Int
    /// Monotonic nanoseconds when the next step may start.
    private var due: UInt64 = 0
    /// Steps a second, so that progress is smooth and little is done at once.
    private static let steps = 10.0

    /// `stepMax` bounds each step.
    package init(rate: Double?, stepMax: Int) {
        self.rate = rate
        self.stepMax = max(1, stepMax)
    }

    /// How much the next step may do, from 1 on.
    package var step: Int {
        guard let rate else { return stepMax }
        return max(1, Int(min(Double(stepMax), rate / Self.steps)))
    }

    /// Nanoseconds until the next step may start.
    package func wait(now: UInt64) -> UInt64 { due > now ? due - now : 0 }

    /// A step did so much; what was missed while it took long is not made up for.
    package mutating func did(_ count: Int, now: UInt64) {
        guard let rate, count > 0 else { return }
        due = max(due, now) &+ UInt64(min(Double(count) / rate * 1e9, 1e15))
    }
}
