extension Linter {
    /// A breaker that runs: a policy for one handler, and for one route where that is its scope.
    private struct Breaker {
        var policy: Configuration.CircuitBreakerPolicy
        var handler: String
        var routes: [Int]
    }

    /// Breakers whose trip condition never comes true.
    mutating func lintBreakers() {
        var warned: Set<String> = []
        for breaker in breakers {
            let reach = reach(of: breaker)
            guard !warned.contains(breaker.policy.name), reach.canTrip(breaker.policy.trip.text) == false else {
                continue
            }
            warned.insert(breaker.policy.name)
            let isBounded = TripReach(hasSlowCalls: reach.hasSlowCalls).canTrip(breaker.policy.trip.text) == true
            let canBeSlow = TripReach(requestsMax: reach.requestsMax).canTrip(breaker.policy.trip.text) == true
            var reasons: [String] = []
            if let most = reach.requestsMax, isBounded || !canBeSlow && !reach.hasSlowCalls {
                reasons.append(
                    "the rate limit lets at most \(most) calls of '\(breaker.handler)' end within the interval of "
                        + breaker.policy.interval.text)
            }
            if !reach.hasSlowCalls,
                canBeSlow || reasons.isEmpty && TripReach().canTrip(breaker.policy.trip.text) == true
            {
                reasons.append(
                    breaker.policy.slowCall == .zero
                        ? "slowCall is 0s, so no call is slow"
                        : "an attempt is given up before it has taken slowCall \(breaker.policy.slowCall.text), so no call "
                            + "is slow")
            }
            if reasons.isEmpty { reasons = ["no counts make it true: ratios are 0 to 1, and counts are 0 or more"] }
            warn(
                .breakerNeverTrips,
                "circuit breaker policy '\(breaker.policy.name)' never trips for '\(breaker.handler)'",
                reason: "\(reasons.joined(separator: ", and ")); trip is \(breaker.policy.trip.text)",
                remedy: "lower the numbers in trip, or lengthen the interval",
                at: [
                    "policies.circuitBreakers.\(breaker.policy.name).trip",
                    "policies.circuitBreakers.\(breaker.policy.name).interval",
                    "routes[\(breaker.routes[0])].use.circuitBreaker", "routes[\(breaker.routes[0])].use.rateLimit",
                    "routes[\(breaker.routes[0])].name",
                ], or: configuration.routes[breaker.routes[0]].location)
        }
    }

    private var breakers: [Breaker] {
        var found: [Breaker] = []
        for (index, route) in configuration.routes.enumerated() {
            guard let policy = configuration.policies.circuitBreakers[route.use.circuitBreaker.name] else { continue }
            for handler in Set(route.to.flatMap(\.handlers).map(\.name)).sorted() {
                let same = found.firstIndex {
                    policy.scope != .route && $0.policy.name == policy.name && $0.handler == handler
                }
                if let same {
                    found[same].routes.append(index)
                } else {
                    found.append(Breaker(policy: policy, handler: handler, routes: [index]))
                }
            }
        }
        return found
    }

    private func reach(of breaker: Breaker) -> TripReach {
        let attempts = breaker.routes.compactMap { index in
            configuration.policies.timeouts[configuration.routes[index].use.timeout.name]?.attempt
        }
        let longest = (attempts.max() ?? .zero) + Self.grace
        return TripReach(
            requestsMax: requestsMax(breaker, longest: longest),
            hasSlowCalls: breaker.policy.slowCall > .zero && breaker.policy.slowCall <= longest)
    }

    /// A call that is cancelled at its deadline is closed a second later.
    private static let grace = Duration.seconds(1)

    /// Calls that can end within the breaker's interval: each lane's limit starts `count` at once and then one every
    /// `interval / count`, and a call that ends in the window began at most `longest` before it.
    private func requestsMax(_ breaker: Breaker, longest: Duration) -> Int? {
        struct Limiter: Hashable {
            var name: String
            var bulkhead: String
            var batching: Configuration.Batching
        }
        var limiters: Set<Limiter> = []
        for index in breaker.routes {
            let route = configuration.routes[index]
            guard let limit = configuration.policies.rateLimits[route.use.rateLimit.name], limit.count > 0,
                limit.key.isEmpty, route.batching.count == 1
            else { return nil }
            for receiver in route.receivers where receiver.handler.name == breaker.handler {
                limiters.insert(
                    Limiter(name: limit.name, bulkhead: receiver.bulkhead.name, batching: route.batching))
            }
        }
        var most = 0
        for limiter in limiters {
            guard let limit = configuration.policies.rateLimits[limiter.name] else { return nil }
            let more = (breaker.policy.interval + longest) / (limit.interval / limit.count)
            guard more < 1e15 else { return nil }
            most += limit.count + Int(more)
        }
        return most
    }
}
