@testable import PatchbayTelemetry

/// A fixed point in time, Unix nanoseconds.
let sampleStart: UInt64 = 1_700_000_000_000_000_000

let sampleResource = TelemetryResource(
    serviceName: "patchbay", serviceVersion: "0.1.0", attributes: [Attribute("service.instance.id", "one")])

/// The journey of one order: two deliveries, one of which fails twice and then emits an event that dies.
func sampleJourney() -> [Span] {
    let ids = IDGenerator(seed: 7)
    let trace = ids.traceID(position: 1)
    func context(_ lane: UInt32, _ attempt: UInt32, _ role: UInt32, position: UInt64 = 1) -> TraceContext {
        let id = ids.spanID(position: position, lane: lane, attempt: attempt, role: role)
        return TraceContext(traceID: trace, spanID: id, flags: 1)
    }
    func at(_ microseconds: UInt64) -> UInt64 { sampleStart + microseconds * 1_000 }
    let root = context(0, 0, IDGenerator.Role.receive)
    var spans: [Span] = [
        .receive(
            SpannedEvent(
                id: "order-1042", source: "/shop", type: "com.shop.order.created", subject: "eu/42", bodyBytes: 303),
            from: "orders", context: root, start: at(0), end: at(18)),
        .route(
            matched: ["audit", "orders"], handlers: ["audit.append", "billing.charge"],
            context: context(0, 0, IDGenerator.Role.route),
            parentSpanID: root.spanID, start: at(18), end: at(24)),
    ]
    func attempt(
        _ handler: String, route: String, lane: UInt32, _ number: UInt32, from begin: UInt64,
        previous: TraceContext = .none
    ) -> Span {
        .process(
            handler: handler, route: route, messageID: "order-1042", attempt: Int(number), attemptsMax: 6,
            context: context(lane, number, IDGenerator.Role.process), parentSpanID: root.spanID,
            previousAttempt: previous, start: at(begin))
    }
    var audit = attempt("audit.append", route: "audit", lane: 1, 1, from: 40)
    audit.settle(.done, end: at(1_240))
    var first = attempt("billing.charge", route: "orders", lane: 2, 1, from: 41)
    first.settle(.retry, reason: "card network timeout", retryDelay: 500_000_000, end: at(3_100))
    var second = attempt("billing.charge", route: "orders", lane: 2, 2, from: 503_300, previous: first.context)
    second.settle(
        .retry, reason: "card network timeout", retryDelay: 1_000_000_000, breaker: "open", end: at(506_200))
    var third = attempt("billing.charge", route: "orders", lane: 2, 3, from: 1_506_400, previous: second.context)
    third.settle(.done, breaker: "half-open", emitted: 1, end: at(1_509_500))
    spans += [audit, first, second, third]
    spans.append(
        Span(
            name: "POST /charges", kind: .client, context: context(2, 3, IDGenerator.Role.handler),
            parentSpanID: third.context.spanID, start: at(1_506_500), end: at(1_509_100), status: .ok,
            attributes: [Attribute("amount", 129.9), Attribute("live", true)],
            events: [Span.Event(name: "authorised", time: at(1_508_200), attributes: [Attribute("try", 1)])]))
    let emitted = context(0, 0, IDGenerator.Role.receive, position: 2)
    spans += [
        .emit(
            SpannedEvent(id: "inv-77", source: "/billing", type: "com.shop.invoice.created", bodyBytes: 120),
            from: "billing.charge", context: emitted, parentSpanID: third.context.spanID, start: at(1_509_500),
            end: at(1_509_520)),
        .route(
            matched: ["mail"], handlers: ["mail.send"], context: context(0, 0, IDGenerator.Role.route, position: 2),
            parentSpanID: emitted.spanID, start: at(1_509_520), end: at(1_509_530)),
    ]
    var mail = Span.process(
        handler: "mail.send", route: "mail", messageID: "inv-77", attempt: 1, attemptsMax: 6,
        context: context(3, 1, IDGenerator.Role.process, position: 2), parentSpanID: emitted.spanID,
        start: at(1_509_600))
    mail.settle(.fail, reason: "no such mailbox", end: at(1_511_000))
    mail[SpanKey.deadLetter] = "dead.jsonl"
    spans.append(mail)
    return spans
}

/// Spans with every kind of value, link, status and flag that the encoders know.
func awkwardSpans() -> [Span] {
    let remote = TraceContext(
        traceID: TraceID(high: 0x8000_0000_0000_0001, low: 0xff), spanID: .max, flags: 3, isRemote: true)
    return [
        Span(
            name: "every value \"quoted\" \u{7}\u{1f600}", kind: .consumer,
            context: TraceContext(traceID: remote.traceID, spanID: 1, flags: 1), parentSpanID: .max,
            parentIsRemote: true, traceState: "foo=1,bar=2", start: sampleStart, end: sampleStart + 1,
            status: .error("a\nb"),
            attributes: [
                Attribute("text", "line\nbreak\t\\ \u{2028}"), Attribute("empty", ""), Attribute("no", false),
                Attribute("least", .int(.min)), Attribute("most", .int(.max)), Attribute("half", 0.5),
                Attribute("tiny", .double(.leastNonzeroMagnitude)), Attribute("words", .array(["a", "b"])),
            ],
            events: [
                Span.Event(name: "", time: 0),
                Span.Event(name: "e", time: sampleStart, attributes: [Attribute("k", 1)]),
            ],
            links: [
                Span.Link(context: remote, traceState: "v=1", attributes: [Attribute("patchbay.link", "creation")]),
                Span.Link(context: remote.child(spanID: 5)),
            ]),
        Span(
            name: "bare", kind: .internal, context: TraceContext(traceID: remote.traceID, spanID: 2, flags: 0),
            start: sampleStart, end: sampleStart),
    ]
}
