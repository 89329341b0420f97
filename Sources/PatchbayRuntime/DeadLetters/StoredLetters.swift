import PatchbayDispatch
package import PatchbayEvents
package import PatchbayLog
package import PatchbayRouting

/// A dead letter of a log in files.
package struct StoredLetter: Sendable {
    package var id: LetterID
    package var delivery: DeliveryID
    /// Unix nanoseconds.
    package var diedAt: UInt64
    /// The event with the attributes that say how it died.
    package var event: Event
    /// The event with them, as it lies in the log.
    package var line: [UInt8]
    /// The failed attempts, JSON; empty when there were none.
    package var history: [UInt8]
    /// What an operator made of the event, JSON; a redrive delivers it.
    package var edit: [UInt8]?

    /// The handler that it died at; empty when no route took the event.
    package var handler: String { event["dlqhandler"] ?? "" }
    package var route: String { event["dlqroute"] ?? "" }
    package var failureClass: String { event["dlqclass"] ?? "" }
    package var reason: String { event["dlqreason"] ?? "" }
    package var attempts: String { event["dlqattempts"] ?? "0" }
    /// The same for letters that died alike: handler, class, reason without its numbers, event type.
    package var group: String { event["dlqprint"] ?? "" }

    /// What the log says of the delivery that died, beside the letter; `nil` when its event was never accepted or is
    /// dropped.
    package internal(set) var origin: Origin?

    /// How the delivery was accepted.
    package struct Origin: Sendable {
        var keyHash: UInt64 = 0
        var rateKeyHash: UInt64 = 0
        var priority: UInt8 = 5
        /// It came by a muted replay.
        var isMuted = false
    }

    /// Whether its effects are not to come about, when it is delivered again either.
    var isMuted: Bool { origin?.isMuted ?? event.isMuted }

    /// The delivery that a redrive makes: as the one that died, in order with others of its key.
    func delivery(event: Int, route: UInt16, lane: UInt16) -> RoutedDelivery {
        let origin = origin ?? Origin()
        return RoutedDelivery(
            event: UInt32(event), route: route, lane: lane, keyHash: origin.keyHash, rateKeyHash: origin.rateKeyHash,
            priority: origin.priority)
    }

    /// What a redrive's delivery is recorded under: one of a subscription's event is none of its subscription's, which
    /// has gone on.
    package var redriveRoute: String {
        route == Blueprint.subscriptionRouteName ? Blueprint.timerRouteName : route
    }

    /// Why it cannot be redriven as it is, with what to do; `nil` when it can.
    package var redriveHindrance: String? {
        guard failureClass == EmitLineage.refusedClass, edit == nil else { return nil }
        let place = "stream \(event["streamname"] ?? "") at revision \(event["streamrevision"] ?? "")"
        return "dead letter \(id) is without its event, which the host could not take in; it is in \(place): "
            + "say with dlq edit what a redrive delivers"
    }

    /// What a redrive delivers.
    package func redriven() throws(CloudEventsError) -> Event {
        guard let edit else { return event.redriven }
        var edited = try CloudEventsCodec.ofStored().event(edit)
        edited.extensions.removeAll { $0.name == "dlqredrives" }
        edited.extensions.append(Event.Extension("dlqredrives", String(event.redrives)))
        return edited.redriven
    }
}

/// Which dead letters.
package struct LetterSelection: Sendable {
    package var ids: [LetterID] = []
    package var group: String?
    package var handler: String?
    package var failureClass: String?
    package var type: TypePattern?

    package init() {}

    /// Everything is selected.
    package var isOpen: Bool {
        ids.isEmpty && group == nil && handler == nil && failureClass == nil && type == nil
    }

    package func takes(_ letter: StoredLetter) -> Bool {
        (ids.isEmpty || ids.contains(letter.id)) && (group.map { letter.group.hasPrefix($0) } ?? true)
            && (handler.map { $0 == letter.handler } ?? true)
            && (failureClass.map { $0 == letter.failureClass } ?? true)
            && (type.map { $0.matches(letter.event.type) } ?? true)
    }
}

