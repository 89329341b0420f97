extension Ledger {
    /// Higher sequences, positions and counts are not believed: adding to them could overflow.
    private static let valueMax: UInt64 = 1 << 62

    /// Reads what `encode` wrote, and believes nothing of it.
    init(checkpoint bytes: UnsafeRawBufferPointer, _ header: CheckpointHeader) throws(LogFormatError) {
        sequence = header.sequence
        nextPosition = header.nextPosition
        lastChecksum = header.lastChecksum
        epoch = header.epoch
        guard sequence <= Self.valueMax, nextPosition <= Self.valueMax else { throw Self.wrong("it is too far") }
        var reader = ByteReader(bytes)
        for path in LedgerCounts.paths {
            counts[keyPath: path] = try reader.nextVarint()
            guard counts[keyPath: path] <= Self.valueMax else { throw Self.wrong("a count is too high") }
        }
        for kind in NameTable.kinds {
            for _ in 0..<(try reader.nextVarint(as: UInt16.self)) {
                guard let number = names.nextNumber(kind) else { throw Self.wrong("it has too many names") }
                try names.add(NameRecord(kind, number, try reader.nextCountedText()))
            }
        }
        try decodePending(&reader)
        try decodeFailures(&reader)
        try decodeLetters(&reader)
        guard reader.isAtEnd else { throw Self.wrong("it has bytes behind its end") }
        if let drift { throw Self.wrong(drift) }
    }

    private static func wrong(_ reason: String) -> LogFormatError { LogFormatError("a checkpoint's ledger: \(reason)") }

    private mutating func decodePending(_ reader: inout ByteReader) throws(LogFormatError) {
        let handlerCount = names.count(.handler)
        var sequence: UInt64 = 0
        var position: UInt64 = 0
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            sequence = try Self.sum(sequence, try reader.nextVarint(), upTo: self.sequence)
            position = try Self.sum(position, try reader.nextVarint(), upTo: nextPosition)
            let location = try reader.nextLocation()
            let count = try reader.nextVarint()
            guard sequence > 0, (1...512).contains(count) else { throw Self.wrong("a group is impossible") }
            let group = PendingTable.Group(
                firstPosition: position, count: Int(count), sequence: sequence, location: location)
            position = try Self.sum(position, count, upTo: nextPosition)
            pendingTable.begin(group)
            let runs = try reader.nextVarint()
            guard runs > 0, runs <= UInt64(handlerCount) else { throw Self.wrong("a group has \(runs) handlers") }
            for _ in 0..<runs {
                let head = try reader.nextVarint()
                guard head / 2 < UInt64(handlerCount) else { throw Self.wrong("handler \(head / 2) has no name") }
                var bits = [UInt64](repeating: .max, count: group.wordCount)
                if head % 2 == 0 {
                    for index in bits.indices { bits[index] = try reader.next() }
                } else if count % 64 != 0 {
                    bits[bits.count - 1] = (1 << (count % 64)) - 1
                }
                guard pendingTable.restore(handler: UInt16(head / 2), bits: bits) else {
                    throw Self.wrong("the pending deliveries of a group are impossible")
                }
            }
        }
    }

    private static func sum(_ value: UInt64, _ more: UInt64, upTo limit: UInt64) throws(LogFormatError) -> UInt64 {
        let (sum, overflow) = value.addingReportingOverflow(more)
        guard !overflow, sum <= limit else { throw wrong("a group lies behind its end") }
        return sum
    }

    private mutating func decodeFailures(_ reader: inout ByteReader) throws(LogFormatError) {
        var texts: [String] = []
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            texts.append(try reader.nextCountedText())
        }
        rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let delivery = try reader.nextDelivery()
            let known = try Self.failedDelivery(&reader, texts)
            guard Int(delivery.handler) < names.count(.handler), failures.restore(delivery, known) else {
                throw Self.wrong("the failures of \(text(delivery)) are impossible")
            }
        }
    }

    private static func failedDelivery(
        _ reader: inout ByteReader, _ texts: [String]
    ) throws(LogFormatError) -> FailedDelivery {
        var known = FailedDelivery()
        known.attempts = try reader.nextVarint(as: UInt32.self)
        known.isHalted = try reader.nextVarint() != 0
        known.due = try reader.nextVarint()
        known.firstStart = try reader.nextVarint()
        known.previousDelay = try reader.nextVarint()
        known.leftOut = try reader.nextVarint(as: UInt32.self)
        let count = try reader.nextVarint()
        guard count <= UInt64(FailedDelivery.historyMax) else { throw wrong("a history is too long") }
        for _ in 0..<count {
            let number = try reader.nextVarint(as: UInt32.self)
            let code = try reader.next(Int32.self)
            let endedAt = try reader.nextVarint()
            let duration = try reader.nextVarint()
            let failureClass = try reader.nextVarint()
            let reason = try reader.nextVarint()
            guard failureClass < UInt64(texts.count), reason < UInt64(texts.count) else {
                throw wrong("an attempt names a text that is not there")
            }
            known.history.append(
                FailedAttempt(
                    number: number, code: code, endedAt: endedAt, duration: duration,
                    failureClass: texts[Int(failureClass)], reason: texts[Int(reason)]))
        }
        return known
    }

    private mutating func decodeLetters(_ reader: inout ByteReader) throws(LogFormatError) {
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let id = try reader.nextLetterID()
            let delivery = try reader.nextDelivery()
            let location = try reader.nextLocation()
            guard let state = LetterTable.Letter.State(rawValue: try reader.next()), state != .gone,
                id.sequence > 0, id.sequence <= sequence,
                letters.append(LetterTable.Letter(id, delivery, at: location, state))
            else { throw Self.wrong("dead letter \(id) is impossible") }
        }
        rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            letters.edit(try reader.nextLetterID(), at: try reader.nextLocation())
        }
        rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let delivery = try reader.nextDelivery()
            let letter = try reader.nextLetterID()
            guard Int(delivery.handler) < names.count(.handler), delivery.position < nextPosition,
                redriven.updateValue(letter, forKey: delivery) == nil
            else { throw Self.wrong("\(text(delivery)) cannot be redriven") }
        }
    }
}
