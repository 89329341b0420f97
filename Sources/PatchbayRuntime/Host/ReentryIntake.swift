import CPatchbayJSON
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting

/// Takes in what handlers emit and what timers bring, on the dispatcher's thread.
final class ReentryIntake: @unchecked Sendable {
    // Invariant: only the dispatcher's thread calls it, after it was made.
    private let intake: Intake
    private let timerRoute: UInt16
    private let logger: Logger

    init(_ setup: Intake.Setup, number: Int, counters: IntakeCounters, logger: Logger) {
        var setup = setup
        setup.isReentry = true
        setup.continuesTrace = true
        // What a handler emits was measured when it did; as JSON, with its attributes, it is longer.
        setup.limits.event_bytes = UInt32(clamping: (UInt64(setup.limits.event_bytes) + 16_384) * 6)
        timerRoute = UInt16(setup.table.routes.count)
        intake = Intake(setup, name: "handlers", number: number, counters: counters)
        self.logger = logger
    }

    func batches(of events: [Reentry]) -> [EventBatch] {
        var batches: [EventBatch] = []
        var lines: [UInt8] = []
        for (index, reentry) in events.enumerated() {
            lines += reentry.event.json + [0x0A]
            // Those of one way in a row come in together.
            guard index + 1 == events.count || events[index + 1].lane != reentry.lane else { continue }
            take(lines, reentry.lane.map { .one(lane: UInt16($0), route: timerRoute) }, into: &batches)
            lines = []
        }
        return batches
    }

    private func take(_ text: [UInt8], _ given: GivenDeliveries?, into batches: inout [EventBatch]) {
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
