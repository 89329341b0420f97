extension Ledger {
    /// What is gathered over the sections of one frame.
    private struct FrameFold {
        let header: FrameHeader
        let location: FrameLocation
        var events: UInt64 = 0
        var letters: UInt32 = 0
        /// Given up; their dead letters have to follow in the frame.
        var dying: Set<DeliveryID> = []
    }

    /// Takes the next frame in; sections that are not the ledger's go to `other`, in order.
    ///
    /// Throws when the frame is not the next one, or says what cannot be: an end of a delivery that is not pending, a
    /// handler without a name. After an error the ledger is half changed and of no use. Costs about 10 ns a plain
    /// outcome and a few for each delivery.
    package mutating func fold(
        _ frame: FrameView, at location: FrameLocation,
        other: (SectionKind, UnsafeRawBufferPointer) throws(LogFormatError) -> Void
    ) throws(LogFormatError) {
        try checkContinuity(frame.header)
        var fold = FrameFold(header: frame.header, location: location)
        let isWhole = try frame.forEachSection { (kind, bytes) throws(LogFormatError) in
            switch kind {
            case .outcomes: try foldOutcomes(bytes)
            case .events: try foldEvents(bytes, &fold)
            case .failures: try foldFailures(bytes, &fold)
            case .deadLetters: try foldLetters(bytes, &fold)
            case .names: try foldNames(bytes)
            case .operations: try foldOperations(bytes, &fold)
            case .streams: try streams.fold(bytes, of: fold.header.sequence)
            default: try other(kind, bytes)
            }
        }
        guard isWhole else { throw LogFormatError("a section ends behind its frame") }
        guard fold.events == UInt64(frame.header.eventCount) else {
            throw LogFormatError("a frame says \(frame.header.eventCount) events and holds \(fold.events)")
        }
        if let dying = fold.dying.first {
            throw LogFormatError("\(text(dying)) is given up, but its dead letter is not in the frame")
        }
        sequence = frame.header.sequence
        epoch = frame.header.epoch
        lastChecksum = frame.header.checksum
        nextPosition += fold.events
        counts.events += fold.events
    }

    private func checkContinuity(_ header: FrameHeader) throws(LogFormatError) {
        guard header.sequence == sequence &+ 1 else {
            throw LogFormatError("frame \(header.sequence) follows frame \(sequence)")
        }
        guard header.previousChecksum == lastChecksum else {
            throw LogFormatError("frame \(header.sequence) was not written behind the frame that lies before it")
        }
        guard header.firstPosition == nextPosition,
            !nextPosition.addingReportingOverflow(UInt64(header.eventCount)).overflow
        else {
            throw LogFormatError(
                "frame \(header.sequence) begins at position \(header.firstPosition) instead of \(nextPosition)")
        }
        guard header.epoch >= epoch else {
            throw LogFormatError("frame \(header.sequence) is of writer \(header.epoch), after one of writer \(epoch)")
        }
    }

    // MARK: Events

    private mutating func foldEvents(_ bytes: UnsafeRawBufferPointer, _ fold: inout FrameFold) throws(LogFormatError) {
        let section = try EventsSection(bytes)
        let firstPosition = nextPosition + fold.events
        fold.events += UInt64(section.count)
        guard fold.events <= UInt64(fold.header.eventCount) else {
            throw LogFormatError("a frame holds more than the \(fold.header.eventCount) events that it says")
        }
        guard section.count > 0 else { return }
        pendingTable.begin(
            PendingTable.Group(
                firstPosition: firstPosition, count: section.count, sequence: fold.header.sequence,
                location: fold.location))
        let handlerCount = names.count(.handler)
        let routeCount = names.count(.route)
        var delivered = EventBits()
        var wrong: EventsSection.Delivery?
        try section.forEachDelivery { delivery in
            guard Int(delivery.handler) < handlerCount, Int(delivery.route) < routeCount,
                pendingTable.add(event: delivery.event, handler: delivery.handler)
            else {
                wrong = wrong ?? delivery
                return
            }
            delivered.insert(delivery.event)
        }
        pendingTable.end()
        if let wrong {
            let id = DeliveryID(position: firstPosition + UInt64(wrong.event), handler: wrong.handler)
            throw LogFormatError(
                Int(wrong.handler) < handlerCount && Int(wrong.route) < routeCount
                    ? "\(text(id)) is recorded twice" : "\(text(id)) by route \(wrong.route) has no name")
        }
        counts.created += UInt64(section.deliveryCount)
        counts.eventsWithoutDeliveries += UInt64(section.count - delivered.count)
    }

    private mutating func foldNames(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd { try names.add(NameRecord(&reader)) }
    }

    // MARK: Ends and failures

    private mutating func foldOutcomes(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        var skipped: UInt64 = 0
        while !reader.isAtEnd {
            let record = try OutcomeRecord(&reader)
            try end(record.delivery)
            if record.kind == .skipped { skipped += 1 }
        }
        counts.skipped += skipped
        counts.done += UInt64(bytes.count / OutcomeRecord.byteCount) - skipped
    }

    private mutating func foldFailures(
        _ bytes: UnsafeRawBufferPointer, _ fold: inout FrameFold
    ) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try FailureRecord(&reader)
            guard isPending(record.delivery), !fold.dying.contains(record.delivery) else {
                throw LogFormatError("\(text(record.delivery)) failed, but is not pending")
            }
            let known = attempts(of: record.delivery)
            guard record.attempts > known else {
                throw LogFormatError("\(text(record.delivery)) failed for attempt \(record.attempts) after \(known)")
            }
            switch record.verdict {
            case .dead:
                fold.dying.insert(record.delivery)
                continue
            case .retries: counts.retries += 1
            case .halts: counts.halts += 1
            }
            failures.add(record)
        }
    }

    private mutating func foldLetters(_ bytes: UnsafeRawBufferPointer, _ fold: inout FrameFold) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try DeadLetterRecord(&reader)
            if record.delivery.handler == DeadLetterRecord.noHandler {
                counts.unmatched += 1
            } else {
                fold.dying.remove(record.delivery)
                try end(record.delivery)
                counts.dead += 1
            }
            let id = LetterID(sequence: fold.header.sequence, index: fold.letters)
            let letter = LetterTable.Letter(id, record.delivery, at: fold.location, .kept)
            guard letters.append(letter) else { throw LogFormatError("dead letter \(id) is out of order") }
            fold.letters += 1
        }
    }

    /// A delivery ends: nothing is kept of it.
    @inline(__always) private mutating func end(_ delivery: DeliveryID) throws(LogFormatError) {
        if !pendingTable.settle(position: delivery.position, handler: delivery.handler) { try endRedriven(delivery) }
        failures.remove(delivery)
    }

    private mutating func endRedriven(_ delivery: DeliveryID) throws(LogFormatError) {
        guard let letter = redriven.removeValue(forKey: delivery) else {
            throw LogFormatError("\(text(delivery)) ended, but is not pending")
        }
        letters.remove(letter)
    }

    // MARK: Operations

    private mutating func foldOperations(
        _ bytes: UnsafeRawBufferPointer, _ fold: inout FrameFold
    ) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try OperationRecord(&reader)
            guard let letter = letters[record.letter], letter.state == .kept else {
                throw LogFormatError("\(record.kind) of dead letter \(record.letter), which is not kept")
            }
            guard letter.delivery == record.delivery else {
                throw LogFormatError(
                    "\(record.kind) of dead letter \(record.letter) means \(text(record.delivery)), which it is not")
            }
            switch record.kind {
            case .edit:
                letters.edit(record.letter, at: fold.location)
                counts.edited += 1
            case .purge:
                letters.remove(record.letter)
                counts.purged += 1
            case .redrive, .redirect:
                try redrive(record, fold)
                counts.redriven += 1
            }
        }
    }

    private mutating func redrive(_ record: OperationRecord, _ fold: FrameFold) throws(LogFormatError) {
        guard !record.isAnew else {
            // Its event is among the frame's events, which it will be delivered as.
            guard fold.events > 0 else {
                throw LogFormatError("dead letter \(record.letter) is accepted anew in a frame without events")
            }
            guard record.kind == .redrive || names.name(.handler, record.target) != nil else {
                throw LogFormatError(
                    "dead letter \(record.letter) is redriven to handler \(record.target), which has no name")
            }
            letters.remove(record.letter)
            return
        }
        let delivery = DeliveryID(position: record.delivery.position, handler: record.target)
        guard delivery.position < nextPosition, names.name(.handler, delivery.handler) != nil else {
            throw LogFormatError("dead letter \(record.letter) is redriven as \(text(delivery)), which cannot be")
        }
        guard !isPending(delivery) else {
            throw LogFormatError("dead letter \(record.letter) is redriven as \(text(delivery)), which is pending")
        }
        redriven[delivery] = record.letter
        letters.redrive(record.letter)
        counts.created += 1
    }

    /// A delivery as errors name it.
    func text(_ delivery: DeliveryID) -> String {
        let name = names.name(.handler, delivery.handler).map { " (\($0))" } ?? ""
        return "delivery of position \(delivery.position) to handler \(delivery.handler)\(name)"
    }
}
