import CPatchbay
import CPatchbayJSON
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting

/// Takes in what handlers emit, what timers bring, and what handlers have subscribed to, on the dispatcher's thread.
final class ReentryIntake: @unchecked Sendable {
    // Invariant: only the dispatcher's thread calls it, after it was made.
    private let intake: Intake
    /// For events of streams.
    private let streamIntake: Intake
    private let timerRoute: UInt16
    private let laneHandlers: [String]
    private let logger: Logger

    init(_ setup: Intake.Setup, number: Int, counters: IntakeCounters, logger: Logger) {
        var setup = setup
        setup.continuesTrace = true
        let sequence = TraceSequence()
        var stored = setup
        stored.limits = StoredDecoder.limits
        streamIntake = Intake(stored, name: "streams", number: number, counters: counters, sequence: sequence)
        setup.isReentry = true
        // What a handler emits was measured when it did; as JSON, with its attributes, it is longer.
        setup.limits.event_bytes = UInt32(clamping: (UInt64(setup.limits.event_bytes) + 16_384) * 6)
        timerRoute = UInt16(setup.table.routes.count)
        laneHandlers = setup.laneHandlers
        intake = Intake(setup, name: "handlers", number: number, counters: counters, sequence: sequence)
        self.logger = logger
    }

    func batches(of events: [Reentry]) -> [EventBatch] {
        var batches: [EventBatch] = []
        var lines: [UInt8] = []
        var first = 0
        for (index, reentry) in events.enumerated() {
            lines += reentry.event.json + [0x0A]
            // Those of one way in a row come in together.
            if index + 1 < events.count {
                let next = events[index + 1]
                guard next.lane != reentry.lane || next.keyHash != reentry.keyHash else { continue }
            }
            let refused = take(lines, reentry, into: &batches)
            if reentry.keyHash != 0 {
                for (line, reason) in refused { bury(events[first + line], reason, into: &batches) }
            }
            lines = []
            first = index + 1
        }
        return batches
    }

    /// Has an event that a handler follows and that is refused become a dead letter of that handler: it is its
    /// subscription's until then, and the subscription's place behind it is right. The event stays in its stream.
    private func bury(_ reentry: Reentry, _ reason: String, into batches: inout [EventBatch]) {
        let event = reentry.event
        let handler = reentry.lane.flatMap { $0 < laneHandlers.count ? laneHandlers[$0] : nil } ?? ""
        let told = [
            PATCHBAY_STREAM_NAME_ATTRIBUTE, PATCHBAY_STREAM_REVISION_ATTRIBUTE, PATCHBAY_SUBSCRIPTION_ATTRIBUTE,
        ]
        let place = event.extensions.filter { told.contains($0.name) }
        // Without what may be the reason; then without all that it has from elsewhere.
        let general = ("\(reentry.keyHash)", "/patchbay", "patchbay.refused")
        for ((id, source, type), attributes) in [
            ((event.id, event.source, event.type), place), (general, place), (general, []),
        ] {
            var stand = Event(id: id, source: source, type: type)
            stand.extensions = attributes
            stand = EmitLineage.refused(stand, for: handler, reason: "it cannot be taken in: \(reason)")
            let wanted = Reentry(event: stand, lane: laneHandlers.count, keyHash: reentry.keyHash)
            if take(stand.json + [0x0A], wanted, into: &batches).isEmpty { return }
        }
        preconditionFailure("what stands for a refused event is refused")
    }

    /// `reentry` is one of those whose lines these are. Which of them are refused, counted from 0, and why.
    private func take(
        _ text: [UInt8], _ reentry: Reentry, into batches: inout [EventBatch]
    ) -> [(line: Int, reason: String)] {
        let isSubscribed = reentry.keyHash != 0
        let given = reentry.lane.map { lane in
            // Right behind that of timers stands the route of subscriptions.
            GivenDeliveries.one(
                lane: UInt16(lane), route: isSubscribed ? timerRoute + 1 : timerRoute, keyHash: reentry.keyHash)
        }
        let intake = isSubscribed ? streamIntake : intake
        var rest = text[...]
        let before = intake.lines
        var refused: [(line: Int, reason: String)] = []
        while !rest.isEmpty {
            let batch = EventBatch(source: -1, textCapacity: rest.count)
            rest.withUnsafeBytes { bytes in
                bytes.withMemoryRebound(to: CChar.self) { source in
                    if let base = source.baseAddress { batch.text.update(from: base, count: source.count) }
                }
            }
            batch.textCount = rest.count
            let consumed = intake.take(batch, end: rest.count, given: given)
            keepReplays(in: batch)
            for refusal in intake.refusals {
                let what = isSubscribed ? "of a stream that a handler follows" : "that a handler emitted"
                logger.error("an event \(what) is refused: \(refusal.message)")
                refused.append((Int(refusal.line - before) - 1, refusal.message))
            }
            rest = rest.dropFirst(consumed)
            if batch.count > 0 { batches.append(batch) }
        }
        return refused
    }

    /// What the handlers of a replay emit has the ids of what they emitted before, and is no duplicate of it.
    private func keepReplays(in batch: EventBatch) {
        guard !batch.marks.isEmpty else { return }
        let view = BatchView(batch)
        batch.marks.removeAll { ReplayMark.isOn(view.extensions(of: view.events[Int($0.event)])) }
    }
}
