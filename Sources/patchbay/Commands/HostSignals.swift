import CPatchbaySystem
import Glibc
import Logging
import PatchbayEvents
import PatchbayRuntime

/// SIGINT and SIGTERM while a host runs: the first drains, the second stops, a third ends the process. SIGHUP reloads.
enum HostSignals {
    /// Takes them from here on; `pbs_signals_block` has to come before any thread.
    static func take(for host: Host, _ logger: Logger) throws(ThreadError) {
        // Ends with the process.
        try OwnThread("pb-signals") {
            var signals = EndSignals()
            while true {
                let number = pbs_signal_wait()
                guard number != SIGHUP else {
                    host.reload(by: "SIGHUP")
                    continue
                }
                switch signals.step(now: pbs_now()) {
                case nil: continue
                case .drain:
                    let name = number == SIGINT ? "SIGINT" : "SIGTERM"
                    logger.notice("\(name): draining; once more stops at once")
                    host.drain()
                case .stop: host.stop()
                case .exit: _exit(1)
                }
            }
        }.detach()
    }
}
