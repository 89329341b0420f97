import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import PatchbayTelemetry
import Synchronization

/// What the dispatcher and the sources have to say, as log lines: bounded per second, with traces' ids.
final class HostLog: Sendable {
    private struct State {
        var second: UInt64 = 0
        var lines = 0
        var suppressed: UInt64 = 0
    }

    private let logger: Logger
    private let lanes: [String]
    private let routes: [String]
    private let state = Mutex(State())
    /// Lines about single events that are written in one second at most.
    private static let linesPerSecondMax = 100

    init(logger: Logger, lanes: [String], routes: [String]) {
        self.logger = logger
        self.lanes = lanes
        self.routes = routes
    }

    func notice(_ notice: DispatchEffects.Notice) {
        switch notice {
        case .breaker(let name, let transition):
            let counts = transition.counts
            let metadata: Logger.Metadata = [
                "requests": "\(counts.requests)", "failures": "\(counts.failures)", "slow": "\(counts.slow)",
            ]
            if transition.to == .open {
                let seconds = Double(transition.openUntil - transition.at) / 1e9
                logger.warning("circuit breaker \(name) opens for \(seconds) s", metadata: metadata)
            } else {
                logger.notice("circuit breaker \(name) closes", metadata: metadata)
            }
        case .breakerProbes(let name): logger.notice("circuit breaker \(name) is half-open: probes pass")
        case .laneHalted(let lane, let reason):
            logger.error(
                "lane \(lanes[lane]) has stopped: a delivery failed for good and its route says onFailure: halt",
                metadata: ["reason": "\(reason)"])
        case .laneQuarantined(let lane, let owed):
            logger.error("lane \(lanes[lane]) is quarantined: its handler owes the completion of \(owed) calls")
        case .callClosed(let lane):
            line(.warning, "a call of \(lanes[lane]) did not end after its deadline; the host gave up on it", [:])
        case .notPrompt(let lane, let nanoseconds):
            logger.warning(
                "handler of lane \(lanes[lane]) promises to return promptly (blocking: false) and has been in a call for \(nanoseconds / 1_000_000) ms: it gets threads of its own"
            )
        case .noThread(let message): logger.error("\(message)")
        case .drift(let drift): logger.critical("deliveries are unaccounted for: \(drift)")
        }
    }

    func attempt(_ report: AttemptReport) {
        var metadata = Logger.Metadata(context: report.trace, eventID: report.eventID)
        metadata["handler"] = .string(lanes[report.lane])
        metadata["route"] = .string(routes[report.route])
        metadata["attempt"] = .stringConvertible(report.attempt)
        if !report.reason.isEmpty { metadata["reason"] = .string(report.reason) }
        switch report.verdict {
        case .retries:
            metadata["retry_in_ms"] = .stringConvertible(report.retryDelay / 1_000_000)
            line(.info, "attempt failed, will be repeated", metadata)
        case .dies: line(.warning, "delivery is dead", metadata)
        case .goesBack: line(.debug, "attempt was not charged", metadata)
        case .finished, .halts: line(.debug, "attempt ended: \(report.outcome.name)", metadata)
        }
    }

    func refusal(_ source: String, _ line: UInt64, _ message: String) {
        self.line(.warning, "\(source):\(line): refused: \(message)", [:])
    }

    /// One line about one event, unless this second has had enough of them.
    private func line(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard logger.logLevel <= level else { return }
        let second = pbs_now_coarse() / 1_000_000_000
        let (writes, suppressed) = state.withLock { state -> (Bool, UInt64) in
            var before: UInt64 = 0
            if state.second != second {
                before = state.suppressed
                state = State(second: second)
            }
            state.lines += 1
            if state.lines > Self.linesPerSecondMax {
                state.suppressed += 1
                return (false, before)
            }
            return (true, before)
        }
        if suppressed > 0 { logger.notice("\(suppressed) more lines about single events were left out") }
        if writes { logger.log(level: level, message, metadata: metadata) }
    }
}
