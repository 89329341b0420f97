public import CPatchbay

/// An event and the attempt to handle it, as the host lends them: nothing is copied, and nothing of it can be kept.
///
/// Valid while `handle` runs, in an asynchronous handler across its suspensions too. `Event(copying:)` makes a copy
/// that lives longer.
@frozen
public struct EventView: ~Copyable {
    @usableFromInline let event: UnsafePointer<patchbay_event>

    @inlinable
    init(_ event: UnsafePointer<patchbay_event>) {
        self.event = event
    }

    /// Unique together with `source`; never empty.
    public var id: Text { @_lifetime(borrow self) get { Text(event.pointee.id, of: self) } }
    /// URI reference of who produced it; never empty.
    public var source: Text { @_lifetime(borrow self) get { Text(event.pointee.source, of: self) } }
    /// Such as `com.acme.order.paid`; never empty.
    public var type: Text { @_lifetime(borrow self) get { Text(event.pointee.type, of: self) } }
    /// What the event is about within its source.
    public var subject: Text { @_lifetime(borrow self) get { Text(event.pointee.subject, of: self) } }
    /// RFC 3339.
    public var time: Text { @_lifetime(borrow self) get { Text(event.pointee.time, of: self) } }
    /// Media type of `data`; empty: JSON.
    public var dataContentType: Text { @_lifetime(borrow self) get { Text(event.pointee.datacontenttype, of: self) } }
    /// URI.
    public var dataSchema: Text { @_lifetime(borrow self) get { Text(event.pointee.dataschema, of: self) } }
    /// Name of the route that led here.
    public var route: Text { @_lifetime(borrow self) get { Text(event.pointee.route, of: self) } }
    /// The same for every attempt of one delivery and for no other delivery: for services that deduplicate.
    public var idempotencyKey: Text { @_lifetime(borrow self) get { Text(event.pointee.idempotency_key, of: self) } }
    /// W3C trace context of this attempt; empty when it is not sampled.
    public var traceparent: Text { @_lifetime(borrow self) get { Text(event.pointee.traceparent, of: self) } }
    /// Vendors' part of the trace context.
    public var tracestate: Text { @_lifetime(borrow self) get { Text(event.pointee.tracestate, of: self) } }

    /// 1 for the first attempt.
    @inlinable public var attempt: Int { Int(event.pointee.attempt) }

    /// How many attempts there will be at most, the first one included; nil: no limit.
    @inlinable public var attemptsMax: Int? {
        event.pointee.max_attempts == 0 ? nil : Int(event.pointee.max_attempts)
    }

    /// When this attempt is cancelled, in nanoseconds of the system's monotonic clock; nil: never.
    @inlinable public var deadlineNanoseconds: UInt64? {
        event.pointee.deadline_ns == 0 ? nil : event.pointee.deadline_ns
    }

    /// The payload's bytes.
    public var data: RawSpan {
        @_lifetime(borrow self)
        get {
            let bytes = UnsafeRawBufferPointer(start: event.pointee.data, count: Int(event.pointee.data_len))
            // The bytes are the event's, which the host keeps at least as long as this view of it.
            return _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: self)
        }
    }

    /// The extension attribute of this name in its canonical text form; nil when the event has none.
    public func attribute(_ name: StaticString) -> String? {
        for index in 0..<Int(event.pointee.ext_count) {
            guard let pair = event.pointee.ext?[index], Text(pair.key, of: self) == name else { continue }
            return String(pair.value)
        }
        return nil
    }

    /// The payload read as JSON. Throws `JSONError`, which a handler can let pass: it rejects the event.
    public func json() throws(JSONError) -> JSON {
        try JSON(parsing: UnsafeBufferPointer(start: event.pointee.data, count: Int(event.pointee.data_len)))
    }

    /// The payload decoded from JSON. Throws `JSONError`, which a handler can let pass: it rejects the event.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(JSONError) -> T {
        try json().decode(T.self)
    }
}
