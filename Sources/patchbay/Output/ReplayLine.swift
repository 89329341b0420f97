import CPatchbaySystem
import Glibc
import PatchbayRuntime

/// One line on the terminal that says how far a replay is. One thread.
final class ReplayLine {
    private let isShown = isatty(STDERR_FILENO) == 1
    private var due: UInt64 = pbs_now() + 500_000_000
    private var hasShown = false

    /// A few times a second.
    func show(_ progress: ReplayProgress) {
        guard isShown, pbs_now() >= due else { return }
        due = pbs_now() + 250_000_000
        hasShown = true
        Output.write(
            "\r\u{1B}[K\(Int(progress.share * 100)) % of the log, \(progress.counts.events.grouped) events",
            to: STDERR_FILENO)
    }

    func end() {
        if hasShown { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}
