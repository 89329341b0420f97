import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import PatchbayTelemetry
import Synchronization

/// A handler that is tried with events of a route and compared with the one that got them. It has an own instance, call
/// table and thread: what it asks for is looked at and dropped, and the host's calls never wait for it.
final class Shadow: ShadowSink {
    private struct State {
        var queue = ShadowQueue()
        var isEnding = false
        var isOver = false
        var ended: String?

        /// The call under way has ended; whether it still counts.
        mutating func finished(isStuck: Bool, late: Int) -> Bool {
            guard !isOver else { return false }
            queue.finished()
            if isStuck {
                ended = "hang"
            } else if late >= TrialCalls.lateMax {
                ended = "late"
            }
            if ended != nil { queue.close() }
            return true
        }
    }

    /// Whose it is, and which events it gets.
    struct Place: Sendable {
        var shadow: Configuration.Shadow
        var beside: String
        var route: String
        /// Nanoseconds for a call; 0 is no limit.
        var timeout: UInt64
        var transform: RouteTransform?
    }

    /// Nanoseconds in which a worker that hangs is killed, so that its call returns.
    private static let returnPatience: UInt64 = 2_000_000_000

    private let place: Place
    private let version: String
    private let handlers: HandlerSet
    private let before: ShadowView
    private let logger: Logger
    /// Held for a moment at a time, since the dispatcher asks for it.
    private let state = Mutex(State())
    private let comparison = Mutex(Comparison(keptMax: ShadowReport.keptMax))
    /// Rung when there is work, and when it is over.
    private let toThread = Doorbell()
    private let toHost = Doorbell()
    private let thread = Mutex<OwnThread?>(nil)
    private let trial: HandlerTrial
    /// Calls that never ended.
    private let openCalls = Atomic<Int>(0)

