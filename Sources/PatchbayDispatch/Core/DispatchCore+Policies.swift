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
    /// It judges one version of a handler: another one begins with a closed breaker.
    var isOfCode = true
    /// Lanes that ask it.
    var lanes: [Int]
    /// The generation that workers were told last.
    var published: UInt32 = 1
    /// Deliveries that it refused and that wait by themselves, oldest first.
    var waiting = DeliveryList()
    /// When they are looked at next; 0 is not planned.
    var wakeDue: UInt64 = 0
}

/// A retry budget with the retries that it refused, oldest first.
struct BudgetSlot {
    var machine: RetryBudget
    var waiting = DeliveryList()
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
                        BreakerSlot(
                            machine: CircuitBreaker(route.breaker), name: breakerName(route, lane),
                            isOfCode: route.breakerScope != .route, lanes: []))
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
                    budgets.append(
                        BudgetSlot(
                            machine: RetryBudget(
                                ratio: route.budgetRatio, minConcurrency: route.budgetMinConcurrency)))
                }
                binding.budget = budget
                (bindings + routeIndex * plan.lanes.count + laneIndex).initialize(to: binding)
            }
        }
        for lane in 0..<plan.lanes.count {
            let routes = plan.routes.indices.filter { plan.routes[$0].lanes?.contains(lane) ?? true }
            let bound = routes.map { bindings[$0 * plan.lanes.count + lane] }
            // What is handed out before a failure is known would still run after it.
            (lanes + lane).pointee.countsPermits = routes.contains { plan.routes[$0].onFailure == .halt }
            (lanes + lane).pointee.hasManyBreakers = Set(bound.map(\.breaker)).count > 1
            (lanes + lane).pointee.hasManyLimits = Set(bound.map(\.limiter)).count > 1
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

    /// The lanes' calls run other code from now on: what the code before did is not held against it.
    package mutating func codeChanged(lanes changed: [Int], now: UInt64, effects: inout DispatchEffects) {
        for index in breakers.indices
        where breakers[index].isOfCode && breakers[index].lanes.contains(where: changed.contains) {
            if let transition = breakers[index].machine.reset(now: now) {
                report(transition, breaker: UInt32(index), now: now, effects: &effects)
            } else {
                publish(UInt32(index), effects: &effects)
            }
        }
    }

    /// Tells workers and lanes of a breaker's change.
    mutating func report(
        _ transition: CircuitBreakerTransition, breaker: UInt32, now: UInt64, effects: inout DispatchEffects
    ) {
        effects.notices.append(.breaker(name: breakers[Int(breaker)].name, transition))
        publish(breaker, effects: &effects)
        wakeAll(of: breaker, now: now)
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

    /// Lanes and deliveries that an open or probing breaker held back may ask again.
    mutating func wakeAll(of breaker: UInt32, now: UInt64) {
        for lane in breakers[Int(breaker)].lanes where lanes[lane].blockedUntil != 0 {
            (lanes + lane).pointee.blockedUntil = 0
            markDirty(lane)
        }
        wakeWaiting(of: breaker, now: now)
    }

    /// Lets deliveries that wait for a breaker by themselves ask again: all when it is closed, otherwise as many as
    /// there are probes. What is left looks again soon, for those woken may be held up elsewhere.
    mutating func wakeWaiting(of breaker: UInt32, now: UInt64) {
        let slot = Int(breaker)
        guard !breakers[slot].waiting.isEmpty else { return }
        if let retryAt = breakers[slot].machine.retryTime(now: now) {
            planWake(of: breaker, at: max(retryAt, now + 1))
            return
        }
        var left =
            breakers[slot].machine.state == .closed ? Int.max : max(1, breakers[slot].machine.configuration.maxRequests)
        while left > 0 {
            let node = breakers[slot].waiting.popFirst(deliveries.base)
            guard node != 0 else { return }
            left -= 1
            makeReady(node)
        }
        if !breakers[slot].waiting.isEmpty { planWake(of: breaker, at: now + Self.probePatience) }
    }

    /// Nanoseconds after which a half-open breaker's waiting deliveries are looked at again.
    private static var probePatience: UInt64 { 100_000_000 }

    mutating func planWake(of breaker: UInt32, at due: UInt64) {
        let slot = Int(breaker)
        guard breakers[slot].wakeDue == 0 || due < breakers[slot].wakeDue else { return }
        breakers[slot].wakeDue = due
        timers.add(.breaker(breaker), due: due)
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
