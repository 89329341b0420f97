import CPatchbaySystem
import Glibc

/// Says on standard error how far the reading of a log is, once it takes longer than a second.
final class LogReadingProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var next: UInt64
    private var isShown = false

    init() { next = pbs_now() + 1_000_000_000 }

    /// Cheap enough for every frame.
    func show(_ read: UInt64, of all: UInt64, doing what: String) {
        let now = pbs_now()
        guard now >= next else { return }
        // A terminal's line is written anew; a file gets fewer lines.
        next = now + (isTerminal ? 1_000_000_000 : 10_000_000_000)
        let text = "\(what) the log: frame \(read.grouped) of \(all.grouped)"
        Output.write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n", to: STDERR_FILENO)
        isShown = true
    }

    /// Takes the line away.
    func end() {
        if isShown, isTerminal { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}
