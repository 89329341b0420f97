import PatchbayLog
import Testing

/// What a ledger should say, kept as plainly as possible.
private struct LedgerModel {
    struct Pending {
        /// The frame of its event, or of its dead letter when it was redriven.
        var sequence: UInt64
        var letter: LetterID?
        var attempts: UInt32 = 0
        var due: UInt64 = 0
    }

    var pending: [DeliveryID: Pending] = [:]
    var letters: [LetterID: DeliveryID] = [:]
    var edits: [LetterID: UInt64] = [:]
    var counts = LedgerCounts()

    var oldestNeededSequence: UInt64? { (pending.values.map(\.sequence) + letters.keys.map(\.sequence)).min() }

    mutating func end(_ delivery: DeliveryID) {
        if let letter = pending.removeValue(forKey: delivery)?.letter { edits[letter] = nil }
    }
}

/// Writes random frames, and tells the model.
private struct LedgerStory {
    static let handlerCount = 7

    var random: TestRandom
    var log = LedgerLog()
    var model = LedgerModel()
    /// Deliveries that ended.
    var ended: [DeliveryID] = []
    /// How many events a section has at most.
    let eventsMax: Int

    init(seed: UInt64) {
        random = TestRandom(seed)
        eventsMax = [1, 3, 70, 512][random.below(4)]
    }

    mutating func names() -> [UInt8] {
        log.append(
            LedgerFrame(
                names: (0..<2).map { NameRecord(.route, $0, "route\($0)") }
                    + (0..<Self.handlerCount).map { NameRecord(.handler, UInt16($0), "handler\($0)") }))
    }

    mutating func next() -> [UInt8] {
        var frame = LedgerFrame()
        let sequence = log.sequence + 1
        if random.chance(60) {
            for _ in 0...random.below(2) { frame.events.append(section(after: frame.eventCount, sequence)) }
        }
        // Sometimes lanes keep up, sometimes they lag.
        let share = [5, 40, 90][random.below(3)]
        for delivery in sorted() where random.chance(share) { happen(to: delivery, &frame, sequence) }
        if random.chance(5) {
            let id = DeliveryID(position: random.chance(50) ? .max : 0, handler: DeadLetterRecord.noHandler)
            bury(id, &frame, sequence)
            model.counts.unmatched += 1
        }
        if random.chance(30) { operate(&frame, sequence) }
        return log.append(frame)
    }

    private func sorted() -> [DeliveryID] {
        model.pending.keys.sorted { ($0.position, $0.handler) < ($1.position, $1.handler) }
    }

    private mutating func section(after events: Int, _ sequence: UInt64) -> LedgerFrame.Section {
        var section = LedgerFrame.Section(eventCount: 1 + random.below(eventsMax))
        let chance = [3, 20, 100][random.below(3)]
        for event in 0..<section.eventCount {
            var isDelivered = false
            for handler in 0..<UInt16(Self.handlerCount) where random.chance(chance) {
                isDelivered = true
                section.deliveries.append(
                    LedgerFrame.Delivery(event: event, route: UInt16(random.below(2)), handler: handler))
                let id = DeliveryID(position: log.position + UInt64(events + event), handler: handler)
                model.pending[id] = LedgerModel.Pending(sequence: sequence)
                model.counts.created += 1
            }
            if !isDelivered { model.counts.eventsWithoutDeliveries += 1 }
        }
        model.counts.events += UInt64(section.eventCount)
        return section
    }

    private mutating func happen(to delivery: DeliveryID, _ frame: inout LedgerFrame, _ sequence: UInt64) {
        guard let known = model.pending[delivery] else { return }
        switch random.below(20) {
        case 0..<15:
            let isSkipped = random.chance(10)
            frame.outcomes.append(OutcomeRecord(delivery, isSkipped ? .skipped : .done, attempts: known.attempts + 1))
            if isSkipped { model.counts.skipped += 1 } else { model.counts.done += 1 }
            model.end(delivery)
            ended.append(delivery)
        case 15..<18:
            var record = failure(delivery, .retries, known.attempts + 1)
            record.due = random.next()
            if random.chance(10) { record.verdict = .halts }
            frame.failures.append(record)
            model.pending[delivery]?.attempts += 1
            model.pending[delivery]?.due = record.due
            if record.verdict == .halts { model.counts.halts += 1 } else { model.counts.retries += 1 }
        default:
            if random.chance(70) { frame.failures.append(failure(delivery, .dead, known.attempts + 1)) }
            model.end(delivery)
            model.counts.dead += 1
            bury(delivery, &frame, sequence)
        }
    }

