/// The keys of the span attributes that the host writes.
///
/// - Source: OpenTelemetry semantic conventions, "Messaging spans" and "CloudEvents spans"; `patchbay.` is ours.
package enum SpanKey {
    package static let system = "messaging.system"
    package static let operationName = "messaging.operation.name"
    package static let operationType = "messaging.operation.type"
    package static let destination = "messaging.destination.name"
    package static let messageID = "messaging.message.id"
    package static let bodyBytes = "messaging.message.body.size"
    package static let errorType = "error.type"
    package static let eventID = "cloudevents.event_id"
    package static let eventSource = "cloudevents.event_source"
    package static let eventType = "cloudevents.event_type"
    package static let eventSubject = "cloudevents.event_subject"
    package static let replay = "patchbay.replay"
    package static let route = "patchbay.route"
    package static let deliveries = "patchbay.deliveries"
    package static let handlers = "patchbay.handlers"
    package static let emitted = "patchbay.emitted"
    package static let handler = "patchbay.handler"
    package static let attempt = "patchbay.attempt"
    package static let attemptsMax = "patchbay.attempts_max"
    package static let outcome = "patchbay.outcome"
    package static let reason = "patchbay.reason"
    package static let code = "patchbay.code"
    package static let retryDelay = "patchbay.retry_delay_ns"
    package static let waited = "patchbay.waited_ns"
    package static let breaker = "patchbay.breaker"
    package static let deadLetter = "patchbay.dead_letter"
}

/// What spans tell about the event that they serve.
package struct SpannedEvent: Hashable, Sendable {
    package var id: String
    package var source: String
    package var type: String
    package var subject: String?
    package var bodyBytes: Int

    package init(id: String, source: String, type: String, subject: String? = nil, bodyBytes: Int) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.bodyBytes = bodyBytes
    }
}

/// How an attempt ended, in the words of spans and the console tree.
package enum SpannedOutcome: String, Sendable, CaseIterable {
    case done, skip, retry, fail, timeout, busy, cancelled

    var isError: Bool { self == .retry || self == .fail || self == .timeout }
}

extension Span {
    /// The span of taking one event in from a source; the root of a journey, or below its producer's span.
    package static func receive(
        _ event: SpannedEvent, from source: String, context: TraceContext, start: UInt64, end: UInt64
    ) -> Span {
        var span = Span(name: "receive \(source)", kind: .client, context: context, start: start, end: end)
        span.attributes = messaging("receive", type: "receive", destination: source) + about(event)
        return span
    }

    /// The span of an event that a handler emitted; its parent is the attempt that emitted it.
    package static func emit(
        _ event: SpannedEvent, from handler: String, context: TraceContext, parentSpanID: UInt64, start: UInt64,
        end: UInt64
    ) -> Span {
        var span = Span(
            name: "create \(event.type)", kind: .producer, context: context, parentSpanID: parentSpanID,
            start: start, end: end)
        span.attributes = messaging("create", type: "create", destination: event.type) + about(event)
        span.attributes.append(Attribute(SpanKey.handler, .string(handler)))
        return span
    }

    /// The span of matching one event against the routes.
    ///
    /// - Parameters:
    ///   - routes: the names of the routes that matched, in order.
    ///   - handlers: who gets the event, in the order of routes and targets; the console tree waits for as many
    ///     deliveries and shows them in this order.
    package static func route(
        matched routes: [String], handlers: [String], context: TraceContext, parentSpanID: UInt64, start: UInt64,
        end: UInt64
    ) -> Span {
        Span(
            name: "route", kind: .internal, context: context, parentSpanID: parentSpanID, start: start, end: end,
            attributes: [
                Attribute(SpanKey.system, "patchbay"), Attribute(SpanKey.operationName, "route"),
                Attribute(SpanKey.deliveries, .int(Int64(handlers.count))),
                Attribute(SpanKey.route, .string(routes.joined(separator: ","))),
                Attribute(SpanKey.handlers, .array(handlers.map { .string($0) })),
            ])
    }

    /// The span of one attempt of one handler, still open: settle it with `settle(_:…)`.
    ///
    /// - Parameters:
    ///   - creation: the context that came with the event; linked where valid.
    ///   - previousAttempt: the context of the attempt before; linked where valid.
    package static func process(
        handler: String, route: String, messageID: String, attempt: Int, attemptsMax: Int, context: TraceContext,
        parentSpanID: UInt64, creation: TraceContext = .none, previousAttempt: TraceContext = .none, start: UInt64
    ) -> Span {
        var span = Span(
            name: "process \(handler)", kind: .consumer, context: context, parentSpanID: parentSpanID, start: start)
        span.attributes =
            messaging("process", type: "process", destination: handler) + [
                Attribute(SpanKey.messageID, .string(messageID)), Attribute(SpanKey.route, .string(route)),
                Attribute(SpanKey.handler, .string(handler)), Attribute(SpanKey.attempt, .int(Int64(attempt))),
                Attribute(SpanKey.attemptsMax, .int(Int64(attemptsMax))),
            ]
        if creation.isValid {
            span.links.append(Link(context: creation, attributes: [Attribute("patchbay.link", "creation")]))
        }
        if previousAttempt.isValid {
            span.links.append(
                Link(context: previousAttempt, attributes: [Attribute("patchbay.link", "previous attempt")]))
        }
        return span
    }

    /// Ends an attempt's span.
    ///
    /// - Parameters:
    ///   - reason: the handler's words or the host's, empty where there are none.
    ///   - retryDelay: nanoseconds until the next attempt, `nil` when there will be none.
    ///   - emitted: events that it emitted and that are taken in; the console tree waits for as many `emit` spans.
    ///   - breaker: the breaker's state after this outcome: `closed`, `open` or `half-open`; empty without a breaker.
    package mutating func settle(
        _ outcome: SpannedOutcome, reason: String = "", retryDelay: UInt64? = nil, breaker: String = "",
        emitted: Int = 0, end: UInt64
    ) {
        self.end = max(end, start)
        attributes.append(Attribute(SpanKey.outcome, .string(outcome.rawValue)))
        if !reason.isEmpty { attributes.append(Attribute(SpanKey.reason, .string(reason))) }
        if let retryDelay { attributes.append(Attribute(SpanKey.retryDelay, .int(Int64(clamping: retryDelay)))) }
        if emitted > 0 { attributes.append(Attribute(SpanKey.emitted, .int(Int64(emitted)))) }
        if !breaker.isEmpty { attributes.append(Attribute(SpanKey.breaker, .string(breaker))) }
        if outcome.isError {
            attributes.append(Attribute(SpanKey.errorType, .string(outcome.rawValue)))
            status = .error(reason)
        }
    }

    private static func messaging(_ name: String, type: String, destination: String) -> [Attribute] {
        [
            Attribute(SpanKey.system, "patchbay"), Attribute(SpanKey.operationName, .string(name)),
            Attribute(SpanKey.operationType, .string(type)), Attribute(SpanKey.destination, .string(destination)),
        ]
    }

    private static func about(_ event: SpannedEvent) -> [Attribute] {
        var found = [
            Attribute(SpanKey.messageID, .string(event.id)), Attribute(SpanKey.bodyBytes, .int(Int64(event.bodyBytes))),
            Attribute(SpanKey.eventID, .string(event.id)), Attribute(SpanKey.eventSource, .string(event.source)),
            Attribute(SpanKey.eventType, .string(event.type)),
        ]
        if let subject = event.subject { found.append(Attribute(SpanKey.eventSubject, .string(subject))) }
        return found
    }
}
