/// The spans of one trace, arranged by parent.
struct JourneyTree {
    struct Node {
        let span: Span
        /// By start; of the same start, in the order of recording.
        var children: [Node]
    }

    /// Spans whose parent is not among the given ones, by start.
    let roots: [Node]

    init(_ spans: [Span]) {
        let present = Set(spans.map(\.context.spanID))
        var byParent: [UInt64: [Span]] = [:]
        var tops: [Span] = []
        for span in spans {
            if present.contains(span.parentSpanID), span.parentSpanID != span.context.spanID {
                byParent[span.parentSpanID, default: []].append(span)
            } else {
                tops.append(span)
            }
        }
        roots = Self.nodes(tops, &byParent)
        // Spans that name each other as parents hang on no root; they are not shown.
    }

    private static func nodes(_ spans: [Span], _ byParent: inout [UInt64: [Span]]) -> [Node] {
        spans.sorted { $0.start < $1.start }.map { span in
            let below = byParent.removeValue(forKey: span.context.spanID) ?? []
            return Node(span: span, children: nodes(below, &byParent))
        }
    }
}

/// What a span is in an event's journey.
enum JourneyRole {
    case receive, emit, route, process, other

    init(_ span: Span) {
        guard span[SpanKey.system] == "patchbay" else {
            self = .other
            return
        }
        switch span[SpanKey.operationName] {
        case "receive": self = .receive
        case "create": self = .emit
        case "route": self = .route
        case "process": self = .process
        default: self = .other
        }
    }
}

extension Span {
    func text(_ key: String) -> String {
        guard case .string(let text)? = self[key] else { return "" }
        return text
    }

    /// The strings of a list; empty without one.
    func texts(_ key: String) -> [String] {
        guard case .array(let values)? = self[key] else { return [] }
        return values.map(\.text)
    }

    func number(_ key: String) -> Int64? {
        guard case .int(let number)? = self[key] else { return nil }
        return number
    }

    var outcome: SpannedOutcome? { SpannedOutcome(rawValue: text(SpanKey.outcome)) }

    /// Whether another attempt follows.
    var isRetried: Bool { number(SpanKey.retryDelay) != nil }
}