    private mutating func failure(
        _ delivery: DeliveryID, _ verdict: FailureRecord.Verdict, _ attempts: UInt32
    ) -> FailureRecord {
        FailureRecord(
            delivery, verdict, attempts: attempts, endedAt: random.next(), failureClass: "transient",
            reason: "reason number \(random.below(200))")
    }

    private mutating func bury(_ delivery: DeliveryID, _ frame: inout LedgerFrame, _ sequence: UInt64) {
        model.letters[LetterID(sequence: sequence, index: UInt32(frame.deadLetters.count))] = delivery
        frame.deadLetters.append(DeadLetterRecord(delivery, diedAt: 1, event: [1, 2], history: []))
    }

    private mutating func operate(_ frame: inout LedgerFrame, _ sequence: UInt64) {
        for (id, delivery) in model.letters.sorted(by: { $0.key < $1.key }) where random.chance(50) {
            switch random.below(3) {
            case 0:
                frame.operations.append(OperationRecord(.edit, id, of: delivery, at: 5, by: "me", event: [3]))
                model.edits[id] = sequence
                model.counts.edited += 1
            case 1:
                frame.operations.append(OperationRecord(.purge, id, of: delivery, at: 5, by: "me"))
                model.letters[id] = nil
                model.edits[id] = nil
                model.counts.purged += 1
            default:
                let target = DeliveryID(
                    position: delivery.position, handler: UInt16(random.below(Self.handlerCount)))
                guard target.position < log.position, model.pending[target] == nil else { continue }
                frame.operations.append(
                    OperationRecord(.redrive, id, of: delivery, target: target.handler, at: 5, by: "me"))
                model.letters[id] = nil
                model.pending[target] = LedgerModel.Pending(sequence: id.sequence, letter: id)
                model.counts.redriven += 1
                model.counts.created += 1
            }
        }
    }
}

@Suite struct LedgerModelTests {
    private func check(_ ledger: Ledger, _ model: LedgerModel, _ seed: UInt64) {
        #expect(ledger.drift == nil, "seed \(seed)")
        #expect(ledger.counts == model.counts, "seed \(seed)")
        #expect(ledger.counts.pending == UInt64(model.pending.count), "seed \(seed)")
        #expect(ledger.oldestNeededSequence == model.oldestNeededSequence, "seed \(seed)")
        for handler in 0..<UInt16(LedgerStory.handlerCount) {
            let all = model.pending.filter { $0.key.handler == handler }
            let inFrames = all.filter { $0.value.letter == nil }.keys.map(\.position).sorted()
            #expect(ledger.pendingIDs(handler).map(\.position) == inFrames, "seed \(seed)")
            for found in ledger.pending(handler) {
                let first = DeliveryID(position: found.firstPosition, handler: handler)
                var event = 0
                found.events.forEach { event = max(event, $0) }
                let last = DeliveryID(position: first.position + UInt64(event), handler: handler)
                #expect(model.pending[last]?.sequence == found.sequence, "seed \(seed)")
                #expect(found.location == LedgerLog.location(found.sequence), "seed \(seed)")
            }
            let redriven = all.compactMap { id, known in known.letter.map { (id.position, $0) } }.sorted { $0.0 < $1.0 }
            #expect(ledger.redriven(handler).map(\.delivery.position) == redriven.map(\.0), "seed \(seed)")
            #expect(ledger.redriven(handler).map(\.letter.id) == redriven.map(\.1), "seed \(seed)")
            #expect(ledger.pendingCount(of: handler) == all.count, "seed \(seed)")
        }
        for (id, known) in model.pending {
            #expect(ledger.isPending(id), "seed \(seed)")
            #expect(ledger.attempts(of: id) == known.attempts, "seed \(seed)")
            #expect(ledger.failure(of: id)?.due ?? 0 == known.due, "seed \(seed)")
        }
        let letters = ledger.letters(limit: .max)
        #expect(letters.map(\.id) == model.letters.keys.sorted(), "seed \(seed)")
        #expect(letters.map(\.delivery) == model.letters.sorted { $0.key < $1.key }.map(\.value), "seed \(seed)")
        #expect(letters.map(\.edit) == letters.map { model.edits[$0.id].map(LedgerLog.location) }, "seed \(seed)")
    }

