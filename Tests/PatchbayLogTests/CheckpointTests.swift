import CPatchbaySystem
import PatchbayEvents
import PatchbayLog
import Testing

@Suite struct CheckpointTests {
    /// A ledger with something of everything.
    private func ledger(frames: Int = 1) throws -> Ledger {
        var log = LedgerLog()
        var ledger = Ledger()
        let first = DeliveryID(position: 0, handler: 0)
        let second = DeliveryID(position: 1, handler: 1)
        var failure = FailureRecord(
            DeliveryID(position: 2, handler: 0), .retries, attempts: 3, endedAt: 1000, failureClass: "transient",
            reason: "no answer")
        failure.due = 2000
        failure.firstStart = 500
        failure.previousDelay = 250
        failure.duration = 125
        failure.code = -7
        let events = LedgerFrame.Section(
            eventCount: 4,
            deliveries: (0..<4).flatMap { event in (0..<2).map { LedgerFrame.Delivery(event: event, handler: $0) } })
        try ledger.fold(
            log.append(
                LedgerFrame(
                    names: [
                        NameRecord(.route, 0, "orders"), NameRecord(.handler, 0, "billing"),
                        NameRecord(.handler, 1, "mail"), NameRecord(.configuration, 0, "sha256:1"),
                    ], events: [events])))
        try ledger.fold(
            log.append(
                LedgerFrame(
                    outcomes: [OutcomeRecord(DeliveryID(position: 3, handler: 0), .done, attempts: 1)],
                    failures: [failure],
                    deadLetters: [first, second].map {
                        DeadLetterRecord($0, diedAt: 1, event: [1], history: [])
                    })))
        let letter = LetterID(sequence: 2, index: 0)
        try ledger.fold(
            log.append(
                LedgerFrame(operations: [
                    OperationRecord(.edit, letter, of: first, at: 1, by: "me", event: [2]),
                    OperationRecord(.redrive, letter, of: first, at: 1, by: "me"),
                ])))
        for _ in 1..<frames { try ledger.fold(log.append(LedgerFrame())) }
        return ledger
    }

    private func encoded(_ ledger: Ledger) -> [UInt8] {
        var builder = CheckpointBuilder(ledger, writtenAt: 99)
        builder.add("timers") { $0.append([1, 2, 3] as [UInt8]) }
        builder.add("state") { _ in }
        return [UInt8](builder.finish())
    }

    private func decode(_ bytes: [UInt8]) throws -> Checkpoint { try bytes.withUnsafeBytes { try Checkpoint($0) } }

