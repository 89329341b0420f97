import CPatchbay
import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import Synchronization

/// `builtin.exec`: a command per event, or a long-lived one that gets an event a line.
///
/// [its own threads, as many as it may have calls open]
final class ExecBuiltin: Sendable {
    struct Settings: Sendable {
        var command: [String] = []
        /// One command for many events: each is a line, answered by a line.
        var keepsRunning = false
        /// What exit statuses mean that mean something else usually.
        var exitCodes: [Int32: OutcomeKind] = [:]
        /// Lines on standard output are CloudEvents, which are emitted; else they are logged.
        var emits = false

        init(_ config: ConfigurationValue) {
            if case .list(let words)? = config["command"] {
                command = words.compactMap { if case .string(let word) = $0 { word } else { nil } }
            }
            keepsRunning = config["mode"] == .string("lines")
            emits = config["stdout"] == .string("emit")
            if case .map(let entries)? = config["exitCodes"] {
                for entry in entries {
                    if let code = Int32(entry.key), case .string(let name) = entry.value {
                        exitCodes[code] = CommandOutcome.names[name]
                    }
                }
            }
        }
    }

    private let name: String
    private let settings: Settings
    private let calls: CallTable
    private let limits: HostEnvironment.Limits
    private let logger: Logger
    /// Long-lived commands that no call has just now.
    private let idle = Mutex<[ChildProcess]>([])
    /// Between two looks at whether the call is cancelled.
    private static let pollMilliseconds: Int32 = 50
    /// How long a command that is to end is left before it is killed, in nanoseconds.
    private static let grace: UInt64 = 500_000_000
    private static let tooLong = "the command wrote a line of more than 16 MiB; it was ended"
    /// What tells a command of its call; the host's own are not handed on.
    private static let callVariables = [
        "PATCHBAY_ROUTE", "PATCHBAY_ATTEMPT", "PATCHBAY_IDEMPOTENCY_KEY", "TRACEPARENT",
    ]

    init(name: String, _ settings: Settings, environment: HostEnvironment) {
        self.name = name
        self.settings = settings
        calls = environment.calls
        limits = environment.limits
        logger = environment.logger
    }

    var handler: Handler { Handler(name: name, blocking: true) { call, event in self.handle(call, event.pointee) } }

    private func handle(_ call: patchbay_call, _ event: patchbay_event) -> patchbay_status {
        let outcome: CommandOutcome
        do throws(ExecError) {
            outcome = settings.keepsRunning ? try ask(call, event) : try run(call, event)
        } catch {
            outcome = CommandOutcome(.retry, ResultDetails(reason: error.description))
        }
        return calls.complete(call, outcome.kind, outcome.details)
    }

    // MARK: A command per event

    private func run(_ call: patchbay_call, _ event: patchbay_event) throws(ExecError) -> CommandOutcome {
        let child = try ChildProcess(settings.command, environment: Self.environment(of: event))
        child.write(Event(event).json + [0x0A], thenClose: true)
        while true {
            switch child.next(Self.pollMilliseconds) {
            case .output:
                // Bounded by the limits of what one call may emit, or cut into log lines.
                if let refused = takeLines(child, call, atEnd: false) { return refused }
                if child.isFull { return stop(child, Self.tooLong) }
            case .ended(let end):
                if let refused = takeLines(child, call, atEnd: true) { return refused }
                return CommandOutcome(end, codes: settings.exitCodes, reason: child.lastErrorLine)
            case .quiet: break
            }
            if calls.cancelReason(call) != 0 { return stop(child) }
        }
    }

    /// Takes whole lines of standard output; an outcome when one of them is no event.
    private func takeLines(_ child: ChildProcess, _ call: patchbay_call, atEnd: Bool) -> CommandOutcome? {
        let bytes = child.outputBytes
        let end = atEnd ? bytes.count : (bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0)
        guard end > 0 else { return nil }
        child.outputBytes = Array(bytes[end...])
        for line in bytes[..<end].split(separator: 0x0A) {
            guard settings.emits else {
                logger.info(
                    "\(String(decoding: line.prefix(2_048), as: UTF8.self))", metadata: ["handler": .string(name)])
                continue
            }
            do throws(CloudEventsError) {
                let event = try CloudEventsCodec(eventBytes: limits.eventBytes).event(Array(line))
                if EmitService.add(EmittedEvent(event: event, notBefore: 0), to: call, calls, limits) == false {
                    return CommandOutcome(.fail, ResultDetails(reason: "the command emits more than a call may"))
                }
            } catch {
                return CommandOutcome(
                    .fail, ResultDetails(reason: "the command wrote what is no event: \(error.message)"))
            }
        }
        return nil
    }

