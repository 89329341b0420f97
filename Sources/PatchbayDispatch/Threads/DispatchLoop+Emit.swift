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
        /// Which handler emitted what is buried right away.
        static let emitter = "dlqhandler"
    }

    /// What the events that a call brings forth inherit from the call's own.
    private struct Origin {
        var parent: Event
        var handler: String
        var context: TraceContext
        /// Hops from the event that came from outside.
        var depth: Int
    }

    /// Sends what a done call emitted on its way: with an id that a rerun repeats, cause, correlation and trace.
    ///
    /// - Returns: how many of them come in at once, neither refused nor held back.
    mutating func emit(_ emits: [EmittedEvent], from reference: DeliveryReference, info: CallInfo) -> Int {
        guard !emits.isEmpty else { return 0 }
        var prompt = 0
        let origin = origin(reference, info)
        let depth = origin.depth + 1
        for (index, emitted) in emits.enumerated() {
            let event = descend(emitted.event, from: origin, place: String(index), depth: depth)
            guard depth <= dispatcher.options.emitDepthMax else {
                refuse(event, from: origin)
                continue
            }
            if emitted.notBefore <= now &+ unixOffset { prompt += 1 }
            self.emits.add(Reentry(event: event), notBefore: emitted.notBefore, unixNow: now &+ unixOffset)
        }
        return prompt
    }

    /// The same for timers. A handler may set its timer again for ever, so that is no hop.
    func timers(_ changes: [TimerChange], from reference: DeliveryReference, info: CallInfo) -> [TimerChange] {
        let origin = origin(reference, info)
        return changes.map { change in
            guard case .set(let id, var timer) = change else { return change }
            timer.event = descend(timer.event, from: origin, place: "timer \(id)", depth: origin.depth)
            return .set(id: id, event: timer)
        }
    }

    private func origin(_ reference: DeliveryReference, _ info: CallInfo) -> Origin {
        let parent = BatchView(reference.batch).event(reference.event)
        let trace = reference.batch.traces[reference.event]
        return Origin(
            parent: parent, handler: dispatcher.plan.lanes[reference.lane].handler.name,
            context: TraceContext(
                traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: info.span,
                flags: trace.sampled ? TraceContext.Flag.sampled : 0),
            depth: parent[Attribute.depth].flatMap { Int($0) } ?? 0)
    }

    private func descend(_ event: Event, from origin: Origin, place: String, depth: Int) -> Event {
        var event = event
        let parent = origin.parent
        // The same event brought forth by a rerun of the same call has the same id.
        if event.id.isEmpty {
            event.id = StableHash.hexadecimal(
                Array("patchbay.emit/1\u{0}\(parent.source)\u{0}\(parent.id)\u{0}\(origin.handler)\u{0}\(place)".utf8))
        }
        if event.time == nil { event.time = UnixTime.text(now &+ unixOffset) }
        event.set(Attribute.causation, parent.id)
        if event[Attribute.correlation] == nil {
            event.set(Attribute.correlation, parent[Attribute.correlation] ?? parent.id)
        }
        event.set(Attribute.depth, String(depth))
        if origin.context.isValid { event.set(Attribute.traceparent, origin.context.traceparent) }
        if let state = parent[Attribute.tracestate] { event.set(Attribute.tracestate, state) }
        return event
    }

    /// Sends an event that is too far from its origin straight to the lane that buries.
    private mutating func refuse(_ event: Event, from origin: Origin) {
        var event = event
        event.set(Attribute.emitter, origin.handler)
        emits.add(Reentry(event: event, lane: burialLane), notBefore: 0, unixNow: now &+ unixOffset)
    }

    /// What the dead letter of such an event says.
    func emittedTooDeep(_ event: Event, _ facts: inout DeadLetterFacts) {
        facts.reason =
            "emitted \(event[Attribute.depth] ?? "too many") hops from its origin, limits.emitDepth is "
            + "\(dispatcher.options.emitDepthMax)"
        facts.failureClass = "emitdepth"
        facts.handler = event[Attribute.emitter] ?? ""
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
