import PatchbayEvents
import PatchbayResilience

/// Which policy objects apply where a route sends to a lane; indices into the core's tables.
struct Binding: BitwiseCopyable {
    /// The breaker for scope handler and route; for scope key the group that `keyedBreakers` is asked with.
    var breaker: UInt32 = 0
    var limiter: UInt32 = 0
    var budget: UInt32 = 0
    var hasLimit = false
}

struct KeyedBreaker: Hashable {
    var group: UInt32
    var key: UInt64
}

/// A breaker with what its transitions are reported under and whom they wake.
struct BreakerSlot {
    var machine: CircuitBreaker
    let name: String
    /// Lanes that ask it.
    var lanes: [Int]
    /// The generation that workers were told last.
    var published: UInt32 = 1
}

extension DispatchCore {
    /// Most breakers of scope `key`; events of further keys share their group's breaker.
    static var keyedBreakersMax: Int { 65_536 }

    /// Breakers that there can ever be; a shell keeps one generation word for each.
    package static func breakerCapacity(_ plan: DispatchPlan) -> Int {
        plan.routes.count * max(1, plan.lanes.count) + keyedBreakersMax
    }

    /// Makes the policy objects: one breaker per policy and handler, route or key; one limiter per policy and lane;
    /// one budget per retry policy's numbers and lane.
    mutating func bind() {
        var breakerOf: [String: UInt32] = [:]
        var limiterOf: [String: UInt32] = [:]
        var budgetOf: [String: UInt32] = [:]
        for (routeIndex, route) in plan.routes.enumerated() {
            for (laneIndex, lane) in plan.lanes.enumerated() {
                var binding = Binding()
                let (breaker, isNewBreaker) = breakerOf.index(of: breakerKey(route, routeIndex, lane))
                if isNewBreaker {
                    breakers.append(
                        BreakerSlot(machine: CircuitBreaker(route.breaker), name: breakerName(route, lane), lanes: []))
                }
                binding.breaker = breaker
                if !breakers[Int(breaker)].lanes.contains(laneIndex) { breakers[Int(breaker)].lanes.append(laneIndex) }
                binding.hasLimit = route.rateLimit.count > 0
                let (limiter, isNewLimiter) = limiterOf.index(of: "\(route.rateLimitName)/\(laneIndex)")
                if isNewLimiter { limiters.append(KeyedRateLimiter(route.rateLimit)) }
                binding.limiter = limiter
                let (budget, isNewBudget) = budgetOf.index(
                    of: "\(route.budgetRatio)/\(route.budgetMinConcurrency)/\(laneIndex)")
                if isNewBudget {
                    budgets.append(RetryBudget(ratio: route.budgetRatio, minConcurrency: route.budgetMinConcurrency))
                }
                binding.budget = budget
                (bindings + routeIndex * plan.lanes.count + laneIndex).initialize(to: binding)
            }
        }
    }

    private func breakerKey(_ route: RoutePlan, _ routeIndex: Int, _ lane: LanePlan) -> String {
        switch route.breakerScope {
        case .handler, .key: "\(route.breakerName)/\(lane.handler.name)/\(lane.handler.version)"
        case .route: "\(route.breakerName)/\(routeIndex)/\(lane.handler.name)"
        }
    }

    private func breakerName(_ route: RoutePlan, _ lane: LanePlan) -> String {
        switch route.breakerScope {
        case .handler, .key: "\(route.breakerName) of \(lane.handler.name)"
        case .route: "\(route.breakerName) of route \(route.name) to \(lane.handler.name)"
        }
    }

    /// The breaker that a delivery asks.
    mutating func breakerIndex(_ delivery: Delivery, _ binding: Binding) -> UInt32 {
        let route = routes + Int(delivery.route)
        guard route.pointee.breakerScope == .key, delivery.keyHash != 0 else { return binding.breaker }
        let key = KeyedBreaker(group: binding.breaker, key: delivery.keyHash)
        if let found = keyedBreakers[key] { return found }
        guard keyedBreakers.count < Self.keyedBreakersMax else { return binding.breaker }
        let index = UInt32(breakers.count)
        breakers.append(
            BreakerSlot(
                machine: CircuitBreaker(route.pointee.breaker), name: "\(breakers[Int(binding.breaker)].name), one key",
                lanes: [Int(delivery.lane)]))
        keyedBreakers[key] = index
        return index
    }

    /// Tells workers and lanes of a breaker's change.
    mutating func report(
        _ transition: CircuitBreakerTransition?, breaker: UInt32, effects: inout DispatchEffects
    ) {
        guard let transition else { return }
        effects.notices.append(.breaker(name: breakers[Int(breaker)].name, transition))
        publish(breaker, effects: &effects)
        wakeLanes(of: breaker)
    }

    /// Tells workers the breaker's generation, if it is another than they know.
    mutating func publish(_ breaker: UInt32, effects: inout DispatchEffects) {
        let generation = breakers[Int(breaker)].machine.generation
        guard generation != breakers[Int(breaker)].published else { return }
        breakers[Int(breaker)].published = generation
        effects.generations.append((Int(breaker), generation))
        if breakers[Int(breaker)].machine.state == .halfOpen {
            effects.notices.append(.breakerProbes(name: breakers[Int(breaker)].name))
        }
    }

    /// Lanes that an open or probing breaker blocked may ask again.
    mutating func wakeLanes(of breaker: UInt32) {
        for lane in breakers[Int(breaker)].lanes where lanes[lane].blockedUntil != 0 {
            lanes[lane].blockedUntil = 0
            markDirty(lane)
        }
    }
}

extension [String: UInt32] {
    /// The number of a name, in the order of first mention, and whether this was the first.
    fileprivate mutating func index(of name: String) -> (UInt32, isNew: Bool) {
        if let found = self[name] { return (found, false) }
        let next = UInt32(count)
        self[name] = next
        return (next, true)
    }
}
