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

    private struct Open {
        let call: UInt64
        var span: Span
    }

    private struct State {
        var open: [UInt64: Open] = [:]
        /// How many spans a call began, until `endAll`.
        var begun: [UInt64: Int] = [:]
    }

    private let tracer: Tracer
    private let limits: Limits
    private let state = Mutex(State())

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
    package func begin(
        call: UInt64, context: TraceContext, parent: UInt64, name: String, kind: Span.Kind = .internal, now: UInt64
    ) -> UInt64 {
        guard tracer.records(context) else { return 0 }
        return state.withLock { state in
            let begun = state.begun[call, default: 0]
            guard begun < limits.perCallMax, state.open.count < limits.openMax else { return 0 }
            var role = IDGenerator.Role.handler + UInt32(begun)
            var id = tracer.ids.spanID(position: context.spanID, role: role)
            // Two calls may share an attempt's span, as in a batch.
            while state.open[id] != nil {
                role += UInt32(limits.perCallMax)
                id = tracer.ids.spanID(position: context.spanID, role: role)
            }
            let above = state.open[parent]?.call == call ? parent : context.spanID
            let span = Span(
                name: name, kind: kind, context: context.child(spanID: id), parentSpanID: above, start: now)
            state.begun[call] = begun + 1
            state.open[id] = Open(call: call, span: span)
            return id
        }
    }

    /// Sets an attribute; past the limit it is dropped.
    package func setAttribute(_ handle: UInt64, _ attribute: Attribute) {
        change(handle) { span, limits in
            if span.attributes.count < limits.attributesMax || span[attribute.key] != nil {
                span[attribute.key] = attribute.value
            }
        }
    }

    /// Adds an event; past the limit it is dropped. `now` in Unix nanoseconds.
    package func addEvent(_ handle: UInt64, name: String, attributes: [Attribute], now: UInt64) {
        change(handle) { span, limits in
            guard span.events.count < limits.eventsMax else { return }
            span.events.append(Span.Event(name: name, time: now, attributes: attributes))
        }
    }

    /// Ends and records a span. `now` in Unix nanoseconds.
    package func end(_ handle: UInt64, ok: Bool, now: UInt64) {
        guard handle != 0, var span = state.withLock({ $0.open.removeValue(forKey: handle)?.span }) else { return }
        span.end = max(now, span.start)
        span.status = ok ? .ok : .error("")
        tracer.record(span)
    }

    /// Ends what `call` left open and forgets the call. Call it for every settled attempt that was sampled.
    ///
    /// - Returns: how many spans the handler forgot to end.
    @discardableResult
    package func endAll(call: UInt64, now: UInt64) -> Int {
        let left = state.withLock { state -> [Span] in
            guard state.begun.removeValue(forKey: call) != nil else { return [] }
            let handles = state.open.filter { $0.value.call == call }.map(\.key)
            return handles.compactMap { state.open.removeValue(forKey: $0)?.span }
        }
        for var span in left.sorted(by: { $0.start < $1.start }) {
            span.end = max(now, span.start)
            span["patchbay.unended"] = true
            tracer.record(span)
        }
        return left.count
    }

    /// The context to hand on from a handler's span; `nil` for 0, an ended or a foreign handle.
    package func context(of handle: UInt64) -> TraceContext? {
        state.withLock { $0.open[handle]?.span.context }
    }

    private func change(_ handle: UInt64, _ body: (inout Span, Limits) -> Void) {
        guard handle != 0 else { return }
        state.withLock { state in
            guard var open = state.open.removeValue(forKey: handle) else { return }
            body(&open.span, limits)
            state.open[handle] = open
        }
    }
}
