import CPatchbay
import PatchbayEvents
import PatchbayTelemetry

/// `patchbay.trace/1`: spans below the call's own.
enum TraceService {
    static var table: patchbay_trace {
        patchbay_trace(
            size: UInt32(MemoryLayout<patchbay_trace>.size), reserved: 0,
            begin: { host, call, parent, name in
                HostBlock.with(host) { TraceService.begin($0, call, parent, name) } ?? 0
            },
            attr: { host, span, key, value in
                _ = HostBlock.with(host) { TraceService.attribute($0, span, key, value) }
            },
            event: { host, span, name, fields, count in
                _ = HostBlock.with(host) { TraceService.event($0, span, name, fields, count) }
            },
            end: { host, span, ok in
                _ = HostBlock.with(host) { TraceService.end($0, span, ok) }
            },
            inject: { host, span, buffer, capacity in
                HostBlock.with(host) { TraceService.inject($0, span, buffer, capacity) } ?? 0
            })
    }

    private static func begin(
        _ context: HostContext, _ call: patchbay_call, _ parent: patchbay_span, _ name: patchbay_str
    ) -> patchbay_span {
        let environment = context.environment
        let own = environment.calls.withOpenEvent(call) { event -> TraceContext? in
            // Empty for an unsampled event: the common case costs no more than this.
            guard event.pointee.traceparent.len > 0 else { return nil }
            return TraceContext(traceparent: UnsafeRawBufferPointer(event.pointee.traceparent.bytes))
        }
        guard let own = own ?? nil, environment.tracer.records(own) else { return 0 }
        let title = ForeignText.lenient(name, max: environment.limits.textBytes)
        let now = environment.unixNow()
        let max = min(environment.limits.spansPerCall, SpanNumber.numberMax)
        let number = environment.calls.withEffects(call) { effects -> Int? in
            let spans = spans(of: &effects, environment)
            guard spans.count < max else { return nil }
            let above = parent == 0 ? nil : spans.context(of: SpanNumber(parent).number)
            // Unique because the attempt's span id is, and the count grows with every span.
            let id = environment.tracer.ids.spanID(
                position: own.spanID, role: IDGenerator.Role.handler &+ UInt32(truncatingIfNeeded: spans.count))
            let span = Span(
                name: title, kind: .internal, context: own.child(spanID: id),
                parentSpanID: above?.spanID ?? own.spanID, start: now)
            return spans.begin(span)
        }
        guard let number = number ?? nil else { return 0 }
        return SpanNumber(call: call, number: number).value
    }

    private static func attribute(
        _ context: HostContext, _ span: patchbay_span, _ key: patchbay_str, _ value: patchbay_str
    ) {
        let limits = context.environment.limits
        guard span != 0, key.len > 0 else { return }
        let key = ForeignText.lenient(key, max: limits.textBytes)
        guard let value = SpanAttribute.value(ofJSON: ForeignText.lenient(value, max: limits.textBytes)) else { return }
        update(context, span) { span in
            if span.attributes.count < limits.fields || span[key] != nil { span[key] = value }
        }
    }

    private static func event(
        _ context: HostContext, _ span: patchbay_span, _ name: patchbay_str, _ fields: UnsafePointer<patchbay_kv>?,
        _ count: UInt64
    ) {
        guard span != 0 else { return }
        let limits = context.environment.limits
        let attributes = ForeignText.pairs(fields, count, max: limits.fields).map { pair in
            Attribute(
                ForeignText.lenient(pair.key, max: limits.textBytes),
                .string(ForeignText.lenient(pair.value, max: limits.textBytes)))
        }
        let event = Span.Event(
            name: ForeignText.lenient(name, max: limits.textBytes), time: context.environment.unixNow(),
            attributes: attributes)
        update(context, span) { span in
            if span.events.count < limits.fields { span.events.append(event) }
        }
    }

    private static func end(_ context: HostContext, _ span: patchbay_span, _ ok: Int32) {
        guard span != 0 else { return }
        let now = context.environment.unixNow()
        withSpans(context, span) { spans, number in spans.end(number, isOK: ok != 0, now: now) }
    }

    private static func inject(
        _ context: HostContext, _ span: patchbay_span, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: UInt64
    ) -> UInt64 {
        let found = withSpans(context, span) { spans, number in spans.context(of: number) }
        guard let trace = found ?? nil else { return 0 }
        guard let buffer, capacity >= UInt64(TraceContext.traceparentBytes) else {
            return UInt64(TraceContext.traceparentBytes)
        }
        let memory = UnsafeMutableRawBufferPointer(start: buffer, count: TraceContext.traceparentBytes)
        return UInt64(trace.writeTraceparent(into: memory))
    }

    private static func update(_ context: HostContext, _ span: patchbay_span, _ change: (inout Span) -> Void) {
        _ = withSpans(context, span) { spans, number in spans.update(number, change) }
    }

    /// `nil` for a span whose call is over.
    @discardableResult
    private static func withSpans<R>(
        _ context: HostContext, _ span: patchbay_span, _ body: (CallSpans, Int) -> R
    ) -> R? {
        let number = SpanNumber(span)
        let environment = context.environment
        guard let call = number.call(in: environment.calls) else { return nil }
        return environment.calls.withEffects(call) { body(spans(of: &$0, environment), number.number) }
    }

    private static func spans(of effects: inout CallEffects, _ environment: HostEnvironment) -> CallSpans {
        if let spans = effects.trace as? CallSpans { return spans }
        let spans = CallSpans(tracer: environment.tracer, unixNow: environment.unixNow)
        effects.trace = spans
        return spans
    }
}
