import Synchronization

/// The open spans that handlers began themselves, by handle: what stands behind `patchbay.trace/1`.
///
/// Any thread; one short lock. A handle is 0 when nothing is recorded (the event is not sampled, or a limit is
/// reached); every call on 0, on an ended or on a foreign handle does nothing.
package final class HandlerSpans: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Open spans of all calls together.
        package var openMax = 16_384
        /// Spans of one call.
        package var perCallMax = 128
        package var attributesMax = 64
        package var eventsMax = 64

        package init() {}
    }

    private struct Call {
        var begun: UInt64 = 0
        var spans: [UInt64: Span] = [:]
    }

    private let tracer: Tracer
    private let limits: Limits
    private let calls = Mutex<[UInt64: Call]>([:])
    private let openCount = Atomic<Int>(0)

    package init(tracer: Tracer, limits: Limits = Limits()) {
        self.tracer = tracer
        self.limits = limits
    }

    /// Begins a span.
    ///
    /// - Parameters:
    ///   - call: whose span it is; it is ended with the call at the latest.
    ///   - context: of the attempt's own span.
    ///   - parent: a handle of the same call, or 0 for the attempt's span.
    ///   - now: Unix nanoseconds.
    /// - Returns: the handle, which is the span's id; 0 when nothing is recorded.
    package func begin(call: UInt64, context: TraceContext, parent: UInt64, name: String, now: UInt64) -> UInt64 {
        guard tracer.records(context), openCount.load(ordering: .relaxed) < limits.openMax else { return 0 }
        let handle = calls.withLock { calls -> UInt64 in
            var state = calls[call] ?? Call()
            guard state.begun < UInt64(limits.perCallMax) else { return 0 }
            let role = IDGenerator.Role.handler + UInt32(state.begun)
            let id = tracer.ids.spanID(position: context.spanID, role: role)
            state.begun += 1
            let above = state.spans[parent] == nil ? context.spanID : parent
            state.spans[id] = Span(
                name: name, kind: .internal, context: context.child(spanID: id), parentSpanID: above, start: now)
            calls[call] = state
            return id
        }
        if handle != 0 { openCount.add(1, ordering: .relaxed) }
        return handle
    }

    /// Sets an attribute; past the limit it is dropped.
    package func setAttribute(call: UInt64, _ handle: UInt64, _ attribute: Attribute) {
        change(call, handle) { span, limits in
            if span.attributes.count < limits.attributesMax || span[attribute.key] != nil {
                span[attribute.key] = attribute.value
            }
        }
    }

    /// Adds an event; past the limit it is dropped. `now` in Unix nanoseconds.
    package func addEvent(
        call: UInt64, _ handle: UInt64, name: String, attributes: [Attribute], now: UInt64
    ) {
        change(call, handle) { span, limits in
            guard span.events.count < limits.eventsMax else { return }
            span.events.append(Span.Event(name: name, time: now, attributes: attributes))
        }
    }

    /// Ends and records a span. `now` in Unix nanoseconds.
    package func end(call: UInt64, _ handle: UInt64, ok: Bool, now: UInt64) {
        guard handle != 0 else { return }
        let span = calls.withLock { $0[call]?.spans.removeValue(forKey: handle) }
        guard var span else { return }
        span.end = max(now, span.start)
        span.status = ok ? .ok : .error("")
        openCount.subtract(1, ordering: .relaxed)
        tracer.record(span)
    }

    /// Ends what `call` left open and forgets the call. Call it for every settled attempt that was sampled.
    ///
    /// - Returns: how many spans the handler forgot to end.
    @discardableResult
    package func endAll(call: UInt64, now: UInt64) -> Int {
        let spans = calls.withLock { $0.removeValue(forKey: call)?.spans } ?? [:]
        openCount.subtract(spans.count, ordering: .relaxed)
        for (_, left) in spans.sorted(by: { $0.value.start < $1.value.start }) {
            var span = left
            span.end = max(now, span.start)
            span["patchbay.unended"] = true
            tracer.record(span)
        }
        return spans.count
    }

    /// The context to hand on from a handler's span; `nil` for an ended or foreign handle.
    package func context(call: UInt64, _ handle: UInt64) -> TraceContext? {
        calls.withLock { $0[call]?.spans[handle]?.context }
    }

    private func change(_ call: UInt64, _ handle: UInt64, _ body: (inout Span, Limits) -> Void) {
        guard handle != 0 else { return }
        calls.withLock { calls in
            guard var span = calls[call]?.spans[handle] else { return }
            calls[call]?.spans[handle] = nil
            body(&span, limits)
            calls[call]?.spans[handle] = span
        }
    }
}
