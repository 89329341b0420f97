import CPatchbaySystem
import Glibc
import PatchbayRuntime

/// Says on standard error how far the reading of a log is, once it takes longer than a second.
final class ExplanationProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var next: UInt64
    private var isShown = false

    init() { next = pbs_now() + 1_000_000_000 }

    /// Cheap enough for every frame.
    func show(_ progress: StoredEvents.Progress, doing what: String) {
        let now = pbs_now()
        guard now >= next else { return }
        // A terminal's line is written anew; a file gets fewer lines.
        next = now + (isTerminal ? 1_000_000_000 : 10_000_000_000)
        let text = "\(what) the log: frame \(progress.read.grouped) of \(progress.all.grouped)"
        Output.write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n", to: STDERR_FILENO)
        isShown = true
    }

    /// Takes the line away.
    func end() {
        if isShown, isTerminal { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}
