import CPatchbay
import PatchbayEvents
import PatchbayTelemetry

/// `patchbay.trace/1`: spans below the call's own, kept by `HandlerSpans` until they end or the call is settled.
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
                _ = HostBlock.with(host) { context in
                    if span != 0 {
                        context.environment.spans.end(span, ok: ok != 0, now: context.environment.unixNow())
                    }
                }
            },
            inject: { host, span, buffer, capacity in
                HostBlock.with(host) { TraceService.inject($0, span, buffer, capacity) } ?? 0
            })
    }

    private static func begin(
        _ context: HostContext, _ call: patchbay_call, _ parent: patchbay_span, _ name: patchbay_str
    ) -> patchbay_span {
        let environment = context.environment
        // The call stays open meanwhile, so its settling finds the span and ends it.
        let span = environment.calls.withOpenEvent(call) { event -> patchbay_span in
            // Empty for an unsampled event: the common case costs no more than this.
            guard event.pointee.traceparent.len > 0,
                let own = TraceContext(traceparent: UnsafeRawBufferPointer(event.pointee.traceparent.bytes))
            else { return 0 }
            return environment.spans.begin(
                call: call, context: own, parent: parent,
                name: ForeignText.lenient(name, max: environment.limits.textBytes), now: environment.unixNow())
        }
        return span ?? 0
    }

    private static func attribute(
        _ context: HostContext, _ span: patchbay_span, _ key: patchbay_str, _ value: patchbay_str
    ) {
        guard span != 0, key.len > 0 else { return }
        let environment = context.environment
        let json = ForeignText.lenient(value, max: environment.limits.textBytes)
        guard let value = SpanAttribute.value(ofJSON: json) else { return }
        let key = ForeignText.lenient(key, max: environment.limits.textBytes)
        environment.spans.setAttribute(span, Attribute(key, value))
    }

    private static func event(
        _ context: HostContext, _ span: patchbay_span, _ name: patchbay_str, _ fields: UnsafePointer<patchbay_kv>?,
        _ count: UInt64
    ) {
        guard span != 0 else { return }
        let environment = context.environment
        environment.spans.addEvent(
            span, name: ForeignText.lenient(name, max: environment.limits.textBytes),
            attributes: ForeignText.attributes(fields, count, limits: environment.limits), now: environment.unixNow())
    }

    private static func inject(
        _ context: HostContext, _ span: patchbay_span, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: UInt64
    ) -> UInt64 {
        guard span != 0, let trace = context.environment.spans.context(of: span) else { return 0 }
        let needed = TraceContext.traceparentBytes
        guard let buffer, capacity >= UInt64(needed) else { return UInt64(needed) }
        return UInt64(trace.writeTraceparent(into: UnsafeMutableRawBufferPointer(start: buffer, count: needed)))
    }
}