    // MARK: One command for many

    private func ask(_ call: patchbay_call, _ event: patchbay_event) throws(ExecError) -> CommandOutcome {
        let child: ChildProcess
        if let kept = idleChild() {
            child = kept
        } else {
            child = try ChildProcess(settings.command, environment: Self.environment)
        }
        child.write(Event(event).json + [0x0A], thenClose: false)
        while true {
            switch child.next(Self.pollMilliseconds) {
            case .output:
                guard let end = child.outputBytes.firstIndex(of: 0x0A) else {
                    if child.isFull { return stop(child, Self.tooLong) }
                    break
                }
                let line = child.outputBytes[..<end]
                let isInStep = child.outputBytes.count == end + 1
                child.outputBytes = []
                guard let outcome = CommandOutcome(answer: line) else { return CommandOutcome(wrongAnswer: line) }
                // A command that says more may answer one event with what it says of another: it is ended.
                if isInStep { idle.withLock { $0.append(child) } }
                return outcome
            case .ended(let end):
                var outcome = CommandOutcome(end, codes: [:], reason: child.lastErrorLine)
                outcome.kind = .retry
                outcome.details.sparesBreaker = false
                outcome.details.reason = "the command ended without an answer: \(outcome.details.reason)"
                return outcome
            case .quiet: break
            }
            if calls.cancelReason(call) != 0 { return stop(child) }
        }
    }

    /// One that waits for an event: still there, and silent since its last answer.
    private func idleChild() -> ChildProcess? {
        while let child = idle.withLock({ $0.popLast() }) {
            if case .quiet = child.next(0) { return child }
        }
        return nil
    }

    // MARK: Shared

    /// Asks the command to end, and ends it when it does not.
    private func stop(_ child: ChildProcess, _ reason: String? = nil) -> CommandOutcome {
        child.signal(SIGTERM)
        let until = pbs_now() + Self.grace
        while pbs_now() < until {
            if case .ended = child.next(Self.pollMilliseconds) { break }
        }
        // What is left of it is killed with its last reference.
        if let reason { return CommandOutcome(.retry, ResultDetails(reason: reason)) }
        return CommandOutcome(.cancelled, ResultDetails(reason: "the host cancelled the call; the command was ended"))
    }

    private static let environment: [(String, String)] = {
        var variables: [(String, String)] = []
        var place = environ
        while let text = place.pointee {
            let entry = String(cString: text)
            if let sign = entry.firstIndex(of: "="), !callVariables.contains(String(entry[..<sign])) {
                variables.append((String(entry[..<sign]), String(entry[entry.index(after: sign)...])))
            }
            place += 1
        }
        return variables
    }()

    private static func environment(of event: patchbay_event) -> [(String, String)] {
        let values = [
            String(event.route), String(event.attempt), String(event.idempotency_key), String(event.traceparent),
        ]
        return environment + zip(callVariables, values)
    }
}

extension Event {
    /// What a handler is shown.
    init(_ event: patchbay_event) {
        func text(_ text: patchbay_str) -> String? { text.len == 0 ? nil : String(text) }
        self.init(
            id: String(event.id), source: String(event.source), type: String(event.type), subject: text(event.subject),
            time: text(event.time), datacontenttype: text(event.datacontenttype), dataschema: text(event.dataschema))
        if let pairs = event.ext {
            extensions = UnsafeBufferPointer(start: pairs, count: Int(event.ext_count)).map {
                Event.Extension(String($0.key), String($0.value))
            }
        }
        if let bytes = event.data, event.data_len > 0 {
            data = Array(UnsafeBufferPointer(start: bytes, count: Int(event.data_len)))
            dataIsJSON = datacontenttype.map(Event.isJSON(contentType:)) ?? true
        }
    }
}
