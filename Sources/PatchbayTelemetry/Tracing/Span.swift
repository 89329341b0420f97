/// A finished unit of work of a trace, as exporters take it.
package struct Span: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        // Raw values are OTLP's.
        case `internal` = 1
        case server, client, producer, consumer
    }

    package enum Status: Hashable, Sendable {
        case unset, ok
        case error(String)
    }

    /// Something at one moment of the span.
    package struct Event: Hashable, Sendable {
        package var name: String
        /// Unix nanoseconds.
        package var time: UInt64
        package var attributes: [Attribute]

        package init(name: String, time: UInt64, attributes: [Attribute] = []) {
            self.name = name
            self.time = time
            self.attributes = attributes
        }
    }

    /// A pointer to a span that is no ancestor: the creation context, the previous attempt.
    package struct Link: Hashable, Sendable {
        package var context: TraceContext
        package var traceState: String
        package var attributes: [Attribute]

        package init(context: TraceContext, traceState: String = "", attributes: [Attribute] = []) {
            self.context = context
            self.traceState = traceState
            self.attributes = attributes
        }
    }

    package var name: String
    package var kind: Kind
    package var context: TraceContext
    /// 0: the trace's root.
    package var parentSpanID: UInt64
    /// Whether the parent span was made outside of this host.
    package var parentIsRemote: Bool
    /// Validated `tracestate`, or empty.
    package var traceState: String
    /// Unix nanoseconds.
    package var start: UInt64
    /// Unix nanoseconds, at or after `start`; 0 while open.
    package var end: UInt64
    package var status: Status
    /// Keys are unique; order is kept.
    package var attributes: [Attribute]
    package var events: [Event]
    package var links: [Link]

    package init(
        name: String, kind: Kind, context: TraceContext, parentSpanID: UInt64 = 0, parentIsRemote: Bool = false,
        traceState: String = "", start: UInt64, end: UInt64 = 0, status: Status = .unset,
        attributes: [Attribute] = [], events: [Event] = [], links: [Link] = []
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parentSpanID = parentSpanID
        self.parentIsRemote = parentIsRemote
        self.traceState = traceState
        self.start = start
        self.end = end
        self.status = status
        self.attributes = attributes
        self.events = events
        self.links = links
    }

    /// The value of the attribute `key`; setting replaces it in place, appends it, or removes it with `nil`.
    package subscript(key: String) -> AttributeValue? {
        get { attributes.first { $0.key == key }?.value }
        set {
            guard let index = attributes.firstIndex(where: { $0.key == key }) else {
                if let newValue { attributes.append(Attribute(key, newValue)) }
                return
            }
            if let newValue { attributes[index].value = newValue } else { attributes.remove(at: index) }
        }
    }
}
