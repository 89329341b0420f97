extension Configuration.Test {
    /// What is to come of a test; what is `nil` is not looked at.
    package struct Expectation: Sendable, Equatable {
        /// The id of the event that this is about; `nil` is every event.
        package var event: String?
        /// The handler that this is about; `nil` is those that `inject` names, or else all.
        package var handler: String?
        /// The routes that deliver each event, in their order.
        package var route: Configuration.Several<String>?
        /// The handlers that get each event, in the order of its deliveries.
        package var handlers: [String]?
        /// Whether no route takes the events.
        package var unmatched: Bool?
        /// What each route makes of the events.
        package var explain: [RouteVerdict]?
        package var outcome: Outcome?
        /// Charged attempts of each delivery.
        package var attempts: Configuration.Bounds<Int>?
        /// Waits between the attempts of each delivery, from the end of one to the start of the next.
        package var delays: Configuration.Several<Configuration.Bounds<Duration>>?
        /// When attempts start, of all deliveries together, from the test's beginning.
        package var starts: [Configuration.Bounds<Duration>]?
        /// When each delivery is settled, from the test's beginning.
        package var ends: Configuration.Bounds<Duration>?
        /// How long after the test's beginning everything is settled at the latest.
        package var within: Duration?
        /// Most calls that are open at once.
        package var inFlight: Configuration.Bounds<Int>?
        package var order: Order?
        package var breaker: [Transition]?
        /// Attributes that each dead letter has.
        package var deadLetter: [Configuration.AttributeText]?
        /// Events that handlers emit; others may be among them, unless none is listed.
        package var emitted: Configuration.Several<EventText>?
        package var counts: Counts?

        package init() {}
    }

    /// How a delivery ends.
    package enum Outcome: String, Sendable, CaseIterable {
        case done, skipped, dead
        /// It has not ended.
        case pending
    }

    package struct RouteVerdict: Sendable, Equatable {
        package enum Verdict: String, Sendable, CaseIterable {
            case matched, notMatched
            /// Could not be evaluated, and so does not match.
            case failed
            /// A final route matched before.
            case notTried
        }

        package var route: String
        package var verdict: Verdict
    }

    package enum Order: Sendable, Equatable {
        /// Events of one ordering key end in the order in which they came in.
        case byKey
        /// These events end in this order.
        case events([String])
    }

    /// A change of a circuit breaker's state.
    package struct Transition: Sendable, Equatable {
        package enum State: String, Sendable, CaseIterable { case open, halfOpen, closed }

        package var state: State
        /// From the test's beginning; `nil` is at any time.
        package var at: Configuration.Bounds<Duration>?
    }

    /// How many there are of what.
    package struct Counts: Sendable, Equatable {
        package var events: Configuration.Bounds<Int>?
        package var emitted: Configuration.Bounds<Int>?
        package var unmatched: Configuration.Bounds<Int>?
        package var refused: Configuration.Bounds<Int>?
        package var duplicates: Configuration.Bounds<Int>?
        package var deliveries: Configuration.Bounds<Int>?
        package var done: Configuration.Bounds<Int>?
        package var skipped: Configuration.Bounds<Int>?
        package var dead: Configuration.Bounds<Int>?
        package var pending: Configuration.Bounds<Int>?
        package var attempts: Configuration.Bounds<Int>?
        package var retries: Configuration.Bounds<Int>?
        package var timeouts: Configuration.Bounds<Int>?
        package var busy: Configuration.Bounds<Int>?

        package init() {}
    }
}
