/// Gathers the spans of open journeys until each is complete; a pure machine with bounded memory.
///
/// A journey is complete when every event in it was routed, every delivery settled and every emitted event taken in, as
/// the spans themselves count; then it is printed after a short grace for stragglers. One that does not complete is
/// printed as it is when it has been quiet for `patience`, or when it is the oldest of too many.
struct JourneyCollector {
    struct Configuration: Hashable, Sendable {
        /// Nanoseconds.
        var grace: UInt64 = 50_000_000
        /// Nanoseconds without a new span, counted from the end of an announced retry delay.
        var patience: UInt64 = 10_000_000_000
        var journeysMax = 1_024
        var spansMax = 1_024
    }

    struct Journey: Hashable, Sendable {
        var spans: [Span] = []
        /// Spans beyond `spansMax`.
        var droppedSpans = 0
        /// What is still to come: routing, deliveries, emitted events.
        fileprivate var owed: Int64 = 0
        fileprivate var due: UInt64 = 0

        var isComplete: Bool { owed == 0 }
    }

    private let configuration: Configuration
    private var open: [TraceID: Journey] = [:]
    /// Traces by the time of their first span; those printed since are skipped.
    private var order: [TraceID] = []
    private var oldest = 0

    init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// Takes a finished span.
    ///
    /// - Returns: a journey that had to give way.
    mutating func take(_ span: Span, now: UInt64) -> Journey? {
        let id = span.context.traceID
        var evicted: Journey?
        if open[id] == nil {
            if open.count >= configuration.journeysMax { evicted = takeOldest() }
            order.append(id)
        }
        var journey = open[id] ?? Journey()
        journey.owed += Self.owed(by: span)
        if journey.spans.count < configuration.spansMax {
            journey.spans.append(span)
        } else {
            journey.droppedSpans += 1
        }
        let delay = UInt64(clamping: span.number(SpanKey.retryDelay) ?? 0)
        let wait = journey.isComplete ? configuration.grace : configuration.patience &+ min(delay, 1 << 60)
        journey.due = max(now &+ wait, journey.isComplete ? 0 : journey.due)
        open[id] = journey
        return evicted
    }

    /// The journeys to print now, oldest first.
    mutating func due(now: UInt64) -> [Journey] { remove { $0.due <= now } }

    /// All journeys, oldest first.
    mutating func flush() -> [Journey] { remove { _ in true } }

    /// When `due` will have something; `nil` when nothing is open.
    var nextDue: UInt64? { open.values.map(\.due).min() }

    private mutating func remove(where isDue: (Journey) -> Bool) -> [Journey] {
        var found: [Journey] = []
        var rest: [TraceID] = []
        for id in order[oldest...] {
            guard let journey = open[id] else { continue }
            if isDue(journey) {
                open[id] = nil
                found.append(journey)
            } else {
                rest.append(id)
            }
        }
        order = rest
        oldest = 0
        return found
    }

    private mutating func takeOldest() -> Journey? {
        while oldest < order.count {
            let id = order[oldest]
            oldest += 1
            if oldest > configuration.journeysMax {
                order.removeFirst(oldest)
                oldest = 0
            }
            if let journey = open.removeValue(forKey: id) { return journey }
        }
        return nil
    }

    /// What a span promises, less what it settles.
    private static func owed(by span: Span) -> Int64 {
        switch JourneyRole(span) {
        case .receive: 1
        // Promised by its attempt, and itself to be routed.
        case .emit: span.parentSpanID == 0 ? 1 : 0
        case .route: (span.number(SpanKey.deliveries) ?? 0) - 1
        case .process: (span.number(SpanKey.emitted) ?? 0) - (span.isRetried ? 0 : 1)
        case .other: 0
        }
    }
}
