import CPatchbaySystem
import Glibc
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Synchronization

/// Where events come from: runs on a thread of its own until its input ends or it is told to stop.
protocol EventSource: AnyObject, Sendable {
    var name: String { get }
    /// Takes events in; returns at the end of the input, after `stop`, or with the error that ended it.
    func run(_ lane: SourceLane) throws(SourceError)
    /// Ends waits for input. [any thread]
    func stop()
    /// How much of the input has been read; `nil` where nobody knows its size. [any thread]
    var extent: InputExtent? { get }
}

extension EventSource {
    var extent: InputExtent? { nil }
}

/// What a source is given to hand its events over.
struct SourceLane {
    var intake: Intake
    var port: IntakePort
    var number: Int
    var eventBytesMax: Int
    /// A line that was not accepted.
    var refused: (Intake.Refusal) -> Void
    /// What earlier runs took in; `nil` without a log that lasts.
    var past: PastEvents?
}

/// What the log knows of events that came in before. [the source's thread]
struct PastEvents {
    /// Unix nanoseconds from which on the log has events.
    var since: UInt64
    /// Whether an event of this source and id was accepted.
    var has: (_ source: String, _ id: String) throws(LogError) -> Bool
}

/// Why a source ended before its input did.
struct SourceError: Error, Sendable, CustomStringConvertible {
    var source: String
    var message: String
    var remedy: String

    var description: String { "source \(source): \(message); \(remedy)" }

    init(_ source: String, _ message: String, errno number: Int32, remedy: String) {
        self.init(source, "\(message): \(String(cString: strerror(number)))", remedy: remedy)
    }

    init(_ source: String, _ message: String, remedy: String) {
        self.source = source
        self.message = message
        self.remedy = remedy
    }
}

/// Wakes a source out of its wait for input.
final class StopFlag: Sendable {
    let event: Int32
    private let raised = Atomic<Bool>(false)

    /// Waits until it is raised, or for so many nanoseconds; whether it is raised.
    func wait(_ nanoseconds: UInt64) -> Bool {
        guard !isSet else { return true }
        var descriptor = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, Int32(clamping: nanoseconds / 1_000_000 + 1))
        return isSet
    }

    init() { event = pbs_event_new() }
    deinit { if event >= 0 { close(event) } }

    var isSet: Bool { raised.load(ordering: .acquiring) }

    func raise() {
        raised.store(true, ordering: .releasing)
        if event >= 0 { pbs_event_set(event) }
    }
}