    /// The same bytes with a checksum that is right.
    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        guard bytes.count >= 64 else { return bytes }
        for index in 0..<8 { bytes[16 + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index)) }
        let checksum = bytes.withUnsafeBytes { pbs_crc32c(0, $0.baseAddress.map { $0 + 8 }, UInt64($0.count - 8)) }
        for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * index)) }
        return bytes
    }

    @Test func `gives back everything that it was given`() throws {
        let ledger = try ledger()
        let checkpoint = try decode(encoded(ledger))
        #expect(checkpoint.sequence == 3 && checkpoint.writtenAt == 99)
        #expect(checkpoint.ledger.nextPosition == 4 && checkpoint.ledger.lastChecksum == ledger.lastChecksum)
        #expect(checkpoint.ledger.epoch == 1 && checkpoint.ledger.counts == ledger.counts)
        #expect(checkpoint.ledger.names == ledger.names)
        #expect(checkpoint.extra("timers") == [1, 2, 3] && checkpoint.extra("state") == [])
        #expect(checkpoint.extra("streams") == nil)
        let failed = DeliveryID(position: 2, handler: 0)
        #expect(checkpoint.ledger.failure(of: failed) == ledger.failure(of: failed))
        #expect(ledger.failure(of: failed)?.due == 2000)
        #expect(checkpoint.ledger.redriven(0) == ledger.redriven(0) && ledger.redriven(0).count == 1)
        #expect(checkpoint.ledger.letters(limit: 9) == ledger.letters(limit: 9))
        #expect(encoded(checkpoint.ledger) == encoded(ledger))
    }

    @Test func `has the state of version 1, which does not say where it comes from`() throws {
        var builder = CheckpointBuilder(try ledger(), writtenAt: 99)
        builder.add("state") { writer in
            for length in [1, 1] as [UInt16] { writer.append(length) }
            writer.append(UInt32(2))
            for number in [7, 0] as [UInt64] { writer.append(number) }
            writer.append("skv1")
            writer.pad(to: 8)
        }
        var bytes = [UInt8](builder.finish())
        bytes[8] = 1
        var records: [StateRecord] = []
        try decode(sealed(bytes)).forEachState { records.append($0) }
        #expect(
            records == [
                StateRecord(
                    scope: "s", key: "k", value: Array("v1".utf8), revision: 7, expires: 0, origin: .unknown)
            ])
        bytes[8] = 4
        #expect(throws: LogFormatError.self) { try decode(sealed(bytes)) }
    }

    @Test func `finds every changed byte and every cut`() throws {
        let bytes = encoded(try ledger())
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x20
            #expect(throws: LogFormatError.self, "byte \(index)") { try decode(changed) }
            #expect(throws: LogFormatError.self, "cut at \(index)") { try decode(Array(bytes[..<index])) }
        }
        #expect(throws: LogFormatError.self) { try decode(bytes + [0]) }
    }

    @Test func `never traps on bytes that are wrong behind a right checksum`() throws {
        let bytes = encoded(try ledger())
        #expect(sealed(bytes) == bytes)
        var refused = 0
        var taken = 0
        func attempt(_ bytes: [UInt8]) {
            do {
                // What is believed is consistent.
                var ledger = try decode(sealed(bytes)).ledger
                #expect(ledger.drift == nil)
                taken += 1
                try ledger.fold(frame(after: ledger, events: 1))
                #expect(ledger.drift == nil)
            } catch {
                refused += 1
            }
        }
        for index in 8..<bytes.count {
            for value in [0x00, 0x01, 0x7F, 0x80, 0xFF, bytes[index] ^ 1, bytes[index] &+ 1] as [UInt8] {
                var changed = bytes
                changed[index] = value
                attempt(changed)
            }
            attempt(Array(bytes[..<index]))
            var longer = bytes
            longer.insert(contentsOf: repeatElement(0xFF, count: 9), at: index)
            attempt(longer)
        }
        var random = TestRandom(1)
        for _ in 0..<2000 {
            var changed = bytes
            for _ in 0...random.below(4) { changed[8 + random.below(bytes.count - 8)] = UInt8(random.below(256)) }
            attempt(changed)
        }
        // Times and texts may be anything; most changes do not add up.
        #expect(refused > 2 * taken && taken > 0)
    }

    @Test func `refuses counts that do not add up`() throws {
        var ledger = try ledger()
        try ledger.fold(frame(after: ledger, events: 0))
        let bytes = encoded(ledger)
        // The first count behind the header, the section's name and its length: events.
        var changed = bytes
        #expect(changed[80] == 4)
        changed[80] = 5
        let error = #expect(throws: LogFormatError.self) { try decode(sealed(changed)) }
        #expect(error?.description.contains("events: 5 were accepted, but the next position is 4") == true)
    }

    /// A frame that continues the ledger's, each event for handler 0.
    private func frame(after ledger: Ledger, events: Int) -> [UInt8] {
        var log = LedgerLog()
        log.sequence = ledger.sequence
        log.position = ledger.nextPosition
        log.checksum = ledger.lastChecksum
        log.epoch = ledger.epoch
        let deliveries = (0..<events).map { LedgerFrame.Delivery(event: $0, handler: 0) }
        return log.append(
            LedgerFrame(events: events == 0 ? [] : [LedgerFrame.Section(eventCount: events, deliveries: deliveries)]))
    }
}

@Suite struct CheckpointStoreTests {
    /// Ledgers after 1, 2, … empty frames.
    private func ledgers(_ count: Int) throws -> [Ledger] {
        var log = LedgerLog()
        var ledger = Ledger()
        return try (0..<count).map { _ in
            try ledger.fold(log.append(LedgerFrame()))
            return ledger
        }
    }

    private func write(
        _ ledger: Ledger, to store: inout CheckpointStore, finished: () -> Void = {}
    ) throws {
        var builder = CheckpointBuilder(ledger, writtenAt: 1)
        builder.add("padding") { $0.append([UInt8](repeating: 1, count: 10_000)) }
        try store.write(&builder)
        finished()
        try store.removeOld()
    }

