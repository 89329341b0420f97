import PatchbayLog
import Testing

@Suite struct LedgerTests {
    private var log = LedgerLog()
    private var ledger = Ledger()

    private let names = [
        NameRecord(.route, 0, "orders"), NameRecord(.handler, 0, "billing"), NameRecord(.handler, 1, "mail"),
    ]

    private mutating func fold(_ frame: LedgerFrame) throws { try ledger.fold(log.append(frame)) }

    private func id(_ position: UInt64, _ handler: UInt16 = 0) -> DeliveryID {
        DeliveryID(position: position, handler: handler)
    }

    /// `count` events, each for the handlers.
    private func events(_ count: Int, _ handlers: UInt16...) -> LedgerFrame.Section {
        LedgerFrame.Section(
            eventCount: count,
            deliveries: (0..<count).flatMap { event in
                handlers.map { LedgerFrame.Delivery(event: event, route: 0, handler: $0) }
            })
    }

    private func retry(_ delivery: DeliveryID, _ attempts: UInt32, due: UInt64 = 0) -> FailureRecord {
        var record = FailureRecord(
            delivery, .retries, attempts: attempts, endedAt: 1000 + UInt64(attempts), failureClass: "transient",
            reason: "the other side did not answer in time")
        record.due = due
        record.firstStart = 900
        record.previousDelay = 50
        return record
    }

    private func death(_ delivery: DeliveryID) -> DeadLetterRecord {
        DeadLetterRecord(delivery, diedAt: 5000, event: Array("{}".utf8), history: [])
    }

    // MARK: Deliveries

    @Test mutating func `keeps what is pending, oldest first, and forgets what ended`() throws {
        try fold(LedgerFrame(names: names, events: [events(3, 0, 1)]))
        try fold(LedgerFrame(events: [events(2, 0)]))
        try fold(
            LedgerFrame(outcomes: [
                OutcomeRecord(id(1), .done, attempts: 1), OutcomeRecord(id(0, 1), .skipped, attempts: 1),
            ]))
        #expect(ledger.pendingIDs(0) == [id(0), id(2), id(3), id(4)])
        #expect(ledger.pendingIDs(1) == [id(1, 1), id(2, 1)])
        #expect(ledger.pending(0).map(\.location) == [LedgerLog.location(1), LedgerLog.location(2)])
        #expect(ledger.pending(0, from: 3).map(\.sequence) == [2])
        #expect(!ledger.isPending(id(1)) && ledger.isPending(id(2)))
        #expect(ledger.pendingCount(of: 0) == 4 && ledger.pendingCount(of: 1) == 2 && ledger.pendingCount(of: 7) == 0)
        #expect(ledger.counts.created == 8 && ledger.counts.done == 1 && ledger.counts.skipped == 1)
        #expect(ledger.drift == nil)
    }

    @Test mutating func `finds the deliveries of a frame with several sections and of full ones`() throws {
        try fold(LedgerFrame(names: names, events: [events(512, 0), events(512, 1), events(1, 0)]))
        #expect(ledger.nextPosition == 1025)
        #expect(ledger.pendingIDs(0).count == 513 && ledger.pendingIDs(0).last == id(1024))
        #expect(ledger.pendingIDs(1).first == id(512, 1))
        try fold(LedgerFrame(outcomes: (0..<512).map { OutcomeRecord(id($0), .done, attempts: 1) }))
        #expect(ledger.pendingIDs(0) == [id(1024)])
        #expect(ledger.drift == nil)
    }

    @Test mutating func `counts events that got no delivery`() throws {
        try fold(
            LedgerFrame(
                names: names,
                events: [
                    LedgerFrame.Section(
                        eventCount: 70,
                        deliveries: [
                            LedgerFrame.Delivery(event: 2, route: 0, handler: 0),
                            LedgerFrame.Delivery(event: 2, route: 0, handler: 1),
                            LedgerFrame.Delivery(event: 69, route: 0, handler: 0),
                        ])
                ]))
        #expect(ledger.counts.events == 70 && ledger.counts.eventsWithoutDeliveries == 68)
        #expect(ledger.pendingIDs(0) == [id(2), id(69)])
    }

