import PatchbayEvents

/// One step of a replay, as a client of the control socket asks for it.
package struct ReplayRequest: Sendable, Equatable {
    package var order: ReplayOrder
    package var place: ReplayPlace
    /// The first frame that is too new; `nil` in the first step, whose answer says it.
    package var until: UInt64?
    /// Events of the step at most.
    package var events: Int
    /// Only what was accepted before it, in Unix nanoseconds.
    package var before: UInt64?

    package init(_ order: ReplayOrder, at place: ReplayPlace, until: UInt64?, events: Int, before: UInt64?) {
        self.order = order
        self.place = place
        self.until = until
        self.events = events
        self.before = before
    }

    var members: [(String, Value)] {
        let texts = [
            ("replay", order.id), ("type", order.type), ("route", order.route), ("handler", order.handler),
            ("target", order.target),
        ]
        let numbers = [
            ("from", order.from), ("to", order.to), ("frame", place.frame), ("event", UInt64(place.event)),
            ("until", until), ("events", UInt64(events)), ("before", before),
        ]
        return texts.compactMap { name, text in text.map { (name, .string($0)) } }
            + numbers.compactMap { name, number in number.map { (name, .uint($0)) } }
            + (order.isMuted ? [("mute", .bool(true))] : [])
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        order = ReplayOrder(id: try fields.text("replay"))
        order.type = try fields.optionalText("type")
        order.route = try fields.optionalText("route")
        order.handler = try fields.optionalText("handler")
        order.target = try fields.optionalText("target")
        order.from = try fields.optionalNumber("from")
        order.to = try fields.optionalNumber("to")
        order.isMuted = fields.flag("mute")
        place = ReplayPlace(frame: try fields.number("frame"), event: try fields.count("event"))
        until = try fields.optionalNumber("until")
        events = max(1, try fields.count("events"))
        before = try fields.optionalNumber("before")
    }
}

/// What a step of a replay did.
package struct ReplayAnswer: Sendable, Equatable {
    package var counts: ReplayCounts
    /// Where the next step goes on.
    package var place: ReplayPlace
    /// When what comes next was accepted, when the step ended there; in Unix nanoseconds.
    package var nextAt: UInt64?
    /// The replay's first frame, and the first behind it.
    package var first: UInt64
    package var until: UInt64
    package var isAtEnd: Bool

    init(_ step: ReplayScan.Step, first: UInt64, until: UInt64) {
        counts = step.counts
        place = step.place
        nextAt = step.nextAt
        self.first = first
        self.until = until
        isAtEnd = step.isAtEnd
    }

    var members: [(String, Value)] {
        let numbers = [
            ("events", counts.events), ("deliveries", counts.deliveries), ("copies", counts.copies),
            ("emitted", counts.emitted), ("orphaned", counts.orphaned), ("frame", place.frame),
            ("event", UInt64(place.event)), ("next", nextAt), ("first", first), ("until", until),
        ]
        return numbers.compactMap { name, number in number.map { (name, .uint($0)) } } + [("done", .bool(isAtEnd))]
    }

    init(_ fields: ControlFields) throws(ControlFailure) {
        counts = ReplayCounts()
        counts.events = try fields.number("events")
        counts.deliveries = try fields.number("deliveries")
        counts.copies = try fields.number("copies")
        counts.emitted = try fields.number("emitted")
        counts.orphaned = try fields.number("orphaned")
        place = ReplayPlace(frame: try fields.number("frame"), event: try fields.count("event"))
        nextAt = try fields.optionalNumber("next")
        first = try fields.number("first")
        until = try fields.number("until")
        isAtEnd = fields.flag("done")
    }
}
