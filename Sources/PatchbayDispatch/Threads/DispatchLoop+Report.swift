import CPatchbayJSON
import PatchbayEvents
import PatchbayResilience
import PatchbayTelemetry

/// What is told of an attempt: to the log lines when it failed, to the traces when it is sampled.
extension DispatchLoop {
    func report(
        _ reference: DeliveryReference, _ info: CallInfo, _ kind: OutcomeKind, _ details: ResultDetails?,
        _ settlement: Settlement, conflict: Bool, emitted: Int = 0
    ) {
        let failed = kind != .done && kind != .skip
        guard failed || info.isSampled else { return }
        let trace = reference.batch.traces[reference.event]
        let context = TraceContext(
            traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: info.span,
            flags: info.isSampled ? TraceContext.Flag.sampled : 0)
        if info.isSampled {
            recordSpan(
                reference, info, kind, details, settlement, context, conflict: conflict, emitted: emitted)
        }
        guard failed else { return }
        let record = reference.batch.events[reference.event]
        let view = BatchView(reference.batch)
        host.attemptFailed(
            AttemptReport(
                eventID: String(view.bytes(record.id)), eventSource: String(view.bytes(record.source)),
                route: reference.route, lane: reference.lane, attempt: settlement.attempt, outcome: kind,
                reason: details?.reason ?? "", verdict: settlement.verdict, retryDelay: settlement.retryDelay,
                trace: context))
    }

    private func recordSpan(
        _ reference: DeliveryReference, _ info: CallInfo, _ kind: OutcomeKind, _ details: ResultDetails?,
        _ settlement: Settlement, _ context: TraceContext, conflict: Bool, emitted: Int
    ) {
        let view = BatchView(reference.batch)
        let record = reference.batch.events[reference.event]
        let trace = reference.batch.traces[reference.event]
        let previous = info.previousSpan
        var span = Span.process(
            handler: dispatcher.plan.lanes[reference.lane].handler.name,
            route: dispatcher.plan.routes[reference.route].name, messageID: String(view.bytes(record.id)),
            attempt: Int(info.attempt), attemptsMax: Int(info.attemptsMax), context: context,
            parentSpanID: trace.receive, creation: Self.creation(view, record),
            previousAttempt: previous == 0 ? .none : context.child(spanID: previous), start: info.startedUnix)
        let outcome: SpannedOutcome =
            switch kind {
            case .done: conflict ? .busy : .done
            case .skip: .skip
            case .busy: .busy
            case .fail: .fail
            case .cancelled: .timeout
            case .retry, .unstarted: .retry
            }
        let end = max(clock.unixNow, info.startedUnix)
        let repeats = settlement.verdict == .retries || settlement.verdict == .goesBack
        span.settle(
            outcome,
            reason: conflict ? "conflict: its state, or a stream, was changed meanwhile" : details?.reason ?? "",
            retryDelay: repeats ? settlement.retryDelay : nil,
            breaker: settlement.breakerState == .halfOpen ? "half-open" : settlement.breakerState.rawValue,
            emitted: emitted, end: end)
        if settlement.verdict == .dies { span[SpanKey.deadLetter] = true }
        dispatcher.tracer.record(span)
    }

    /// The context that came with the event; `.none` without one.
    private static func creation(_ view: BatchView, _ record: pbj_event) -> TraceContext {
        for attribute in view.extensions(of: record) where attribute.key.bytes.elementsEqual("traceparent".utf8) {
            return TraceContext(traceparent: UnsafeRawBufferPointer(attribute.value.bytes)) ?? .none
        }
        return .none
    }
}
