/// What the log says of every delivery: which are pending, how often they failed, which are dead letters.
///
/// A value without I/O or clock, folded frame by frame: by the writer as it commits, and by recovery as it reads. Both
/// get the same. All points in time in it are Unix nanoseconds (`FailedDelivery.due`, `.firstStart`,
/// `FailedAttempt.endedAt`); `previousDelay` and `duration` are nanoseconds.
///
/// Per pending delivery it keeps one bit, per group of events with pending deliveries about 48 bytes and 8 to 72 for
/// each handler that has some, per failed or dead one a record; of what is settled it keeps nothing but counts.
package struct Ledger: Sendable {
    /// Of the last frame that was folded; 0 before the first.
    package internal(set) var sequence: UInt64 = 0
    /// Position of the next event.
    package internal(set) var nextPosition: UInt64 = 0
    /// Of the last frame.
    package internal(set) var lastChecksum: UInt32 = 0
    /// Of the last frame's writer.
    package internal(set) var epoch: UInt32 = 0
    package internal(set) var counts = LedgerCounts()
    package internal(set) var names = NameTable()
    /// Beside it, folded from the same frames.
    package internal(set) var streams = Streams()

    var pendingTable = PendingTable()
    var failures = FailureTable()
    /// Pending deliveries whose event is in a dead letter.
    var redriven: [DeliveryID: LetterID] = [:]
    var letters = LetterTable()

    package init() {}

    // MARK: Deliveries

    package func isPending(_ delivery: DeliveryID) -> Bool {
        pendingTable.isPending(position: delivery.position, handler: delivery.handler) || redriven[delivery] != nil
    }

    /// Charged attempts of a pending delivery; 0 when none failed.
    package func attempts(of delivery: DeliveryID) -> UInt32 { failures[delivery]?.attempts ?? 0 }

    /// What is known of a pending delivery that failed before.
    package func failure(of delivery: DeliveryID) -> FailedDelivery? { failures[delivery] }

    /// What a handler still has to handle, oldest first, from the events that hold `position` on; without redriven
    /// deliveries. The sequence is a snapshot: folding while it lives copies the tables.
    package func pending(_ handler: UInt16, from position: UInt64 = 0) -> PendingSequence {
        PendingSequence(table: pendingTable, handler: handler, position: position)
    }

    /// The first of `pending(_:from:)`; for cursors that go on between folds.
    package func nextPending(_ handler: UInt16, from position: UInt64) -> PendingEvents? {
        pendingTable.next(handler, from: position)
    }

    /// Pending deliveries of a handler, redriven ones included.
    package func pendingCount(of handler: UInt16) -> Int {
        pendingTable.pendingCount(of: handler)
            + (redriven.isEmpty ? 0 : redriven.keys.count { $0.handler == handler })
    }

    /// Pending deliveries of a handler that came from dead letters, by position.
    package func redriven(_ handler: UInt16) -> [RedrivenDelivery] {
        redriven.filter { $0.key.handler == handler }.sorted { $0.key.position < $1.key.position }
            .compactMap { delivery, letter in
                self.letter(letter).map { RedrivenDelivery(delivery: delivery, letter: $0) }
            }
    }

    // MARK: Dead letters

    /// A dead letter that is kept, or that is redriven and whose delivery has not ended; else `nil`.
    package func letter(_ id: LetterID) -> KeptLetter? { letters[id].map { kept($0) } }

    /// Kept letters (not redriven ones), oldest first: at most `limit` behind `id`, or from the first.
    package func letters(after id: LetterID? = nil, limit: Int) -> [KeptLetter] {
        var found: [KeptLetter] = []
        letters.forEach(after: id) { letter in
            if letter.state == .kept, found.count < limit { found.append(kept(letter)) }
            return found.count < limit
        }
        return found
    }

    private func kept(_ letter: LetterTable.Letter) -> KeptLetter {
        KeptLetter(
            id: letter.id, delivery: letter.delivery, location: letter.location,
            edit: letters.edits.isEmpty ? nil : letters.edits[letter.id], isRedriven: letter.state == .redriven)
    }

    // MARK: Retention

    /// The oldest frame that something pending or a dead letter needs; `nil` when none does.
    package var oldestNeededSequence: UInt64? {
        // An edit lies behind its letter.
        switch (pendingTable.oldestSequence, letters.oldestSequence) {
        case (let pending?, let letter?): min(pending, letter)
        case (let pending, let letter): pending ?? letter
        }
    }

    /// About what the tables take, in bytes.
    package var memoryBytes: Int {
        pendingTable.memoryBytes + letters.memoryBytes + failures.memoryBytes
            + redriven.capacity * (MemoryLayout<(DeliveryID, LetterID)>.stride + 1)
    }
}

/// A dead letter and where it lies.
package struct KeptLetter: Sendable, Equatable {
    package var id: LetterID
    /// What died; the handler is `DeadLetterRecord.noHandler` when no handler was given it.
    package var delivery: DeliveryID
    /// The frame with the letter's record: its dead letter number `id.index`.
    package var location: FrameLocation
    /// The frame with its last edit; `nil` when it was not edited.
    package var edit: FrameLocation?
    package var isRedriven: Bool
}

/// A pending delivery whose event is in a dead letter.
package struct RedrivenDelivery: Sendable, Equatable {
    package var delivery: DeliveryID
    package var letter: KeptLetter
}
