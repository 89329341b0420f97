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
        intake = Intake(setup, name: "handlers", number: number, counters: counters, sequence: sequence)
        self.logger = logger
    }

    func batches(of events: [Reentry]) -> [EventBatch] {
        var batches: [EventBatch] = []
        var lines: [UInt8] = []
        for (index, reentry) in events.enumerated() {
            lines += reentry.event.json + [0x0A]
            // Those of one way in a row come in together.
            if index + 1 < events.count {
                let next = events[index + 1]
                guard next.lane != reentry.lane || next.keyHash != reentry.keyHash else { continue }
            }
            take(lines, reentry, into: &batches)
            lines = []
        }
        return batches
    }

    /// `reentry` is one of those whose lines these are.
    private func take(_ text: [UInt8], _ reentry: Reentry, into batches: inout [EventBatch]) {
        let isSubscribed = reentry.keyHash != 0
        let given = reentry.lane.map { lane in
            // Right behind that of timers stands the route of subscriptions.
            GivenDeliveries.one(
                lane: UInt16(lane), route: isSubscribed ? timerRoute + 1 : timerRoute, keyHash: reentry.keyHash)
        }
        let intake = isSubscribed ? streamIntake : intake
        var rest = text[...]
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
                logger.error("an event that a handler emitted is refused: \(refusal.message)")
            }
            rest = rest.dropFirst(consumed)
            batches.append(batch)
        }
    }

    /// What the handlers of a replay emit has the ids of what they emitted before, and is no duplicate of it.
    private func keepReplays(in batch: EventBatch) {
        guard !batch.marks.isEmpty else { return }
        let view = BatchView(batch)
        batch.marks.removeAll { ReplayMark.isOn(view.extensions(of: view.events[Int($0.event)])) }
    }
}
