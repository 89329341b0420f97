import CPatchbay

/// An event of a stream, copied.
public struct StreamEvent: Sendable, Equatable {
    /// Its place in the stream.
    public let revision: UInt64
    /// When it was appended, in nanoseconds since the Unix epoch.
    public let appendedNanoseconds: UInt64
    /// Its id.
    public let id: String
    /// Its source.
    public let source: String
    /// Its type.
    public let type: String
    /// All of it: a structured CloudEvent.
    public let text: String

    init(_ event: patchbay_stream_event) {
        revision = event.revision
        appendedNanoseconds = event.appended_ns
        id = String(event.id)
        source = String(event.source)
        type = String(event.type)
        text = String(event.json)
    }

    /// The whole event read as JSON; its payload is the member `data`. Throws `JSONError`.
    public func json() throws(JSONError) -> JSON { try JSON(parsing: text) }
}

/// Which events of a stream: those for which all of this holds. What is 0 or empty is no condition.
public struct StreamFilter: Sendable, Equatable {
    /// Begin with this revision; backward, go down from it.
    public var from: UInt64
    /// Which way to read; a subscription goes forward.
    public var direction: EventStream.Direction
    /// Appended then or later, in nanoseconds since the Unix epoch.
    public var sinceNanoseconds: UInt64
    /// Appended then or before: the stream as it was.
    public var asOfNanoseconds: UInt64
    /// A pattern as routes have it: `*` is one token, `**` the rest.
    public var type: String
    /// The event's `correlationid`.
    public var correlation: String

    /// By default: all.
    public init(
        from: UInt64 = 0, direction: EventStream.Direction = .forward, sinceNanoseconds: UInt64 = 0,
        asOfNanoseconds: UInt64 = 0, type: String = "", correlation: String = ""
    ) {
        self.from = from
        self.direction = direction
        self.sinceNanoseconds = sinceNanoseconds
        self.asOfNanoseconds = asOfNanoseconds
        self.type = type
        self.correlation = correlation
    }

    func withFilter(_ body: (UnsafePointer<patchbay_stream_filter>) -> patchbay_status) -> patchbay_status {
        type.withText { type in
            correlation.withText { correlation in
                var filter = patchbay_stream_filter(
                    size: UInt32(MemoryLayout<patchbay_stream_filter>.size), flags: direction.flags, from: from,
                    since_ns: sinceNanoseconds, as_of_ns: asOfNanoseconds, type: type, correlation: correlation)
                return body(&filter)
            }
        }
    }
}
