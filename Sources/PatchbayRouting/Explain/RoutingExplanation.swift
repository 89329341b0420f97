/// Why an event goes where it goes: every route of a table with what decided.
package struct RoutingExplanation: Sendable, Equatable {
    package var eventType: String
    /// In the order of trying.
    package var routes: [RouteExplanation]

    /// Whether `unmatched` decides about the event.
    package var isUnmatched: Bool { !routes.contains { $0.verdict == .matched } }
    /// Deliveries that the event gets.
    package var deliveryCount: Int { routes.reduce(0) { $0 + $1.targets.count(where: \.delivers) } }
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
    /// 0 to 9, 9 first, inside a lane.
    package var priority = 5
    /// Whether a route that was not tried would have matched; `nil` for one that was tried.
    package var wouldMatch: Bool?
    /// What decided: all that holds for a route that matches, otherwise only what does not.
    package var checks: [RouteCheck] = []
    /// Who receives; empty unless it matches.
    package var targets: [TargetExplanation] = []
    /// `nil` when the route has none, or does not match.
    package var orderingKey: KeyExplanation?
    /// `nil` when the route's rate limit has none, or the route does not match.
    package var rateKey: KeyExplanation?
    /// What handlers get instead of the event, or why they get nothing; `nil` when the route has no transform, does
    /// not match, or the transform was not tried.
    package var transform: TransformExplanation?
    /// Whether it ended the search.
    package var isFinal = false
    /// Handlers that are tried with a share of its events, without effects; empty unless it matches.
    package var shadows: [Shadow] = []

    package struct Shadow: Sendable, Equatable {
        package var handler: String
        /// The share, as `10%`.
        package var sample: String
        /// The handler that it is compared with.
        package var beside: String

        package init(handler: String, sample: String, beside: String) {
            self.handler = handler
            self.sample = sample
            self.beside = beside
        }
    }
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
    /// Of an expression: the smallest part that decided; `nil` for a comparison of one attribute.
    package var decision: Decision?

    /// A part of an expression, and what it read.
    package struct Decision: Sendable, Equatable {
        /// As it is written.
        package var expression: String
        /// `true`, `false`, or why it has no value.
        package var outcome: String
        /// Every operand with its value; empty when the part is itself only one.
        package var operands: [Operand]
    }

    package struct Operand: Sendable, Equatable {
        package var expression: String
        /// As a person reads it, long ones cut; `absent` for what the event does not have.
        package var value: String
    }
}

/// A target of a route that matches, and who receives there.
package struct TargetExplanation: Sendable, Equatable {
    /// `nil` when no condition of the choice holds and nobody gets the rest.
    package var handler: String?
    /// `nil` when nobody receives.
    package var lane: Int?
    /// The conditions that were asked, the last of which holds unless another choice followed; empty without any.
    package var conditions: [RouteCheck] = []
    /// What it was chosen from, by weight; empty when there was no choice.
    package var choices: [Choice] = []
    /// What picks one of the choices: the ordering key; `nil` when there is no choice, or it is by source and id.
    package var chosenBy: KeyExplanation?
    /// The route that gave the event to the same handler before, which may be this one; `nil` when none did.
    package var givenBy: String?

    /// Whether the handler has the event already, so that this adds no delivery.
    package var isDuplicate: Bool { givenBy != nil }
    /// Whether this adds a delivery.
    package var delivers: Bool { handler != nil && !isDuplicate }

    package struct Choice: Sendable, Equatable {
        package var handler: String
        package var weight: Int
    }
}

/// The key of an event on one route, for its order or its rate limit.
package struct KeyExplanation: Sendable, Equatable {
    /// As written.
    package var expression: String
    /// `nil` when the event has no key there: it has no order, or shares the limit of all that have none.
    package var value: String?
}
