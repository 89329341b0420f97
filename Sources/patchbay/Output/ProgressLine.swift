import CPatchbaySystem
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
        let line = LiveLine(after: 0, every: 0, elsewhere: .nothing)
        var progress = RunProgress()
        progress.look(at: host.progress, now: pbs_now())
        while true {
            bell.wait(spins: 0, timeout: 1_000_000_000) { isOver.load(ordering: .acquiring) }
            if isOver.load(ordering: .acquiring) { break }
            progress.look(at: host.progress, now: pbs_now())
            line.show { progress.text }
        }
        line.end()
    }
}

extension RunProgress {
    /// `41 %, 12,345 events, 1,100 settled (123/s), 11,245 pending, 3 dead, 0:12, about 0:17 left`.
    fileprivate var text: String {
        var parts = share.map { [LiveText.percent($0)] } ?? []
        parts.append("\(events.grouped) events")
        parts.append("\(settled.grouped) settled (\(UInt64(rate ?? 0).grouped)/s)")
        parts.append("\(pending.grouped) pending")
        if retries > 0 { parts.append("\(retries.grouped) retries") }
        parts.append("\(dead.grouped) dead")
        parts.append(LiveText.times(elapsed, remaining))
        return parts.joined(separator: ", ")
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