    private func checkpoint(_ ledger: Ledger) -> [UInt8] {
        var builder = CheckpointBuilder(ledger, writtenAt: 7)
        return [UInt8](builder.finish())
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `says what a plain model says, with and without checkpoints in between`(seed: UInt64) throws {
        var story = LedgerStory(seed: seed)
        var ledger = Ledger()
        try ledger.fold(story.names())
        var restored = ledger
        let frameCount = story.eventsMax > 100 ? 20 : story.eventsMax > 10 ? 40 : 150
        for frame in 0..<frameCount {
            let bytes = story.next()
            try ledger.fold(bytes)
            try restored.fold(bytes)
            if story.random.chance(15) {
                restored = try checkpoint(restored).withUnsafeBytes { try Checkpoint($0).ledger }
            }
            if frame % 10 == 9 || frame == frameCount - 1 {
                check(ledger, story.model, seed)
                check(restored, story.model, seed)
                #expect(checkpoint(ledger) == checkpoint(restored), "seed \(seed)")
            }
            // What ended does not end again.
            if let delivery = story.ended.randomElement(using: &story.random), story.model.pending[delivery] == nil {
                var log = story.log
                var copy = ledger
                let again = log.append(LedgerFrame(outcomes: [OutcomeRecord(delivery, .done, attempts: 1)]))
                #expect(throws: LogFormatError.self, "seed \(seed)") { try copy.fold(again) }
            }
        }
    }

    @Test(arguments: [1, 40, 512])
    func `stays right and small while lanes lag behind each other`(eventCount: Int) throws {
        var log = LedgerLog()
        var ledger = Ledger()
        try ledger.fold(
            log.append(
                LedgerFrame(
                    names: [NameRecord(.route, 0, "r")] + (0..<3).map { NameRecord(.handler, $0, "h\($0)") })))
        // Handler 0 keeps up, handler 1 is 40 frames behind, handler 2 handles nothing of every 100th frame.
        let lag = 40
        let frameCount = 800
        let deliveries = (0..<eventCount).flatMap { event in
            (0..<3).map { LedgerFrame.Delivery(event: event, handler: $0) }
        }
        let template = LedgerFrame(events: [LedgerFrame.Section(eventCount: eventCount, deliveries: deliveries)])
        func ends(_ frame: Int, _ handler: UInt16) -> [OutcomeRecord] {
            (0..<eventCount).map {
                OutcomeRecord(
                    DeliveryID(position: UInt64(frame * eventCount + $0), handler: handler), .done, attempts: 1)
            }
        }
        let frames = eventCount > 100 ? frameCount / 4 : frameCount
        for frame in 0..<frames {
            try ledger.fold(log.append(template))
            var outcomes = ends(frame, 0)
            if frame >= lag { outcomes += ends(frame - lag, 1) }
            if frame % 100 != 50 { outcomes += ends(frame, 2) }
            try ledger.fold(log.append(LedgerFrame(outcomes: outcomes)))
        }
        let lost = frames / 100
        #expect(ledger.drift == nil)
        #expect(ledger.pendingCount(of: 0) == 0)
        #expect(ledger.pendingCount(of: 1) == lag * eventCount)
        #expect(ledger.pendingCount(of: 2) == lost * eventCount)
        // The names' frame, then two for each.
        let lagging = (0..<lost).map { frame in UInt64(2 + 2 * (100 * frame + 50)) }
        #expect(ledger.pending(2).map(\.sequence) == lagging)
        // Room for twice what is pending, and for 512 settled groups.
        let groups = 2 * (lag + lost) + 512
        #expect(ledger.memoryBytes < groups * 2 * (48 + 2 * 72))
    }
}
