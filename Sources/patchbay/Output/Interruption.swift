import CPatchbaySystem
import Glibc

/// Ctrl-C and SIGTERM while a command changes something: the first one ends it between two steps.
///
/// Make it before any thread. One thread.
final class Interruption {
    /// 128 and SIGINT's number, as shells have it.
    static let exitCode: Int32 = 130

    private(set) var isAsked = false

    init() { pbs_signals_block() }

    /// Waits for `nanoseconds`, or until a signal came; true when one has come by then.
    func wait(_ nanoseconds: UInt64) -> Bool {
        if !isAsked, pbs_signal_wait_for(nanoseconds) != 0 { isAsked = true }
        return isAsked
    }

    /// Whether a second signal came: nothing is waited for any more.
    func isPressing() -> Bool {
        let cameNow = pbs_signal_wait_for(0) != 0
        defer { isAsked = isAsked || cameNow }
        return isAsked && cameNow
    }
}
