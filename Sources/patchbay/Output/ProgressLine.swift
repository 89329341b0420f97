import Glibc
import PatchbayDispatch
import PatchbayEvents
import PatchbayRuntime
import Synchronization

/// One line on the terminal that says how far a long run is, written anew every second.
final class ProgressLine: Sendable {
    private let host: Host
    private let isOver = Atomic<Bool>(false)
    private let bell = Doorbell()
    private let thread = Mutex<OwnThread?>(nil)

    /// `nil` when there is no thread for it; the run goes on without.
    init?(_ host: Host) {
        self.host = host
        do {
            let started = try OwnThread("pb-progress") { self.run() }
            thread.withLock { $0 = started }
        } catch {
            return nil
        }
    }

    func end() {
        isOver.store(true, ordering: .releasing)
        bell.ring()
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        var last: UInt64 = 0
        var shown = false
        while true {
            bell.wait(spins: 0, timeout: 1_000_000_000) { isOver.load(ordering: .acquiring) }
            if isOver.load(ordering: .acquiring) { break }
            let report = host.progress
            let counts = report.status.counts
            let text =
                "\r\u{1B}[K\(report.accepted.grouped) events "
                + "(\((report.accepted - min(last, report.accepted)).grouped)/s), "
                + "\(counts.done.grouped) done, \(counts.pending.grouped) pending, \(counts.retries.grouped) retries, "
                + "\(report.dead.grouped) dead"
            Output.write(text, to: STDERR_FILENO)
            last = report.accepted
            shown = true
        }
        if shown { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }
}

extension UInt64 {
    /// `1,234,567`.
    var grouped: String {
        var text = ""
        for (index, digit) in String(self).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