    /// Loads its module and makes the handler.
    ///
    /// - Parameters:
    ///   - environment: the host's; the handler sees what its stores hold, and changes nothing there.
    ///   - before: what `place.transform` and the handler see of the state.
    init(
        _ preparation: Preparation, _ place: Place, environment host: HostEnvironment, before: ShadowView,
        logger: Logger
    ) throws(HostError) {
        self.place = place
        self.before = before
        let completed = Doorbell()
        let calls = CallTable(capacity: TrialCalls.lateMax + 2, doorbell: completed)
        var logger = logger
        logger[metadataKey: "shadow"] = .string("beside \(place.beside)")
        self.logger = logger
        var environment = host
        environment.calls = calls
        environment.logger = logger
        environment.spans = HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1)))
        environment.metrics = MetricsRegistry()
        environment.shadow = before
        let name = place.shadow.handler.name
        handlers = try HandlerSet(
            preparation, handlers: [name], environment: environment, inPlaceOf: HandlerScope(name: place.beside),
            logger: logger)
        guard let handler = handlers.byName[name] else { throw HostError("no module provides the handler '\(name)'") }
        version = handler.version
        do {
            trial = try HandlerTrial(
                handler, table: calls, completed: completed, route: place.route, name: place.beside)
        } catch {
            throw HostError("\(error)")
        }
    }

    /// From here on it takes calls.
    func start(_ number: Int) throws(ThreadError) {
        let started = try OwnThread("pb-shadow-\(number)") { [self] in run() }
        thread.withLock { $0 = started }
    }

    // MARK: The dispatcher

    func takes() -> Bool { state.withLock { $0.queue.expect() } }

    func add(_ call: ShadowedCall) {
        state.withLock { $0.queue.add(call) }
        toThread.ring()
    }

    // MARK: The host

    var report: ShadowReport {
        let comparison = comparison.withLock { $0 }
        return state.withLock { state in
            ShadowReport(
                route: place.route, handler: place.shadow.handler.name, version: version, beside: place.beside,
                sample: place.shadow.sampleText, sampled: state.queue.sampled, dropped: state.queue.dropped,
                waiting: state.queue.sampled - state.queue.dropped - UInt64(comparison.events), comparison: comparison,
                ended: state.ended)
        }
    }

    /// Nothing more comes: what waits is tried until `deadline` (monotonic nanoseconds), the rest is dropped. How its
    /// handler misbehaved.
    func end(by deadline: UInt64) -> [RunReport.Misbehaviour] {
        state.withLock { $0.isEnding = true }
        toThread.ring()
        let thread = thread.withLock { $0.take() }
        if thread == nil { state.withLock { $0.isOver = true } }
        while !isOver, pbs_now() < deadline {
            toHost.wait(timeout: max(1, deadline &- min(deadline, pbs_now()))) { isOver }
        }
        let isInCall = state.withLock { state in
            state.queue.close()
            guard !state.isOver else { return false }
            // Of the call that is under way nobody waits for the end.
            state.queue.abandon()
            state.isOver = true
            return true
        }
        if isInCall {
            logger.warning("\(place.shadow.handler.name) was still in a call at the end of the run")
            thread?.detach()
        } else {
            thread?.join()
        }
        return handlers.end(openCalls: isInCall ? 1 : openCalls.load(ordering: .acquiring))
    }

    private var isOver: Bool { state.withLock { $0.isOver } }

    // MARK: Thread

    private func run() {
        let calls = TrialCalls(trial, patience: Self.returnPatience)
        let decoder = StoredDecoder()
        var batch = EventBatch(source: -1, textCapacity: 1 << 12)
        while let call = next() {
            guard let (present, candidate) = compare(call, calls, decoder, batch) else { continue }
            if calls.isLate { batch = EventBatch(source: -1, textCapacity: 1 << 12) }
            openCalls.store(calls.lateCount, ordering: .releasing)
            // Given up by now, it is one of those that were dropped.
            guard state.withLock({ $0.finished(isStuck: calls.isStuck, late: calls.lateCount) }) else { break }
            comparison.withLock { $0.add(present, candidate) }
        }
        calls.end()
        let ended = state.withLock { state in
            state.isOver = true
            return state.ended
        }
        if let ended {
            logger.error("\(place.shadow.handler.name) is not tried any more: \(Self.reason(ended))")
        }
        toHost.ring()
    }

    private static func reason(_ ended: String) -> String {
        ended == "hang" ? "a call did not return" : "\(TrialCalls.lateMax) calls were never completed"
    }

    /// `nil` when nothing more is to be tried.
    private func next() -> ShadowedCall? {
        while true {
            let (call, isEnding) = state.withLock { ($0.queue.next(), $0.isEnding || $0.isOver || $0.ended != nil) }
            if let call { return call }
            if isEnding { return nil }
            toThread.wait(timeout: 0) { state.withLock { !$0.queue.isEmpty || $0.isEnding } }
        }
    }

    /// What both made of the event; `nil` for one that cannot be read any more.
    private func compare(
        _ call: ShadowedCall, _ calls: TrialCalls, _ decoder: StoredDecoder, _ batch: EventBatch
    ) -> (present: TrialRecord, candidate: TrialRecord)? {
        batch.reset()
        batch.growText(to: call.event.count + 1)
        call.event.withUnsafeBytes { StoredDecoder.append($0, to: batch) }
        do {
            try decoder.decode(batch, 1)
        } catch {
            state.withLock { $0.queue.abandon() }
            logger.error("an event was not tried: \(error)")
            return nil
        }
        before.show(call.stateBefore)
        let candidate = calls.record(batch, 0, place.transform, timeout: place.timeout)
        // Neither got an event that could not be transformed.
        let isUntransformed = candidate.outcome == TrialRecord.untransformed
        let present = TrialRecord(
            BatchView(batch).event(0), outcome: isUntransformed ? candidate.outcome : call.outcome,
            details: isUntransformed ? ResultDetails(reason: candidate.reason) : call.details, effects: call.effects,
            nanoseconds: call.nanoseconds)
        return (present, candidate)
    }
}
