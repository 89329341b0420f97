import CPatchbayJSON
import PatchbayEvents

/// Takes in the events that operators let come in again, with deliveries that are decided already. One thread.
final class OperatorIntake {
    private let intake: Intake
    private let counters: IntakeCounters
    private let source: Int

    /// - Parameters:
    ///   - number: tells traces of this way in from those of others.
    ///   - source: the port that gets the batches back; -1 is none.
    ///   - counters: of what comes in.
    init(_ setup: Intake.Setup, name: String, number: Int, source: Int = -1, counters: IntakeCounters) {
        var setup = setup
        // They were within their limits when they came in.
        setup.limits = pbj_limits(event_bytes: 1 << 30, nesting: 1 << 16)
        intake = Intake(setup, name: name, number: number, counters: counters)
        self.counters = counters
        self.source = source
    }

    /// Batches of events, each line one; `deliveries` has an entry for each.
    ///
    /// - Throws: what is wrong with an event.
    func batches(
        _ lines: [[UInt8]], _ deliveries: GivenDeliveries.DeliveryList, isMuted: Bool = false
    ) throws(IntakeRefusal) -> [EventBatch] {
        precondition(lines.count == deliveries.count, "each event has its deliveries")
        var text: [UInt8] = []
        text.reserveCapacity(lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines { text += line + [0x0A] }
        var batches: [EventBatch] = []
        var rest = text[...]
        var done = 0
        while !rest.isEmpty {
            let batch = EventBatch(source: source, textCapacity: rest.count)
            rest.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(start: batch.text, count: bytes.count).copyMemory(from: bytes)
            }
            batch.textCount = rest.count
            let before = intake.lines
            let consumed = intake.take(batch, end: rest.count, given: .listed(deliveries, from: done))
            if let refusal = intake.refusals.first { throw IntakeRefusal(message: refusal.message) }
            batch.isGiven = true
            batch.isMuted = isMuted
            done += Int(intake.lines - before)
            rest = rest.dropFirst(consumed)
            batches.append(batch)
        }
        return batches
    }
}

/// An event that was accepted before is refused now.
struct IntakeRefusal: Error {
    let message: String
}
