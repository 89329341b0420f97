package import PatchbayEvents
package import PatchbayTelemetry

/// What the events that a call brings forth inherit from the call's own.
package struct EmitLineage {
    /// The attributes that tell where an emitted event comes from.
    private enum Attribute {
        static let causation = "causationid"
        static let correlation = "correlationid"
        static let depth = "emitdepth"
        static let traceparent = "traceparent"
        static let tracestate = "tracestate"
        /// Which handler emitted what is buried right away, or would have got it.
        static let emitter = "dlqhandler"
        static let reason = "dlqreason"
        static let failureClass = "dlqclass"
    }

    /// The failure class of what stands for an event of a stream that cannot be taken in.
    package static let refusedClass = "refused"

    private let parent: Event
    private let handler: String
    private let context: TraceContext
    /// Hops of `parent` from the event that came from outside.
    package let depth: Int

    /// - Parameter context: the call's own, whose children they are.
    package init(parent: Event, handler: String, context: TraceContext) {
        self.parent = parent
        self.handler = handler
        self.context = context
        // An event from outside may claim any.
        depth = parent[Attribute.depth].flatMap { Int($0) }.map { min(max($0, 0), Int(Int32.max)) } ?? 0
    }

    /// `event` with an id that a rerun repeats, time, cause, correlation and trace.
    ///
    /// - Parameter place: tells what one call brings forth apart.
    package func descendant(_ event: Event, place: String, depth: Int, unixNow: UInt64) -> Event {
        var event = event
        // The same event brought forth by a rerun of the same call has the same id.
        if event.id.isEmpty {
            event.id = StableHash.hexadecimal(
                Array("patchbay.emit/1\u{0}\(parent.source)\u{0}\(parent.id)\u{0}\(handler)\u{0}\(place)".utf8))
        }
        if event.time == nil { event.time = UnixTime.text(unixNow) }
        event.set(Attribute.causation, parent.id)
        if event[Attribute.correlation] == nil {
            event.set(Attribute.correlation, parent[Attribute.correlation] ?? parent.id)
        }
        event.set(Attribute.depth, String(depth))
        if let replay = parent[ReplayMark.attribute] { event.set(ReplayMark.attribute, replay) }
        if context.isValid { event.set(Attribute.traceparent, context.traceparent) }
        if let traceState { event.set(Attribute.tracestate, traceState) }
        return event
    }

    /// What the parent hands on to its trace.
    private var traceState: String? {
        guard let state = parent[Attribute.tracestate], var traceparent = parent[Attribute.traceparent] else {
            return nil
        }
        return traceparent.withUTF8 {
            TraceState.continued(state, broughtWith: UnsafeRawBufferPointer($0), in: context.traceID)
        }
    }

    /// A descendant that is too far from its origin, marked for the lane that buries.
    package func buried(_ event: Event) -> Event {
        var event = event
        event.set(Attribute.emitter, handler)
        event.extensions.removeAll { $0.name == Attribute.failureClass }
        return event
    }

    /// What stands for an event of a stream that cannot be taken in for a handler, marked for the lane that buries.
    package static func refused(_ event: Event, for handler: String, reason: String) -> Event {
        var event = event
        event.set(Attribute.emitter, handler)
        event.set(Attribute.reason, reason.attributeText)
        event.set(Attribute.failureClass, refusedClass)
        return event
    }

    /// What the dead letter of such an event says; false for every other event.
    static func wasRefused(_ event: Event, route: String, _ facts: inout DeadLetterFacts) -> Bool {
        guard event[Attribute.failureClass] == refusedClass else { return false }
        facts.reason = event[Attribute.reason] ?? ""
        facts.failureClass = refusedClass
        facts.handler = event[Attribute.emitter] ?? ""
        facts.route = route
        return true
    }

    /// What the dead letter of such an event says.
    static func emittedTooDeep(_ event: Event, depthMax: Int, _ facts: inout DeadLetterFacts) {
        facts.reason =
            "emitted \(event[Attribute.depth] ?? "too many") hops from its origin, limits.emitDepth is \(depthMax)"
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
