import CPatchbay
import CPatchbaySystem
import PatchbayEvents
import PatchbayModules
import Synchronization

/// Watches the one call of a rerun, which the recording answers.
final class RerunWatch: CallWatch, TapeSink {
    private let answers: RecordedAnswers
    private let stops: Bool
    private let redact: @Sendable (String) -> String
    private let say: @Sendable (RerunLine) -> Void
    private let isOver = Atomic<Bool>(false)
    /// Rung when the call is over, or `handle` has returned.
    let bell = Doorbell()

    /// - Parameter stops: a debugger is to stop right before the handler's code.
    /// - Parameter redact: takes out what the recording withholds, too.
    init(
        _ answers: RecordedAnswers, stops: Bool, redact: @escaping @Sendable (String) -> String,
        say: @escaping @Sendable (RerunLine) -> Void
    ) {
        self.answers = answers
        self.stops = stops
        self.redact = redact
        self.say = say
    }

    var hasEnded: Bool { isOver.load(ordering: .acquiring) }

    func watches(_ handler: String) -> Bool { true }
    var isWatching: Bool { true }

    func begin(
        _ subject: CallSubject, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> CallTape? { CallTape(to: self, answers: answers, redact: redact) }

    func run(
        _ handler: Handler, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> patchbay_status {
        guard stops else { return handler.handle(handler.instance, call, event) }
        let handle = unsafeBitCast(
            handler.handle,
            to: (@convention(c) (UnsafeMutableRawPointer?, UInt64, UnsafeRawPointer?) -> Int32).self)
        return pbs_call_stopped(handle, UnsafeMutableRawPointer(handler.instance), call, event)
    }

    func write(_ entry: Value) { say(.entry(entry)) }

    func end(_ outcome: Value, _ kind: OutcomeKind) {
        say(.outcome(outcome))
        isOver.store(true, ordering: .releasing)
        bell.ring()
    }
}
