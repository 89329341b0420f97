import Glibc
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayExpressions
import PatchbayModules
import PatchbayResilience
import PatchbayRouting

extension Blueprint.Lane {
    /// Whose state and timers its handler's are.
    var scope: HandlerScope {
        HandlerScope(name: handler)
    }
}

extension Blueprint {
    /// Calls at once that a lane's bulkhead allows; the manifest may lower it.
    package func maxInFlight(_ lane: Lane) -> Int {
        let policy = configuration.policies.bulkheads.policy(lane.bulkhead)
        if policy.algorithm == .gradient2 { return policy.max }
        switch policy.maxInFlight {
        case .auto: return BulkheadPolicy.automatic(cores: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        case .count(let count): return count
        }
    }

    /// The plan that dispatch works by. Behind the table's routes stand one for timers and one for subscriptions, with the
    /// default policies.
    ///
    /// - Parameter state: the value that a lane's handler has stored under a key, for transforms; any thread may ask.
    func dispatchPlan(
        handlers: [String: Handler], state: @escaping RouteTransform.State = { _, _ in nil }
    ) throws(BlueprintError) -> DispatchPlan {
        var routes: [RoutePlan] = []
        for (index, route) in configuration.routes.enumerated() {
            var plan = try routePlan(route)
            plan.transform = table.routes[index].transform.map { RouteTransform($0, state: state) }
            plan.lanes = Set(lanes(ofRoute: index))
            routes.append(plan)
        }
        var timers = try routePlan(Configuration.Route())
        timers.name = Self.timerRouteName
        var subscriptions = timers
        subscriptions.name = Self.subscriptionRouteName
        routes += [timers, subscriptions]
        var lanes: [LanePlan] = []
        for lane in self.lanes {
            guard let handler = handlers[lane.handler] else {
                throw BlueprintError(message: "the handler '\(lane.handler)' was not loaded", location: nil)
            }
            lanes.append(lanePlan(lane, handler))
        }
        var plan = DispatchPlan(routes: routes, lanes: lanes)
        plan.subscriptionRoute = subscriptionRoute
        return plan
    }

    /// What deliveries of timers and of subscriptions are recorded under.
    static let timerRouteName = "(timer)"
    static let subscriptionRouteName = "(subscription)"
    /// In the plan, right behind the table's routes.
    var timerRoute: Int { table.routes.count }
    var subscriptionRoute: Int { table.routes.count + 1 }

    /// The lanes that a route of the table may deliver to.
    func lanes(ofRoute route: Int) -> [Int] {
        table.routes[route].targets.flatMap(\.choices).map { Int($0.handler.lane) }
    }

    private func lanePlan(_ lane: Lane, _ handler: Handler) -> LanePlan {
        let policy = configuration.policies.bulkheads.policy(lane.bulkhead)
        let allowed = handler.concurrency > 0 ? handler.concurrency : .max
        var plan = LanePlan(name: lane.name, handler: handler, maxInFlight: min(maxInFlight(lane), allowed))
        plan.maxQueue = policy.maxQueue
        plan.perKey = policy.perKey
        if policy.algorithm == .gradient2 {
            plan.adaptive = AdaptiveLimitPolicy(
                min: policy.min, initial: min(policy.initial, allowed), max: min(policy.max, allowed),
                tolerance: policy.tolerance)
        }
        plan.batching.count = lane.batching.count
        plan.batching.bytes = lane.batching.byteSize
        plan.batching.period = UInt64(max(0, lane.batching.period.nanosecondsSaturated))
        return plan
    }

    private func routePlan(_ route: Configuration.Route) throws(BlueprintError) -> RoutePlan {
        let policies = configuration.policies
        var plan = RoutePlan(name: route.name)
        let retry = policies.retries.policy(route.use.retry.name)
        plan.retry = RetryPolicy(
            policy: RetryGrowth(rawValue: retry.policy.rawValue) ?? .exponential, duration: retry.duration,
            multiplier: retry.multiplier, maxInterval: retry.maxInterval, maxRetries: retry.maxRetries,
            jitter: RetryJitter(rawValue: retry.jitter.rawValue) ?? .full, retryAfterMax: retry.retryAfterMax,
            holdSlotUpTo: retry.holdSlotUpTo,
            matching: RetryMatching(retry: retry.matching.retry, never: retry.matching.never))
        plan.budgetRatio = retry.budget.ratio
        plan.budgetMinConcurrency = retry.budget.minConcurrency
        let timeout = policies.timeouts.policy(route.use.timeout.name)
        plan.timeout = TimeoutPolicy(attempt: timeout.attempt, total: timeout.total)
        let breaker = policies.circuitBreakers.policy(route.use.circuitBreaker.name)
        plan.breakerName = breaker.name
        plan.breaker = CircuitBreakerConfiguration(
            interval: breaker.interval, slowCall: breaker.slowCall, timeout: breaker.timeout,
            maxTimeout: breaker.maxTimeout, maxRequests: breaker.maxRequests, trip: try trip(breaker.trip))
        plan.breakerScope =
            switch breaker.scope {
            case .handler: .handler
            case .route: .route
            case .key: .key
            }
        plan.onOpen = breaker.onOpen == .pause ? .pause : .deadLetter
        let limit = policies.rateLimits.policy(route.use.rateLimit.name)
        plan.rateLimitName = limit.name
        plan.rateLimit = RateLimitPolicy(count: limit.count, interval: limit.interval)
        plan.rateLimitIsKeyed = !limit.key.isEmpty
        plan.deadLetterType = route.deadLetter.type
        plan.deduplicationWindow = route.dedup?.window.nanosecondsForClock ?? 0
        plan.onFailure =
            switch route.ordering.onFailure {
            case .blockKey: .blockKey
            case .skipKey: .skipKey
            case .halt: .halt
            }
        return plan
    }

    /// The trip condition; the default one without the way through an expression.
    private func trip(_ source: ExpressionSource) throws(BlueprintError) -> @Sendable (CircuitBreakerCounts) -> Bool {
        if source.text == Configuration.CircuitBreakerPolicy.tripDefault {
            return CircuitBreakerConfiguration.tripsByDefault
        }
        let expression: Expression
        do {
            expression = try Expression(
                source.text, in: ExpressionEnvironment(variables: Configuration.tripVariables))
        } catch {
            throw BlueprintError(message: "\(error)", location: source.location)
        }
        // In the order of `tripVariables`.
        return { counts in
            expression.matches(
                nil,
                variables: [
                    .int(Int64(counts.consecutiveFailures)), .int(Int64(counts.requests)),
                    .double(counts.failureRatio), .double(counts.slowRatio),
                ]) == .yes
        }
    }
}
