/// Why an event goes where it goes: every route of a table with what decided.
package struct RoutingExplanation: Sendable, Equatable {
    package var eventType: String
    /// In the order of trying.
    package var routes: [RouteExplanation]

    /// Whether `unmatched` decides about the event.
    package var isUnmatched: Bool { !routes.contains { $0.verdict == .matched } }
    /// Deliveries that the event gets.
    package var deliveryCount: Int { routes.reduce(0) { $0 + $1.targets.count { !$0.isDuplicate } } }
}

/// What one route makes of an event.
package struct RouteExplanation: Sendable, Equatable {
    package enum Verdict: Sendable, Equatable {
        case matched
        case notMatched
        /// Something could not be evaluated, so it does not match.
        case failed
        /// The route of this name is final and matched before.
        case notTried(after: String)
    }

    /// Index in the table's routes.
    package var route: Int
    package var name: String
    package var order: Int
    package var verdict: Verdict
    /// What decided: all that holds for a route that matches, otherwise only what does not.
    package var checks: [RouteCheck] = []
    /// Who receives; empty unless it matches.
    package var targets: [TargetExplanation] = []
    /// `nil` when the route has none, or does not match.
    package var orderingKey: KeyExplanation?
    /// What handlers get instead of the event, or why they get nothing; `nil` when the route has no transform, does
    /// not match, or the transform was not tried.
    package var transform: TransformExplanation?
    /// Whether it ended the search.
    package var isFinal = false
}

/// What a route's transform makes of an event.
package enum TransformExplanation: Sendable, Equatable {
    /// The event that handlers get, as JSON on one line.
    case event(String)
    /// Why there is none.
    case failed(String)
}

/// One comparison, and how it came out.
package struct RouteCheck: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case holds
        case doesNotHold
        /// It has no value: why not.
        case failed(String)
    }

    /// Where it stands below the route: `type`, `filters[0].any[1].prefix.subject`, `match`.
    package var place: String
    /// As written: the pattern, the text or the expression.
    package var expected: String
    /// What the event has there; for an expression, the smallest part that decided and what it read. `nil` when the
    /// event has nothing there.
    package var actual: String?
    package var outcome: Outcome
}

/// A receiver of a route that matches.
package struct TargetExplanation: Sendable, Equatable {
    package var handler: String
    package var lane: Int
    /// What it was chosen from, by weight; empty when there was no choice.
    package var choices: [Choice] = []
    /// Whether an earlier route, or an earlier receiver, gave the event to the same handler.
    package var isDuplicate: Bool

    package struct Choice: Sendable, Equatable {
        package var handler: String
        package var weight: Int
    }
}

/// The ordering key of an event on one route.
package struct KeyExplanation: Sendable, Equatable {
    /// As written.
    package var expression: String
    /// `nil` when the event has no key there and so no order.
    package var value: String?
}
