import CPatchbayJSON
import PatchbayEvents
import PatchbayTelemetry

extension DispatchLoop {
    /// The attributes that tell where an emitted event comes from.
    private enum Attribute {
        static let causation = "causationid"
        static let correlation = "correlationid"
        static let depth = "emitdepth"
        static let traceparent = "traceparent"
        static let tracestate = "tracestate"
    }

    /// Sends what a done call emitted on its way: with an id that a rerun repeats, cause, correlation and trace.
    ///
    /// - Returns: how many of them come in at once, neither refused nor held back.
    mutating func emit(_ emits: [EmittedEvent], from reference: DeliveryReference, info: CallInfo) -> Int {
        guard !emits.isEmpty else { return 0 }
        var prompt = 0
        let parent = BatchView(reference.batch).event(reference.event)
        let handler = dispatcher.plan.lanes[reference.lane].handler.name
        let depth = (parent[Attribute.depth].flatMap { Int($0) } ?? 0) + 1
        let trace = reference.batch.traces[reference.event]
        let context = TraceContext(
            traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: info.span,
            flags: trace.sampled ? TraceContext.Flag.sampled : 0)
        for (index, emitted) in emits.enumerated() {
            var event = emitted.event
            if event.id.isEmpty { event.id = derivedID(parent, handler, index) }
            if event.time == nil { event.time = UnixTime.text(now &+ unixOffset) }
            event.set(Attribute.causation, parent.id)
            if event[Attribute.correlation] == nil {
                event.set(Attribute.correlation, parent[Attribute.correlation] ?? parent.id)
            }
            event.set(Attribute.depth, String(depth))
            if context.isValid { event.set(Attribute.traceparent, context.traceparent) }
            if let state = parent[Attribute.tracestate] { event.set(Attribute.tracestate, state) }
            guard depth <= dispatcher.options.emitDepthMax else {
                refuse(event, handler: handler, depth: depth)
                continue
            }
            if emitted.notBefore <= now &+ unixOffset { prompt += 1 }
            self.emits.add(Reentry(event: event), notBefore: emitted.notBefore, unixNow: now &+ unixOffset)
        }
        return prompt
    }

    /// The same event emitted by a rerun of the same call has the same id.
    private func derivedID(_ parent: Event, _ handler: String, _ index: Int) -> String {
        StableHash.hexadecimal(
            Array("patchbay.emit/1\u{0}\(parent.source)\u{0}\(parent.id)\u{0}\(handler)\u{0}\(index)".utf8))
    }

    private mutating func refuse(_ event: Event, handler: String, depth: Int) {
        var facts = DeadLetterFacts(
            reason: "emitted \(depth) hops from its origin, limits.emitDepth is \(dispatcher.options.emitDepthMax)",
            failureClass: "emitdepth", now: now &+ unixOffset)
        facts.handler = handler
        unmatchedDead += 1
        host.bury(DeadLetter(event: event, facts: facts))
    }
}

extension Event {
    /// Sets an extension attribute, in place where it is there already.
    mutating func set(_ name: String, _ value: String) {
        if let index = extensions.firstIndex(where: { $0.name == name }) {
            extensions[index].value = value
        } else {
            extensions.append(Extension(name, value))
        }
    }
}
