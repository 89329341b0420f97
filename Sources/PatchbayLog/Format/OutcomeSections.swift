/// A delivery: one event for one handler.
package struct DeliveryID: Hashable, Sendable {
    /// The event's position.
    package var position: UInt64
    /// The handler's number in the log's name table.
    package var handler: UInt16

    package init(position: UInt64, handler: UInt16) {
        self.position = position
        self.handler = handler
    }
}

/// A delivery that ended well, 16 bytes.
package struct OutcomeRecord: Equatable, Sendable {
    package enum Kind: UInt8, Sendable { case done = 1, skipped = 2 }

    package static let byteCount = 16

    package var delivery: DeliveryID
    package var kind: Kind
    /// Charged attempts, the last one included.
    package var attempts: UInt32

    package init(_ delivery: DeliveryID, _ kind: Kind, attempts: UInt32) {
        self.delivery = delivery
        self.kind = kind
        self.attempts = attempts
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        delivery = DeliveryID(position: try reader.next(), handler: try reader.next())
        guard let kind = Kind(rawValue: try reader.next()) else { throw LogFormatError("an unknown outcome") }
        self.kind = kind
        _ = try reader.next(UInt8.self)
        attempts = try reader.next()
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(delivery.position)
        writer.append(delivery.handler)
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        writer.append(attempts)
    }
}

/// A charged attempt that failed, and what follows. All times are Unix nanoseconds, so that they hold across restarts.
package struct FailureRecord: Equatable, Sendable {
    package enum Verdict: UInt8, Sendable {
        /// Again at `due`.
        case retries = 1
        /// Given up: its dead letter is in the same frame.
        case dead = 2
        /// It stopped its lane, and is pending as it was.
        case halts = 3
    }

    package var delivery: DeliveryID
    package var verdict: Verdict
    /// Charged so far, this one included.
    package var attempts: UInt32
    package var due: UInt64 = 0
    package var endedAt: UInt64
    /// How long the attempt took, in nanoseconds.
    package var duration: UInt64 = 0
    /// When the first charged attempt started, without waits that the host caused: the total timeout runs from here.
    package var firstStart: UInt64 = 0
    /// Nanoseconds waited before this attempt; backoff goes on from here.
    package var previousDelay: UInt64 = 0
    package var code: Int32 = 0
    package var failureClass: String
    package var reason: String

    package init(
        _ delivery: DeliveryID, _ verdict: Verdict, attempts: UInt32, endedAt: UInt64, failureClass: String,
        reason: String
    ) {
        self.delivery = delivery
        self.verdict = verdict
        self.attempts = attempts
        self.endedAt = endedAt
        self.failureClass = failureClass
        self.reason = reason
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        delivery = DeliveryID(position: try reader.next(), handler: try reader.next())
        guard let verdict = Verdict(rawValue: try reader.next()) else { throw LogFormatError("an unknown verdict") }
        self.verdict = verdict
        let classLength = Int(try reader.next(UInt8.self))
        attempts = try reader.next()
        due = try reader.next()
        endedAt = try reader.next()
        duration = try reader.next()
        firstStart = try reader.next()
        previousDelay = try reader.next()
        code = try reader.next()
        let reasonLength = Int(try reader.next(UInt32.self))
        failureClass = try reader.text(classLength)
        reason = try reader.text(reasonLength)
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        let failureClass = String(failureClass.prefix(63))
        writer.append(delivery.position)
        writer.append(delivery.handler)
        writer.append(verdict.rawValue)
        writer.append(UInt8(failureClass.utf8.count))
        writer.append(attempts)
        writer.append(due)
        writer.append(endedAt)
        writer.append(duration)
        writer.append(firstStart)
        writer.append(previousDelay)
        writer.append(code)
        writer.append(UInt32(reason.utf8.count))
        writer.append(failureClass)
        writer.append(reason)
        writer.pad(to: 8)
    }
}

/// A dead letter as it is kept: the event with the attributes that say why, and the attempts beside it.
package struct DeadLetterRecord: Equatable, Sendable {
    /// The event's position; `UInt64.max` for one that was never accepted as an event of its own.
    package var delivery: DeliveryID
    /// Unix nanoseconds.
    package var diedAt: UInt64
    /// The original event with the `dlq…` attributes, structured JSON.
    package var event: [UInt8]
    /// The failed attempts, JSON.
    package var history: [UInt8]

    /// The handler's number of events that no handler was given.
    package static let noHandler = UInt16.max

    package init(_ delivery: DeliveryID, diedAt: UInt64, event: [UInt8], history: [UInt8]) {
        self.delivery = delivery
        self.diedAt = diedAt
        self.event = event
        self.history = history
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        delivery = DeliveryID(position: try reader.next(), handler: try reader.next())
        _ = try reader.take(6)
        diedAt = try reader.next()
        let eventLength = Int(try reader.next(UInt32.self))
        let historyLength = Int(try reader.next(UInt32.self))
        event = [UInt8](try reader.take(eventLength))
        history = [UInt8](try reader.take(historyLength))
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(delivery.position)
        writer.append(delivery.handler)
        writer.append(UInt16(0))
        writer.append(UInt32(0))
        writer.append(diedAt)
        writer.append(UInt32(event.count))
        writer.append(UInt32(history.count))
        writer.append(event)
        writer.append(history)
        writer.pad(to: 8)
    }
}

/// A route or a handler that gets its number. Numbers are given once and never change their meaning.
package struct NameRecord: Equatable, Sendable {
    package enum Kind: UInt8, Sendable { case route = 1, handler = 2, configuration = 3 }

    package var kind: Kind
    package var number: UInt16
    package var name: String

    package init(_ kind: Kind, _ number: UInt16, _ name: String) {
        self.kind = kind
        self.number = number
        self.name = name
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        guard let kind = Kind(rawValue: try reader.next()) else { throw LogFormatError("an unknown kind of name") }
        self.kind = kind
        _ = try reader.next(UInt8.self)
        number = try reader.next()
        let length = Int(try reader.next(UInt32.self))
        name = try reader.text(length)
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        writer.append(number)
        writer.append(UInt32(name.utf8.count))
        writer.append(name)
        writer.pad(to: 8)
    }
}
