package import PatchbayEvents

/// A key of a handler's state as it stands after a commit.
package struct StateRecord: Equatable, Sendable {
    /// Whose: `instance.handler`.
    package var scope: String
    package var key: String
    /// `nil`: the key is gone.
    package var value: [UInt8]?
    package var revision: UInt64
    /// Unix nanoseconds; 0 is never.
    package var expires: UInt64
    package var origin: StateOrigin

    package init(
        scope: String, key: String, value: [UInt8]?, revision: UInt64, expires: UInt64, origin: StateOrigin
    ) {
        self.origin = origin
        self.scope = scope
        self.key = key
        self.value = value
        self.revision = revision
        self.expires = expires
    }

    /// - Parameter hasOrigin: false for those of before logs kept it.
    package init(_ reader: inout ByteReader, hasOrigin: Bool) throws(LogFormatError) {
        let scopeLength = Int(try reader.next(UInt16.self))
        let keyLength = Int(try reader.next(UInt16.self))
        let valueLength = try reader.next(UInt32.self)
        revision = try reader.next()
        expires = try reader.next()
        origin = .unknown
        if hasOrigin { origin = StateOrigin(definition: try reader.next(), position: try reader.next()) }
        scope = try reader.text(scopeLength)
        key = try reader.text(keyLength)
        value = valueLength == .max ? nil : [UInt8](try reader.take(Int(valueLength)))
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(UInt16(clamping: scope.utf8.count))
        writer.append(UInt16(clamping: key.utf8.count))
        writer.append(value.map { UInt32(clamping: $0.count) } ?? .max)
        writer.append(revision)
        writer.append(expires)
        writer.append(origin.definition)
        writer.append(origin.position)
        writer.append(scope)
        writer.append(key)
        if let value { writer.append(value) }
        writer.pad(to: 8)
    }
}

/// A change of a handler's timer, or of an event that a handler emitted for a later time.
package struct TimerRecord: Equatable, Sendable {
    package enum Change: UInt8, Sendable {
        case set = 1, cancelled = 2, fired = 3
        /// An emitted event that is to come in at `due`; its scope is empty, its key the event's id.
        case delayed = 4
        /// It has come in: its event is in the same frame.
        case released = 5
    }

    package var change: Change
    package var scope: String
    package var key: String
    /// Unix nanoseconds; with `set` and `delayed`.
    package var due: UInt64
    /// Structured JSON; with `set` and `delayed`.
    package var event: [UInt8]

    package init(_ change: Change, scope: String, key: String, due: UInt64 = 0, event: [UInt8] = []) {
        self.change = change
        self.scope = scope
        self.key = key
        self.due = due
        self.event = event
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        guard let change = Change(rawValue: try reader.next()) else { throw LogFormatError("an unknown timer change") }
        self.change = change
        _ = try reader.next(UInt8.self)
        let scopeLength = Int(try reader.next(UInt16.self))
        let keyLength = Int(try reader.next(UInt32.self))
        due = try reader.next()
        let eventLength = Int(try reader.next(UInt32.self))
        scope = try reader.text(scopeLength)
        key = try reader.text(keyLength)
        event = [UInt8](try reader.take(eventLength))
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(change.rawValue)
        writer.append(UInt8(0))
        writer.append(UInt16(clamping: scope.utf8.count))
        writer.append(UInt32(clamping: key.utf8.count))
        writer.append(due)
        writer.append(UInt32(clamping: event.count))
        writer.append(scope)
        writer.append(key)
        writer.append(event)
        writer.pad(to: 8)
    }
}

/// A handler's subscription to a stream as it stands, or that it is gone.
package struct SubscriptionRecord: Equatable, Sendable {
    /// Whose: `instance.handler`.
    package var scope: String
    package var name: String
    /// `nil`: the subscription is gone. Its `from` is the revision that comes next.
    package var wish: StreamWish?

    package init(scope: String, name: String, wish: StreamWish?) {
        self.scope = scope
        self.name = name
        self.wish = wish
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        let change = try reader.next(UInt8.self)
        guard change == 1 || change == 2 else { throw LogFormatError("an unknown change of a subscription") }
        _ = try reader.next(UInt8.self)
        let scopeLength = Int(try reader.next(UInt16.self))
        let nameLength = Int(try reader.next(UInt16.self))
        let streamLength = Int(try reader.next(UInt16.self))
        let next = try reader.next(UInt64.self)
        let typeLength = Int(try reader.next(UInt32.self))
        let correlationLength = Int(try reader.next(UInt32.self))
        scope = try reader.text(scopeLength)
        name = try reader.text(nameLength)
        let wish = StreamWish(
            stream: try reader.text(streamLength), from: next, type: try reader.text(typeLength),
            correlation: try reader.text(correlationLength))
        self.wish = change == 1 ? wish : nil
        try reader.skipPadding(to: 8)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(UInt8(wish == nil ? 2 : 1))
        writer.append(UInt8(0))
        writer.append(UInt16(clamping: scope.utf8.count))
        writer.append(UInt16(clamping: name.utf8.count))
        writer.append(UInt16(clamping: wish?.stream.utf8.count ?? 0))
        writer.append(wish?.from ?? 0)
        writer.append(UInt32(clamping: wish?.type.utf8.count ?? 0))
        writer.append(UInt32(clamping: wish?.correlation.utf8.count ?? 0))
        writer.append(scope)
        writer.append(name)
        if let wish {
            writer.append(wish.stream)
            writer.append(wish.type)
            writer.append(wish.correlation)
        }
        writer.pad(to: 8)
    }
}