    @Test mutating func `names the delivery that ends twice`() throws {
        try fold(LedgerFrame(names: names, events: [events(2, 0)]))
        try fold(LedgerFrame(outcomes: [OutcomeRecord(id(1), .done, attempts: 1)]))
        let error = #expect(throws: LogFormatError.self) {
            try fold(LedgerFrame(outcomes: [OutcomeRecord(id(1), .done, attempts: 1)]))
        }
        #expect(error?.description == "delivery of position 1 to handler 0 (billing) ended, but is not pending")
    }

    @Test(arguments: [
        LedgerFrame(outcomes: [OutcomeRecord(DeliveryID(position: 9, handler: 0), .done, attempts: 1)]),
        LedgerFrame(outcomes: [OutcomeRecord(DeliveryID(position: 0, handler: 1), .done, attempts: 1)]),
        LedgerFrame(outcomes: [OutcomeRecord(DeliveryID(position: 0, handler: 9), .done, attempts: 1)]),
        LedgerFrame(outcomes: [OutcomeRecord(DeliveryID(position: .max, handler: .max), .done, attempts: 1)]),
        LedgerFrame(deadLetters: [
            DeadLetterRecord(DeliveryID(position: 0, handler: 1), diedAt: 0, event: [], history: [])
        ]),
        LedgerFrame(failures: [
            FailureRecord(
                DeliveryID(position: 0, handler: 1), .retries, attempts: 1, endedAt: 0, failureClass: "", reason: "")
        ]),
        // Given up without its dead letter.
        LedgerFrame(failures: [
            FailureRecord(
                DeliveryID(position: 0, handler: 0), .dead, attempts: 1, endedAt: 0, failureClass: "", reason: "")
        ]),
        // An attempt that is none.
        LedgerFrame(failures: [
            FailureRecord(
                DeliveryID(position: 0, handler: 0), .retries, attempts: 0, endedAt: 0, failureClass: "", reason: "")
        ]),
        // Twice, without a name, by a route without a name.
        LedgerFrame(events: [
            LedgerFrame.Section(
                eventCount: 1,
                deliveries: Array(repeating: LedgerFrame.Delivery(event: 0, route: 0, handler: 0), count: 2))
        ]),
        LedgerFrame(events: [
            LedgerFrame.Section(eventCount: 1, deliveries: [LedgerFrame.Delivery(event: 0, route: 0, handler: 5)])
        ]),
        LedgerFrame(events: [
            LedgerFrame.Section(eventCount: 1, deliveries: [LedgerFrame.Delivery(event: 0, route: 5, handler: 0)])
        ]),
        LedgerFrame(names: [NameRecord(.handler, 1, "other")]),
        LedgerFrame(names: [NameRecord(.handler, 2, "billing")]),
        LedgerFrame(names: [NameRecord(.handler, 3, "other")]),
        LedgerFrame(operations: [
            OperationRecord(
                .purge, LetterID(sequence: 1, index: 0), of: DeliveryID(position: 0, handler: 0), at: 0, by: "")
        ]),
    ])
    mutating func `refuses what cannot be`(frame: LedgerFrame) throws {
        try fold(LedgerFrame(names: names, events: [events(1, 0)]))
        #expect(throws: LogFormatError.self) { try fold(frame) }
    }

    @Test mutating func `refuses frames that do not follow each other`() throws {
        let first = log.append(LedgerFrame(names: names, events: [events(1, 0)]))
        let second = log.append(LedgerFrame(events: [events(1, 0)]))
        #expect(throws: LogFormatError.self) { try ledger.fold(second) }
        try ledger.fold(first)
        #expect(throws: LogFormatError.self) { try ledger.fold(first) }
        var other = LedgerLog()
        other.append(LedgerFrame(names: names, events: [events(1, 0, 1)]))
        let forked = other.append(LedgerFrame())
        #expect(throws: LogFormatError.self) { try ledger.fold(forked) }
        try ledger.fold(second)
        log.position += 1
        let gap = log.append(LedgerFrame(events: [events(1, 0)]))
        #expect(throws: LogFormatError.self) { try ledger.fold(gap) }
    }

    @Test mutating func `hands on the sections of others`() throws {
        let bytes = log.append(LedgerFrame(names: names, state: [1, 2, 3]))
        var others: [[UInt8]] = []
        try bytes.withUnsafeBytes { raw in
            try ledger.fold(FrameView(raw), at: LedgerLog.location(1)) { kind, section in
                #expect(kind == .state)
                others.append([UInt8](section))
            }
        }
        #expect(others == [[1, 2, 3]])
        #expect(ledger.names.name(.handler, 1) == "mail" && ledger.names.number(.route, "orders") == 0)
        #expect(ledger.names.nextNumber(.handler) == 2)
    }

    // MARK: Failures

    @Test mutating func `remembers attempts, due times and history until the delivery ends`() throws {
        try fold(LedgerFrame(names: names, events: [events(2, 0)]))
        try fold(LedgerFrame(failures: [retry(id(0), 1, due: 77)]))
        try fold(LedgerFrame(failures: [retry(id(0), 2, due: 99)]))
        let known = try #require(ledger.failure(of: id(0)))
        #expect(known.attempts == 2 && known.due == 99 && known.firstStart == 900 && known.previousDelay == 50)
        #expect(known.history.map(\.number) == [1, 2] && known.history[1].endedAt == 1002)
        #expect(ledger.attempts(of: id(1)) == 0 && ledger.counts.retries == 2)
        try fold(LedgerFrame(outcomes: [OutcomeRecord(id(0), .done, attempts: 3)]))
        #expect(ledger.failure(of: id(0)) == nil)
        #expect(ledger.drift == nil)
    }

    @Test mutating func `keeps the first and the last 50 attempts of many`() throws {
        try fold(LedgerFrame(names: names, events: [events(1, 0)]))
        for attempt in 1...120 { try fold(LedgerFrame(failures: [retry(id(0), UInt32(attempt))])) }
        let known = try #require(ledger.failure(of: id(0)))
        #expect(known.history.map(\.number) == Array(1...50) + Array(71...120))
        #expect(known.leftOut == 20 && known.attempts == 120)
    }

    // MARK: Dead letters

    @Test mutating func `keeps a dead letter and its frame until it is purged`() throws {
        try fold(LedgerFrame(names: names, events: [events(1, 0)]))
        var failure = retry(id(0), 1)
        failure.verdict = .dead
        try fold(
            LedgerFrame(
                failures: [failure],
                deadLetters: [death(id(.max, DeadLetterRecord.noHandler)), death(id(0))]))
        #expect(ledger.counts.dead == 1 && ledger.counts.unmatched == 1 && ledger.counts.pending == 0)
        #expect(
            ledger.letters(limit: 9).map(\.id) == [LetterID(sequence: 2, index: 0), LetterID(sequence: 2, index: 1)])
        #expect(ledger.oldestNeededSequence == 2)
        for index in 0...1 {
            let letter = LetterID(sequence: 2, index: UInt32(index))
            let delivery = try #require(ledger.letter(letter)).delivery
            try fold(LedgerFrame(operations: [OperationRecord(.purge, letter, of: delivery, at: 1, by: "ops")]))
        }
        #expect(ledger.letters(limit: 9).isEmpty && ledger.oldestNeededSequence == nil)
        #expect(ledger.counts.purged == 2 && ledger.counts.letters == 0 && ledger.drift == nil)
    }

    @Test mutating func `makes a redriven delivery pending again without attempts`() throws {
        try fold(LedgerFrame(names: names, events: [events(1, 0)]))
        try fold(LedgerFrame(failures: [retry(id(0), 1)]))
        try fold(LedgerFrame(deadLetters: [death(id(0))]))
        let letter = LetterID(sequence: 3, index: 0)
        try fold(
            LedgerFrame(operations: [
                OperationRecord(.edit, letter, of: id(0), at: 1, by: "ops", event: Array("{ }".utf8))
            ]))
        try fold(LedgerFrame(operations: [OperationRecord(.redrive, letter, of: id(0), target: 1, at: 1, by: "ops")]))
        #expect(!ledger.isPending(id(0)) && ledger.isPending(id(0, 1)) && ledger.attempts(of: id(0, 1)) == 0)
        #expect(ledger.counts.created == 2 && ledger.counts.redriven == 1 && ledger.counts.pending == 1)
        let redriven = try #require(ledger.redriven(1).first)
        #expect(redriven.letter.location == LedgerLog.location(3) && redriven.letter.edit == LedgerLog.location(4))
        #expect(ledger.oldestNeededSequence == 3 && ledger.pendingCount(of: 1) == 1 && ledger.letters(limit: 1).isEmpty)
        #expect(ledger.drift == nil)
        // It is pending: a second redrive and a purge of the same letter are refused.
        for kind in [OperationRecord.Kind.redrive, .purge, .edit] {
            var copy = self
            #expect(throws: LogFormatError.self) {
                try copy.fold(LedgerFrame(operations: [OperationRecord(kind, letter, of: id(0), at: 1, by: "ops")]))
            }
        }
        // It dies once more: the new letter takes the old one's place.
        try fold(LedgerFrame(failures: [retry(id(0, 1), 1)]))
        try fold(LedgerFrame(deadLetters: [death(id(0, 1))]))
        #expect(ledger.letters(limit: 9).map(\.id) == [LetterID(sequence: 7, index: 0)])
        #expect(ledger.oldestNeededSequence == 7 && ledger.counts.dead == 2 && ledger.drift == nil)
    }

    @Test mutating func `takes a letter away whose event is accepted anew`() throws {
        let unmatched = id(.max, DeadLetterRecord.noHandler)
        try fold(LedgerFrame(names: names, deadLetters: [death(unmatched)]))
        let letter = LetterID(sequence: 1, index: 0)
        let again = OperationRecord(.redrive, letter, of: unmatched, at: 1, by: "ops")
        var copy = self
        #expect(throws: LogFormatError.self) { try copy.fold(LedgerFrame(operations: [again])) }
        try fold(LedgerFrame(events: [events(1, 0)], operations: [again]))
        #expect(ledger.letter(letter) == nil && ledger.counts.redriven == 1 && ledger.counts.created == 1)
        #expect(ledger.isPending(id(0)) && ledger.drift == nil)
    }

    @Test func `writes operations as they are read, and cuts long names at a character`() throws {
        let letter = LetterID(sequence: 7, index: 3)
        let edit = OperationRecord(.edit, letter, of: id(5, 1), at: 99, by: "Zoë", event: Array("{\"a\":1}".utf8))
        let redrive = OperationRecord(
            .redrive, letter, of: id(5, 1), target: 4, at: 100, by: String(repeating: "é", count: 600))
        var writer = ByteWriter()
        edit.write(to: &writer)
        redrive.write(to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try OperationRecord(&reader) == edit)
        let read = try OperationRecord(&reader)
        #expect(read.target == 4 && read.at == 100 && read.who == String(repeating: "é", count: 510))
        #expect(reader.isAtEnd)
    }

    // MARK: Memory

    @Test mutating func `takes at most 240 bytes for full groups that are pending, and none for settled ones`() throws {
        try fold(LedgerFrame(names: names))
        let empty = ledger.memoryBytes
        for _ in 0..<300 { try fold(LedgerFrame(events: [events(512, 0)])) }
        #expect(ledger.memoryBytes - empty < 300 * 240)
        for first in 0..<300 {
            let outcomes = (0..<512).map { OutcomeRecord(id(UInt64(first * 512 + $0)), .done, attempts: 1) }
            try fold(LedgerFrame(outcomes: outcomes))
        }
        #expect(ledger.memoryBytes - empty < 64 << 10)
        #expect(ledger.counts.done == 153_600 && ledger.counts.pending == 0 && ledger.drift == nil)
    }
}
