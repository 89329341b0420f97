import CPatchbaySystem
import PatchbayRuntime

/// Says on standard error how far the reading of a log is, once it takes longer than a second.
final class LogReadingProgress {
    private let line = LiveLine(after: 1_000, every: 1_000, elsewhere: .lines)
    private let began = pbs_now()

    /// Cheap enough for every frame.
    func show(_ read: UInt64, of all: UInt64, doing what: String, unit: String = "frame") {
        line.show {
            let share = InputExtent(read: read, all: all).share
            let elapsed = pbs_now() - began
            let times = LiveText.times(elapsed, RunProgress.remaining(share: share, elapsed: elapsed))
            return "\(what) the log: \(LiveText.percent(share)), \(unit) \(read.grouped) of \(all.grouped), \(times)"
        }
    }

    /// Takes the line away.
    func end() { line.end() }
}