/// The dead letters of a data folder. Takes no lock and changes nothing, so a host may have the folder. One thread.
package final class StoredLetters {
    package let folder: String
    private let reader: LetterReader
    private let ledger: Ledger

    /// Folds the latest checkpoint and what was written since.
    package init(folder: String) throws(StoredEventError) {
        self.folder = folder
        let (reader, ledger) = try StoredLedger.open(folder)
        self.ledger = ledger
        self.reader = LetterReader(reader)
    }

    /// Letters that are kept: neither redriven nor purged.
    package var count: Int { Int(ledger.counts.letters) }
    /// Handlers that the log has a number for.
    package var handlers: [String] { ledger.names.names(.handler) }

    /// Visits the kept letters, oldest first, until `body` says false.
    package func forEach(_ body: (StoredLetter) throws -> Bool) throws {
        var last: LetterID?
        while true {
            let letters = ledger.letters(after: last, limit: 256)
            guard !letters.isEmpty else { return }
            for letter in letters {
                guard try body(try reader.read(letter)) else { return }
            }
            last = letters.last?.id
        }
    }

    /// A letter that is kept; `nil` when there is none of this id.
    package func letter(_ id: LetterID) throws -> StoredLetter? {
        guard let letter = ledger.letter(id), !letter.isRedriven else { return nil }
        return try reader.read(letter)
    }
}

/// Reads kept letters where the ledger says they lie. One thread.
struct LetterReader {
    let reader: LogReader
    private let codec = CloudEventsCodec.ofStored()

    init(_ reader: LogReader) { self.reader = reader }

    func read(_ letter: KeptLetter) throws -> StoredLetter {
        let frame = try reader.read(letter.location, sequence: letter.id.sequence)
        var records: [DeadLetterRecord] = []
        try frame.view.forEachRecord { record throws(LogFormatError) in
            if case .deadLetter(let record) = record { records.append(record) }
        }
        guard records.indices.contains(Int(letter.id.index)) else {
            throw LogFormatError("frame \(letter.id.sequence) has no dead letter \(letter.id.index)")
        }
        let record = records[Int(letter.id.index)]
        return StoredLetter(
            id: letter.id, delivery: record.delivery, diedAt: record.diedAt, event: try codec.event(record.event),
            line: record.event, history: record.history, edit: try letter.edit.flatMap { try edit(letter.id, at: $0) },
            origin: try origin(of: record.delivery))
    }

    private func origin(of id: DeliveryID) throws -> StoredLetter.Origin? {
        guard reader.positions.contains(id.position) else { return nil }
        var cursor = try reader.frames(fromPosition: id.position)
        guard let frame = try cursor.next() else { return nil }
        var first = frame.view.header.firstPosition
        var found: StoredLetter.Origin?
        _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
            guard kind == .events else { return }
            let section = try EventsSection(bytes)
            defer { first += UInt64(section.count) }
            guard id.position >= first, id.position - first < UInt64(section.count) else { return }
            let event = Int(id.position - first)
            var origin = StoredLetter.Origin(isMuted: section.isMuted)
            try section.forEachDelivery { delivery in
                guard delivery.event == event, delivery.handler == id.handler else { return }
                origin.keyHash = delivery.keyHash
                origin.rateKeyHash = delivery.rateKeyHash
                origin.priority = delivery.priority
            }
            found = origin
        }
        return found
    }

    /// The last edit of a letter. A frame that was not synced when the disk failed lies elsewhere than where it was
    /// written: then it is searched for.
    private func edit(_ id: LetterID, at location: FrameLocation) throws -> [UInt8]? {
        do {
            if let edit = try edit(id, in: try reader.read(location)) { return edit }
        } catch let error as LogError {
            guard error.code == .corrupt || error.code == .missing || error.code == .io else { throw error }
        }
        var last: [UInt8]?
        var cursor = reader.frames(fromSequence: id.sequence)
        while let frame = try cursor.next() { last = try edit(id, in: frame) ?? last }
        return last
    }

    private func edit(_ id: LetterID, in frame: LogFrame) throws -> [UInt8]? {
        var edit: [UInt8]?
        try frame.view.forEachRecord { record throws(LogFormatError) in
            if case .operation(let operation) = record, operation.letter == id, operation.kind == .edit {
                edit = operation.event
            }
        }
        return edit
    }
}
