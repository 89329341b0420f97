package import PatchbayEvents
package import PatchbayResilience

/// Everything that dispatch needs to know of a configuration, resolved to indices. Immutable while it is used.
package struct DispatchPlan: Sendable {
    package var routes: [RoutePlan]
    package var lanes: [LanePlan]
    /// How long a cancelled call has to complete before the host gives up on it, in nanoseconds.
    package var cancelGrace: UInt64 = 1_000_000_000
    /// Owed calls of one lane that quarantine it.
    package var owedMax = 64
    /// The route by which handlers get what they have subscribed to; `nil` where nobody can.
    package var subscriptionRoute: Int?

    package init(routes: [RoutePlan], lanes: [LanePlan]) {
        self.routes = routes
        self.lanes = lanes
    }
}

/// The policies of one route.
package struct RoutePlan: Sendable {
    package enum OnFailure: Sendable { case blockKey, skipKey, halt }
    package enum BreakerScope: Sendable { case handler, route, key }
    package enum OnOpen: Sendable { case pause, deadLetter }

    package var name: String
    package var retry = RetryPolicy()
    package var budgetRatio = 0.2
    package var budgetMinConcurrency = 3
    package var timeout = TimeoutPolicy()
    /// Routes that use one breaker policy share its breakers by this name.
    package var breakerName = "default"
    package var breaker = CircuitBreakerConfiguration()
    package var breakerScope = BreakerScope.handler
    package var onOpen = OnOpen.pause
    package var rateLimitName = "default"
    package var rateLimit = RateLimitPolicy()
    package var rateLimitIsKeyed = false
    package var onFailure = OnFailure.blockKey
    /// Nanoseconds within which an event's key is taken once; 0 takes everything.
    package var deduplicationWindow: UInt64 = 0
    /// Dead letters of the route also come in as events of this type; empty is not so.
    package var deadLetterType = ""
    /// What handlers get instead of the event; `nil` is the event itself. Only workers ask for it.
    package var transform: (any DeliveryTransform)?
    /// Handlers that are tried with its events, without effects.
    package var shadows: [RouteShadow] = []
    /// The lanes it delivers to; `nil` is any. Lanes of one policy alone wait as a whole, which costs less memory.
    package var lanes: Set<Int>?

    package init(name: String) { self.name = name }
}

/// One lane: a handler under one bulkhead policy.
package struct LanePlan: Sendable {
    package var name: String
    package var handler: Handler
    /// Calls open at once, a batch being one; the manifest's concurrency is already taken into account.
    package var maxInFlight: Int
    /// Deliveries loaded from the log at most.
    package var maxQueue = 512
    /// In flight per ordering key; 0 is no bound.
    package var perKey = 0
    /// Finds the limit by itself; `nil` holds `maxInFlight`.
    package var adaptive: AdaptiveLimitPolicy?
    package var batching = Batching()
    /// What is delivered here is dead: it only waits for its dead letter, in the log like all that is pending.
    package var buries = false

    /// When a batch of events is handed over.
    package struct Batching: Sendable, Hashable {
        /// 1 is no batching.
        package var count = 1
        /// 0 is no bound.
        package var bytes = 0
        /// Nanoseconds; 0 takes what is there.
        package var period: UInt64 = 0

        package init() {}
    }

    /// Events that may be open at once: of a lane that batches, `maxInFlight` full batches.
    var eventsInFlightMax: Int {
        let (product, overflow) = max(1, adaptive?.max ?? maxInFlight).multipliedReportingOverflow(
            by: max(1, batching.count))
        return overflow ? .max : product
    }

    package init(name: String, handler: Handler, maxInFlight: Int) {
        self.name = name
        self.handler = handler
        self.maxInFlight = maxInFlight
    }
}
