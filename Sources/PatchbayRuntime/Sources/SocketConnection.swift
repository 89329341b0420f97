import CPatchbaySystem
import Glibc
import PatchbayDispatch
import PatchbayEvents

/// One client of a socket source: its lines so far, and what became of them. The source's thread.
final class SocketConnection {
    /// Why the host ends an exchange before its client does.
    enum End: String {
        /// The host shuts down.
        case draining
        /// It sent no line for long, and others waited.
        case silent
        /// There is no place for it.
        case busy
    }

    let file: Int32
    /// The answer is given, or there is nobody to give it to; the file is closed.
    private(set) var isDone = false
    /// When it sent its last line, or connected, in monotonic nanoseconds.
    private(set) var lastLine = pbs_now()
    private let feed: LineFeed
    private let lane: SourceLane
    private let totals: IntakeCounters
    private let errors = Errors()
    private var accepted: UInt64 = 0
    private var refused: UInt64 = 0
    private static let errorsMax = 20

    private final class Errors {
        var list: [Intake.Refusal] = []
    }

    init(file: Int32, lane: SourceLane, sequence: TraceSequence) {
        self.file = file
        self.lane = lane
        totals = lane.intake.counters
        let errors = errors
        // Lines are counted from each client's first.
        feed = LineFeed(
            intake: Intake(
                lane.intake.setup, name: totals.name, number: lane.number, counters: totals, sequence: sequence),
            port: lane.port, source: lane.number, envelope: nil, eventBytesMax: lane.eventBytesMax,
            report: { refusal in
                if errors.list.count < Self.errorsMax { errors.list.append(refusal) }
                lane.refused(refusal)
            })
    }

    deinit { if !isDone { close(file) } }

    /// One read, and the answer at the end of what the client sends.
    func serve() {
        let before = (totals.accepted.current, totals.refused.current, feed.lines)
        let count = feed.read(file, fills: false)
        if count == 0 { feed.finish() }
        accepted += totals.accepted.current - before.0
        refused += totals.refused.current - before.1
        if feed.lines > before.2 { lastLine = pbs_now() }
        if count <= 0 { finish(answers: count == 0, nil) }
    }

    /// Ends it between two lines: what was read after the last whole one is left out.
    func end(_ reason: End) { finish(answers: true, reason) }

    private func finish(answers: Bool, _ reason: End?) {
        if answers, lane.port.waitForAppend() { answer(reason) }
        close(file)
        isDone = true
    }

    private func answer(_ reason: End?) {
        var members: [(String, Value)] = [
            ("accepted", .uint(accepted)), ("refused", .uint(refused)),
            (
                "errors",
                .list(errors.list.map { .object([("line", .uint($0.line)), ("message", .string($0.message))]) })
            ),
        ]
        if let reason { members += [("lines", .uint(feed.lines)), ("end", .string(reason.rawValue))] }
        let line = Value.object(members).json + [0x0A]
        // It is all that is ever sent to a client, so there is room for it.
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        _ = line.withUnsafeBytes { send(file, $0.baseAddress, $0.count, flags) }
    }
}
