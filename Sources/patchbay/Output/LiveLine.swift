import CPatchbaySystem
import Glibc
import PatchbayRuntime

/// A line on standard error that says how far something is: on a terminal written anew in its place, and taken away at
/// the end; elsewhere nothing, or a line every ten seconds. One thread.
final class LiveLine {
    enum Elsewhere { case nothing, lines }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isShownElsewhere: Bool
    private let interval: UInt64
    private var due: UInt64
    private var isThere = false

    /// - Parameters:
    ///   - patience: milliseconds before it is there for the first time: what is quick says nothing.
    ///   - interval: milliseconds between two on a terminal.
    init(after patience: UInt64, every interval: UInt64, elsewhere: Elsewhere) {
        isShownElsewhere = elsewhere == .lines
        self.interval = interval * 1_000_000
        due = pbs_now() + patience * 1_000_000
    }

    /// Whether anybody sees it.
    var isShown: Bool { isTerminal || isShownElsewhere }

    /// Cheap while it is not time for another one.
    func show(_ text: () -> String) {
        guard isShown, pbs_now() >= due else { return }
        due = pbs_now() + (isTerminal ? interval : 10_000_000_000)
        let line = text()
        Output.write(isTerminal ? "\(Self.clear)\(line.prefix(Self.width))" : "\(line)\n", to: STDERR_FILENO)
        isThere = isTerminal
    }

    func end() {
        if isThere { Output.write(Self.clear, to: STDERR_FILENO) }
        isThere = false
    }

    private static let clear = "\r\u{1B}[K"

    /// A line that wraps could not be taken away.
    private static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 79 }
        return Int(size.ws_col) - 1
    }
}

/// The parts of such lines.
enum LiveText {
    /// `0:07`, `12:34`, `1:02:03`.
    static func time(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60)
        let rest = two(seconds % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(rest)" : "\(minutes):\(rest)"
    }

    /// `41 %`.
    static func percent(_ share: Double) -> String { "\(Int(min(1, max(0, share)) * 100)) %" }

    /// `0:12, about 0:17 left`.
    static func times(_ elapsed: UInt64, _ remaining: UInt64?) -> String {
        time(elapsed) + (remaining.map { ", about \(time($0)) left" } ?? "")
    }
}