    private func name(_ sequence: Int) -> String { "000000000000000\(sequence).ckpt" }

    @Test func `keeps the two latest, and says which frames may go`() throws {
        let disk = MemoryStorage()
        var store = CheckpointStore(disk)
        #expect(try store.load().checkpoint == nil)
        for ledger in try ledgers(4) {
            try write(ledger, to: &store)
            #expect(store.droppableSequence == (ledger.sequence == 1 ? nil : ledger.sequence - 1))
        }
        #expect(try disk.list().sorted() == [name(3), name(4)])
        var reopened = CheckpointStore(disk)
        let loaded = try reopened.load()
        #expect(loaded.checkpoint?.sequence == 4 && loaded.skipped.isEmpty)
        #expect(loaded.checkpoint?.extra("padding")?.count == 10_000)
        // The older one was not read: frames behind it stay until the next is written.
        #expect(reopened.droppableSequence == nil)
    }

    @Test func `falls back to the older one and says why`() throws {
        let disk = MemoryStorage()
        var store = CheckpointStore(disk)
        let ledgers = try ledgers(4)
        for ledger in ledgers[..<3] { try write(ledger, to: &store) }
        disk.flip(name(3), offset: 5000, bit: 3)
        let loaded = try store.load()
        #expect(loaded.checkpoint?.sequence == 2)
        #expect(loaded.skipped.map(\.path) == ["/" + name(3)])
        #expect(loaded.skipped.first?.reason == "a checkpoint's checksum is wrong")
        // What was wrong is not counted as one of the two.
        try write(ledgers[3], to: &store)
        #expect(try disk.list().sorted() == [name(2), name(4)])
        #expect(store.droppableSequence == 2)
    }

    @Test func `skips a file that is named after another frame, and an empty one`() throws {
        let disk = MemoryStorage()
        var store = CheckpointStore(disk)
        try write(ledgers(1)[0], to: &store)
        try disk.rename(name(1), to: name(5))
        _ = try disk.open(name(6), create: true)
        let loaded = try store.load()
        #expect(loaded.checkpoint == nil && loaded.skipped.map(\.path) == ["/" + name(6), "/" + name(5)])
    }

    @Test func `writes over what a crash left, however long`() throws {
        let disk = MemoryStorage()
        var store = CheckpointStore(disk)
        for sequence in [1, 9] {
            let left = try disk.open(name(sequence) + ".tmp", create: true)
            try [UInt8](repeating: 7, count: 50_000).withUnsafeBytes { try left.write($0, at: 0) }
        }
        let ledgers = try ledgers(2)
        try write(ledgers[0], to: &store)
        #expect(try store.load().checkpoint?.sequence == 1)
        try write(ledgers[1], to: &store)
        #expect(try disk.list().sorted() == [name(1), name(2)])
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `has the latest finished checkpoint after any crash or fault`(seed: UInt64) throws {
        var random = TestRandom(seed)
        let disk = MemoryStorage(seed: seed)
        var store = CheckpointStore(disk)
        var finished: UInt64 = 0
        var begun: UInt64 = 0
        for ledger in try ledgers(8) {
            let operation = disk.counts.operations + 1 + random.below(9)
            var plan = FaultPlan()
            if random.chance(60) { plan.at = [operation: [.crash, .io, .noSpace][random.below(3)]] }
            disk.plan = plan
            begun = ledger.sequence
            do {
                try write(ledger, to: &store) { finished = ledger.sequence }
            } catch is StorageError {
                // A rename that was not synced may or may not last; either is right.
            }
            disk.plan = FaultPlan()
            if disk.isDown || random.chance(20) {
                disk.crash()
                disk.restart()
                store = CheckpointStore(disk)
                let found = try store.load().checkpoint?.sequence ?? 0
                #expect(found >= finished && found <= begun, "seed \(seed)")
                finished = max(finished, found)
            }
            #expect(store.droppableSequence.map { $0 <= finished } ?? true, "seed \(seed)")
        }
        disk.crash()
        disk.restart()
        #expect(try CheckpointStore(disk).sequenceLoaded() >= finished, "seed \(seed)")
    }
}

extension CheckpointStore {
    fileprivate func sequenceLoaded() throws -> UInt64 {
        var copy = self
        return try copy.load().checkpoint?.sequence ?? 0
    }
}
