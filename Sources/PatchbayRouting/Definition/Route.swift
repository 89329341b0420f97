package import PatchbayExpressions

/// One route, as configuration gives it to the table: names resolved to indices, expressions compiled.
package struct Route: Sendable {
    package var name: String
    /// Lower is tried first; equal ones in the table's order.
    package var order: Int
    /// 0 to 9, 9 first, inside a lane.
    package var priority: UInt8
    /// `nil` takes every type.
    package var type: TypePattern?
    /// All must hold.
    package var filters: [RouteFilter]
    /// `nil` takes every event.
    package var match: Expression?
    /// What handlers get instead of the event; `nil` is the event itself.
    package var transform: Transform?
    /// Every entry receives; not empty.
    package var targets: [RouteTarget]
    /// Stops the search when the route matches.
    package var isFinal: Bool
    /// Events of one key are in order; `nil` is no order.
    package var orderingKey: RouteKey?
    /// The key of the rate limit; `nil` limits the lane as a whole.
    package var rateKey: RouteKey?

    /// What the route tells events apart by that it takes only once; `nil` takes all.
    package var deduplicationKey: RouteKey?

    package init(
        name: String, order: Int = 0, priority: UInt8 = 5, type: TypePattern? = nil, filters: [RouteFilter] = [],
        match: Expression? = nil, targets: [RouteTarget], isFinal: Bool = false, orderingKey: RouteKey? = nil,
        rateKey: RouteKey? = nil
    ) {
        self.name = name
        self.order = order
        self.priority = priority
        self.type = type
        self.filters = filters
        self.match = match
        self.targets = targets
        self.isFinal = isFinal
        self.orderingKey = orderingKey
        self.rateKey = rateKey
    }
}

/// A handler as a receiver.
package struct RouteHandler: Sendable, Hashable {
    /// For explanations.
    package var name: String
    /// What "delivered once" counts: one index per handler, from 0 without large gaps.
    package var handler: UInt16
    /// The lane that serves this handler for this route.
    package var lane: UInt16

    package init(name: String, handler: UInt16, lane: UInt16) {
        self.name = name
        self.handler = handler
        self.lane = lane
    }
}

/// One receiver of a route.
package enum RouteTarget: Sendable {
    case handler(RouteHandler)
    /// One of these, as `ChoiceOrder` says: the first whose condition holds, or else one by weight, always the same for
    /// the same ordering key (or, without a key, for the same event), also after a restart. Nobody, where all entries
    /// that may get anything have conditions and none holds; at least one entry may get something.
    case oneOf([RouteChoice])

    /// Every handler that it may choose.
    package var choices: [RouteChoice] {
        switch self {
        case .handler(let handler): [RouteChoice(handler, weight: 1)]
        case .oneOf(let choices): choices
        }
    }
}

/// A handler with its condition, or its share, in a choice.
package struct RouteChoice: Sendable {
    package var handler: RouteHandler
    /// Relative to the weights of the others without a condition; 0 never gets anything.
    package var weight: UInt32
    /// `nil` takes its share of what no condition took.
    package var match: Expression?

    package init(_ handler: RouteHandler, weight: UInt32, match: Expression? = nil) {
        self.handler = handler
        self.weight = weight
        self.match = match
    }
}

/// Knative's filter dialects (Knative Eventing, Trigger filters; CloudEvents Subscriptions API, section 3.2.4.1).
///
/// An attribute that the event does not have equals, begins with and ends with nothing. Extension attributes that are
/// numbers or booleans are compared by their canonical text.
package indirect enum RouteFilter: Sendable {
    /// Every attribute equals its text.
    case exact([RouteAttribute])
    /// Every attribute begins with its text.
    case prefix([RouteAttribute])
    /// Every attribute ends with its text.
    case suffix([RouteAttribute])
    case all([RouteFilter])
    case any([RouteFilter])
    case not(RouteFilter)
    case cel(Expression)
    /// CloudEvents SQL. As in CEL, what cannot be evaluated does not match.
    /// `key` is the dialect's name as written: `cesql` or `sql`.
    case cesql(SQLExpression, key: String)
}

extension RouteFilter {
    /// Whether it may have no value.
    var mayFail: Bool {
        switch self {
        case .exact, .prefix, .suffix: false
        case .all(let filters), .any(let filters): filters.contains(where: \.mayFail)
        case .not(let filter): filter.mayFail
        case .cel, .cesql: true
        }
    }
}

/// A context attribute and the text that it is compared with.
package struct RouteAttribute: Sendable, Hashable {
    package var name: String
    package var text: String

    package init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }
}
