/// Names a dead letter for the life of the data folder: the frame that holds it, and its place among that frame's.
package struct LetterID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The frame's.
    package var sequence: UInt64
    /// From 0, over all dead letters of the frame.
    package var index: UInt32

    package init(sequence: UInt64, index: UInt32) {
        self.sequence = sequence
        self.index = index
    }

    /// `sequence-index`; `nil` for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let sequence = UInt64(parts[0]), let index = UInt32(parts[1]) else { return nil }
        self.init(sequence: sequence, index: index)
    }

    package static func < (one: LetterID, other: LetterID) -> Bool {
        one.sequence != other.sequence ? one.sequence < other.sequence : one.index < other.index
    }

    /// `sequence-index`, as operators see and type it.
    package var description: String { "\(sequence)-\(index)" }
}

/// What an operator did to a dead letter, kept as it was done.
package struct OperationRecord: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// The letter's delivery is pending again, for `target`, with no attempts.
        case redrive = 1
        /// The letter is thrown away.
        case purge = 2
        /// `event` is what a redrive will deliver; the letter stays as it is. The last edit counts.
        case edit = 3
        /// A redrive to another handler: the same frame accepts the letter's event anew, for `target`.
        case redirect = 4

        /// The letter ends with it, and its event is delivered again.
        package var isRedrive: Bool { self == .redrive || self == .redirect }
    }

    package var kind: Kind
    package var letter: LetterID
    /// The letter's, so that a list of operations can be read by itself.
    package var delivery: DeliveryID
    /// Of a redrive: the handler that gets the delivery. `DeadLetterRecord.noHandler` when the same frame accepts the
    /// letter's event anew for the letter's handler. Of a redirect: the handler that gets the new delivery.
    package var target: UInt16
    /// Unix nanoseconds.
    package var at: UInt64
    package var who: String
    /// Of an edit: the event in structured JSON. Else empty.
    package var event: [UInt8]

    package init(
        _ kind: Kind, _ letter: LetterID, of delivery: DeliveryID, target: UInt16? = nil, at: UInt64, by who: String,
        event: [UInt8] = []
    ) {
        self.kind = kind
        self.letter = letter
        self.delivery = delivery
        self.target = target ?? delivery.handler
        self.at = at
        self.who = who
        self.event = event
    }

    /// The same frame accepts the letter's event anew, which is the one way for a letter without a position.
    package var isAnew: Bool { kind == .redirect || (kind == .redrive && target == DeadLetterRecord.noHandler) }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        letter = LetterID(sequence: try reader.next(), index: try reader.next())
        guard let kind = Kind(rawValue: try reader.next()) else { throw LogFormatError("an unknown operation") }
        self.kind = kind
        _ = try reader.next(UInt8.self)
        target = try reader.next()
        delivery = DeliveryID(position: try reader.next(), handler: try reader.next())
        let whoLength = Int(try reader.next(UInt16.self))
        let eventLength = Int(try reader.next(UInt32.self))
        at = try reader.next()
        who = try reader.text(whoLength)
        event = [UInt8](try reader.take(eventLength))
        try reader.skipPadding(to: 8)
    }

    /// Longer names are cut, in bytes.
    static let whoMax = 1020

    /// Writes the record; of `who` as many characters as fit 1,020 bytes.
    package func write(to writer: inout ByteWriter) {
        var who = String(self.who.prefix(Self.whoMax))
        while who.utf8.count > Self.whoMax { who.removeLast() }
        writer.append(letter.sequence)
        writer.append(letter.index)
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        writer.append(target)
        writer.append(delivery.position)
        writer.append(delivery.handler)
        writer.append(UInt16(who.utf8.count))
        writer.append(UInt32(event.count))
        writer.append(at)
        writer.append(who)
        writer.append(event)
        writer.pad(to: 8)
    }
}
