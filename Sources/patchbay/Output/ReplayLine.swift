import CPatchbaySystem
import PatchbayRuntime

/// One line on the terminal that says how far a replay is. One thread.
final class ReplayLine {
    private let line = LiveLine(after: 500, every: 250, elsewhere: .nothing)
    private let began = pbs_now()

    /// A few times a second; `share`, of the log's frames, is `nil` where the whole is not known. What is left is not
    /// guessed from it: a frame may have one event or thousands.
    func show(events: UInt64, share: Double?) {
        line.show {
            let elapsed = pbs_now() - began
            let rate = Double(events) * 1e9 / Double(max(1, elapsed))
            return (share.map { "\(LiveText.percent($0)) of the log, " } ?? "")
                + "\(events.grouped) events, \(UInt64(rate).grouped)/s, \(LiveText.time(elapsed))"
        }
    }

    func show(_ progress: ReplayProgress) { show(events: progress.counts.events, share: progress.share) }

    func end() { line.end() }
}
