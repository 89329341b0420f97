import PatchbayEvents
import PatchbayResilience

extension DispatchCore {
    // MARK: Loading

    /// Moves the lane's cursor on until it has loaded as many deliveries as it may.
    mutating func load(_ index: Int, now: UInt64) {
        let lane = lanes + index
        while lane.pointee.loaded < lane.pointee.maxQueue, lane.pointee.runHead != 0 {
            let run = runs.base + Int(lane.pointee.runHead)
            let slot = batches.base + Int(run.pointee.batch)
            while run.pointee.lower < run.pointee.upper, lane.pointee.loaded < lane.pointee.maxQueue {
                let node = deliveries.take()
                guard node != 0 else { return }
                unloaded -= 1
                let index = run.pointee.lower
                run.pointee.lower += 1
                let past =
                    slot.pointee.isResumed
                    ? slot.pointee.batch._withUnsafeGuaranteedRef { $0.resumed[index] } : nil
                enter(node, slot.pointee.view.deliveries[Int(index)], batch: run.pointee.batch, past: past, now: now)
            }
            guard run.pointee.lower == run.pointee.upper else { return }
            let spent = lane.pointee.runHead
            lane.pointee.runHead = run.pointee.next
            if lane.pointee.runHead == 0 { lane.pointee.runTail = 0 }
            runs.free(spent)
        }
    }

    private mutating func enter(
        _ node: Link, _ routed: RoutedDelivery, batch: Link, past: ResumedDelivery?, now: UInt64
    ) {
        var delivery = Delivery()
        delivery.batch = batch
        delivery.event = routed.event
        delivery.route = routed.route
        delivery.lane = routed.lane
        delivery.keyHash = routed.keyHash
        delivery.rateKeyHash = routed.rateKeyHash
        delivery.priority = min(9, routed.priority)
        delivery.binding = UInt32(Int(routed.route) * plan.lanes.count + Int(routed.lane))
        delivery.readySince = now
        if let past { past.restore(&delivery) }
        deliveries.base[Int(node)] = delivery
        if routed.keyHash != 0 {
            guard (lanes + Int(routed.lane)).pointee.keys.acquire(routed.keyHash, node, deliveries.base) else {
                deliveries.base[Int(node)].state = .waitingForKey
                return
            }
            deliveries.base[Int(node)].holdsKey = true
        }
        if let past, past.due > now {
            deliveries.base[Int(node)].readySince = 0
            park(node, as: .waitingForTime)
            timers.add(.delivery(node), due: past.due)
        } else {
            makeReady(node)
        }
    }

    // MARK: Starting

    /// Starts what the lane's gates let through.
    mutating func start(_ index: Int, now: UInt64, effects: inout DispatchEffects) {
        let lane = lanes + index
        guard !lane.pointee.buries else { return buryReady(index, effects: &effects) }
        takeReturned(index)
        if lane.pointee.shedUntil != 0, lane.pointee.shedUntil <= now {
            lane.pointee.shedUntil = 0
            effects.holds.append((index, -lane.pointee.maxInFlight))
        }
        guard !isHolding, !lane.pointee.isStopped, lane.pointee.blockedUntil <= now, lane.pointee.shedUntil == 0 else {
            return
        }
        if lane.pointee.batching.count > 1 {
            startBatches(index, now: now, effects: &effects)
            return
        }
        while lane.pointee.readyMask != 0, lane.pointee.pushed < lane.pointee.limit {
            guard !calls.isExhausted else { return waitForCall(index, now: now) }
            let node = popReady(index)
            guard admit(node, lane: index, now: now, effects: &effects) else {
                if lane.pointee.blockedUntil > now { return }
                continue
            }
            let call = open(node, lane: index, now: now)
            effects.starts.append(DispatchEffects.Start(call: call, lane: UInt16(index), count: 1))
        }
    }

    private mutating func buryReady(_ index: Int, effects: inout DispatchEffects) {
        while lanes[index].readyMask != 0 {
            die(
                popReady(index), failureClass: "unmatched", reason: "no route takes this event", code: 0,
                effects: &effects)
        }
    }

    /// Puts what workers gave back to the front, in the order in which it had been started.
    private mutating func takeReturned(_ index: Int) {
        let lane = lanes + index
        guard !lane.pointee.returned.isEmpty else { return }
        var latestFirst = DeliveryList()
        while true {
            let node = lane.pointee.returned.popFirst(deliveries.base)
            guard node != 0 else { break }
            latestFirst.prepend(node, deliveries.base)
        }
        while true {
            let node = latestFirst.popFirst(deliveries.base)
            guard node != 0 else { return }
            makeReady(node, atFront: true)
        }
    }

    /// Every call there can be is out: the lane asks again soon.
    private mutating func waitForCall(_ index: Int, now: UInt64) {
        (lanes + index).pointee.blockedUntil = now + 1_000_000
        timers.add(.lane(index), due: lanes[index].blockedUntil)
    }

    /// Hands events over together: as soon as a batch is full, or its period is over.
    private mutating func startBatches(_ index: Int, now: UInt64, effects: inout DispatchEffects) {
        let lane = lanes + index
        let batching = lane.pointee.batching
        while lane.pointee.readyMask != 0, lane.pointee.pushed < lane.pointee.limit {
            guard !calls.isExhausted else { return waitForCall(index, now: now) }
            let isFull =
                lane.pointee.readyCount >= batching.count
                || (batching.bytes > 0 && lane.pointee.readyBytes >= batching.bytes)
            if !isFull, batching.period > 0, !isFlushing {
                if lane.pointee.batchDue == 0 {
                    lane.pointee.batchDue = now + batching.period
                    timers.add(.lane(index), due: lane.pointee.batchDue)
                }
                if now < lane.pointee.batchDue { return }
            }
            lane.pointee.batchDue = 0
            guard startOneBatch(index, batching, now: now, effects: &effects) else { return }
        }
    }

    /// False when nothing more can start now.
    private mutating func startOneBatch(
        _ index: Int, _ batching: LanePlan.Batching, now: UInt64, effects: inout DispatchEffects
    ) -> Bool {
        let lane = lanes + index
        var head: Link = 0
        var tail: Link = 0
        var count = 0
        var bytes = 0
        var isBlocked = false
        // A batch never holds two events of one key: what would be the second one waits for the next batch.
        var keys: [UInt64] = []
        var postponed = DeliveryList()
        let countMax = min(batching.count, lane.pointee.maxInFlight, Int(UInt16.max))
        while count < countMax, lane.pointee.readyMask != 0, lane.pointee.pushed < lane.pointee.limit,
            !calls.isExhausted
        {
            let node = popReady(index)
            let delivery = deliveries.base[Int(node)]
            if delivery.keyHash != 0 {
                if keys.contains(delivery.keyHash) {
                    postponed.append(node, deliveries.base)
                    continue
                }
                keys.append(delivery.keyHash)
            }
            let size = eventBytes(delivery)
            if count > 0, batching.bytes > 0, bytes + size > batching.bytes {
                makeReady(node, atFront: true)
                break
            }
            guard admit(node, lane: index, now: now, effects: &effects) else {
                if lane.pointee.blockedUntil > now {
                    isBlocked = true
                    break
                }
                continue
            }
            let call = open(node, lane: index, now: now)
            bytes += size
            if head == 0 { head = call } else { calls.base[Int(tail)].nextInBatch = call }
            tail = call
            count += 1
        }
        while true {
            let node = postponed.popFirst(deliveries.base)
            if node == 0 { break }
            makeReady(node)
        }
        if count > 0 {
            effects.starts.append(DispatchEffects.Start(call: head, lane: UInt16(index), count: UInt16(count)))
        }
        return count > 0 && !isBlocked
    }

    /// The call after `call` in its batch; 0 ends.
    package func nextInBatch(_ call: UInt32) -> UInt32 { calls.base[Int(call)].nextInBatch }

    private mutating func popReady(_ index: Int) -> Link {
        let lane = lanes + index
        let priority = 15 - lane.pointee.readyMask.leadingZeroBitCount
        let node = lane.pointee.ready[priority].popFirst(deliveries.base)
        if lane.pointee.ready[priority].isEmpty { lane.pointee.readyMask &= ~(1 << UInt16(priority)) }
        lane.pointee.readyCount -= 1
        if lane.pointee.batching.count > 1 { lane.pointee.readyBytes -= eventBytes(deliveries.base[Int(node)]) }
        return node
    }

    // MARK: Gates

    /// Asks every gate of a delivery. When one refuses, the delivery is parked where it will be woken, or (where the
    /// whole lane is refused) stands at the front again under `blockedUntil`.
    private mutating func admit(_ node: Link, lane index: Int, now: UInt64, effects: inout DispatchEffects) -> Bool {
        let delivery = deliveries.base + Int(node)
        let lane = lanes + index
        let binding = bindings[Int(delivery.pointee.binding)]
        let route = routes + Int(delivery.pointee.route)
        let asksAlone = binding.hasLimit && (route.pointee.rateLimitIsKeyed || lane.pointee.hasManyLimits)
        if asksAlone {
            guard takeTurn(node, lane: index, binding) else { return false }
        }
        if lane.pointee.perKey > 0, delivery.pointee.keyHash != 0 {
            guard lane.pointee.shares.increment(delivery.pointee.keyHash, below: lane.pointee.perKey) else {
                passTurn(node, lane: index, binding)
                park(node, as: .waitingForShare)
                lane.pointee.starved.append(node, deliveries.base)
                return false
            }
            delivery.pointee.holdsShare = true
        }
        if delivery.pointee.attempts > 0 {
            guard takeBudget(binding, lane: index) else {
                passTurn(node, lane: index, binding)
                returnShares(node, lane: index, binding)
                park(node, as: .waitingForBudget)
                budgets[Int(binding.budget)].waiting.append(node, deliveries.base)
                return false
            }
            delivery.pointee.holdsBudget = true
        }
        let breaker = breakerIndex(delivery.pointee, binding)
        switch breakers[Int(breaker)].machine.admit(now: now) {
        case .allowed(let generation):
            delivery.pointee.breakerGeneration = generation
            if generation != breakers[Int(breaker)].published { publish(breaker, effects: &effects) }
        case .rejected(let retryAt):
            passTurn(node, lane: index, binding)
            returnShares(node, lane: index, binding)
            refuseOpen(node, lane: index, breaker: breaker, until: retryAt, now: now, effects: &effects)
            return false
        }
        if binding.hasLimit,
            let retryAt = limiters[Int(binding.limiter)].acquire(key: delivery.pointee.rateKeyHash, now: now)
        {
            breakers[Int(breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
            returnShares(node, lane: index, binding)
            if asksAlone {
                park(node, as: .waitingForTime)
                timers.add(.delivery(node), due: max(retryAt, now + 1))
            } else {
                block(index, until: retryAt, before: node, now: now)
            }
            return false
        }
        passTurn(node, lane: index, binding)
        return true
    }

    /// Makes a delivery the one of its rate limit's key that asks; false when another is, and it waits behind. So a
    /// limit that is reached costs one timer a key, not one look at everything that waits.
    private mutating func takeTurn(_ node: Link, lane index: Int, _ binding: Binding) -> Bool {
        let delivery = deliveries.base + Int(node)
        if delivery.pointee.holdsTurn { return true }
        guard (lanes + index).pointee.turns.acquire(turnKey(delivery.pointee, binding), node, deliveries.base) else {
            park(node, as: .waitingForTurn)
            return false
        }
        delivery.pointee.holdsTurn = true
        return true
    }

    /// Lets the next delivery of a rate limit's key ask.
    private mutating func passTurn(_ node: Link, lane index: Int, _ binding: Binding) {
        let delivery = deliveries.base + Int(node)
        guard delivery.pointee.holdsTurn else { return }
        delivery.pointee.holdsTurn = false
        let next = (lanes + index).pointee.turns.release(turnKey(delivery.pointee, binding), deliveries.base)
        guard next != 0 else { return }
        deliveries.base[Int(next)].holdsTurn = true
        makeReady(next)
    }

    /// Not 0, and different for different limits of one lane; a collision only makes two keys wait for each other.
    private func turnKey(_ delivery: Delivery, _ binding: Binding) -> UInt64 {
        (delivery.rateKeyHash ^ UInt64(binding.limiter) &* 0x9E37_79B9_7F4A_7C15) | 1
    }

    /// Takes a place for a retry. At least one retry is always let through, however small the budget's share is:
    /// what waits for the budget is only looked at when a retry ends.
    private mutating func takeBudget(_ binding: Binding, lane index: Int) -> Bool {
        let slot = Int(binding.budget)
        let active = budgets[slot].machine.retries == 0 ? Int.max : lanes[index].loaded
        guard budgets[slot].machine.admitRetry(active: active) else { return false }
        if budgets[slot].machine.retries < budgets[slot].machine.limit(active: lanes[index].loaded) {
            feedBudget(slot)
        }
        return true
    }

    /// Gives back what `admit` took before a later gate refused, or a call that ended.
    mutating func returnShares(_ node: Link, lane index: Int, _ binding: Binding) {
        let delivery = deliveries.base + Int(node)
        if delivery.pointee.holdsBudget {
            delivery.pointee.holdsBudget = false
            budgets[Int(binding.budget)].machine.finish()
            feedBudget(Int(binding.budget))
        }
        if delivery.pointee.holdsShare {
            delivery.pointee.holdsShare = false
            (lanes + index).pointee.shares.decrement(delivery.pointee.keyHash)
            feedStarved(index)
        }
    }

    private mutating func feedBudget(_ slot: Int) {
        let node = budgets[slot].waiting.popFirst(deliveries.base)
        if node != 0 { makeReady(node) }
    }

    /// A permit of a key came back: what waited for one may ask again.
    mutating func feedStarved(_ index: Int) {
        guard !lanes[index].starved.isEmpty else { return }
        var starved = lanes[index].starved
        (lanes + index).pointee.starved = DeliveryList()
        while true {
            let node = starved.popFirst(deliveries.base)
            guard node != 0 else { return }
            makeReady(node)
        }
    }

    private mutating func refuseOpen(
        _ node: Link, lane index: Int, breaker: UInt32, until: UInt64, now: UInt64, effects: inout DispatchEffects
    ) {
        let route = routes + Int(deliveries.base[Int(node)].route)
        if route.pointee.onOpen == .deadLetter {
            die(
                node, failureClass: "breaker", reason: "the circuit breaker is open", code: 0, effects: &effects)
        } else if route.pointee.breakerScope == .handler, !lanes[index].hasManyBreakers {
            block(index, until: until, before: node, now: now)
        } else {
            park(node, as: .waitingForBreaker)
            breakers[Int(breaker)].waiting.append(node, deliveries.base)
            planWake(of: breaker, at: max(until, now + 1))
        }
    }

    /// What refused a delivery would refuse every other one of its lane, too: the lane waits with it at the front.
    private mutating func block(_ index: Int, until: UInt64, before node: Link, now: UInt64) {
        makeReady(node, atFront: true)
        (lanes + index).pointee.blockedUntil = max(until, now + 1)
        timers.add(.lane(index), due: lanes[index].blockedUntil)
    }

    /// A timer of a parked delivery is due. The permit that it kept is free for it: it stands at the front.
    mutating func wake(_ node: Link, now: UInt64, effects: inout DispatchEffects) {
        let delivery = deliveries.base + Int(node)
        guard delivery.pointee.state == .waitingForTime else { return }
        let keptPermit = delivery.pointee.holdsPermit
        if keptPermit {
            delivery.pointee.holdsPermit = false
            (lanes + Int(delivery.pointee.lane)).pointee.pushed -= 1
            (lanes + Int(delivery.pointee.lane)).pointee.held -= 1
            effects.holds.append((Int(delivery.pointee.lane), -1))
        }
        if delivery.pointee.readySince == 0 { delivery.pointee.readySince = now }
        makeReady(node, atFront: keptPermit)
    }

    // MARK: Calls

    /// Opens a call; there is a slot.
    private mutating func open(_ node: Link, lane index: Int, now: UInt64) -> UInt32 {
        let delivery = deliveries.base + Int(node)
        let binding = bindings[Int(delivery.pointee.binding)]
        let call = calls.take()
        if delivery.pointee.firstStart != 0 {
            delivery.pointee.hostWaits += now.elapsed(since: delivery.pointee.readySince)
        }
        // Until its worker begins it waits on.
        delivery.pointee.readySince = now
        delivery.pointee.state = .inFlight
        (lanes + index).pointee.pushed += 1
        var open = OpenCall()
        open.delivery = node
        open.lane = UInt16(index)
        open.isOpen = true
        open.breaker = breakerIndex(delivery.pointee, binding)
        open.batch = delivery.pointee.batch
        open.timeout = attemptTimeout(delivery.pointee, now: now)
        open.shareKey = delivery.pointee.holdsShare ? delivery.pointee.keyHash : 0
        calls.base[Int(call)] = open
        return call
    }

    private func attemptTimeout(_ delivery: Delivery, now: UInt64) -> UInt64 {
        let policy = routes[Int(delivery.route)].timeout
        let first = delivery.firstStart == 0 ? now : delivery.firstStart
        let total = policy.totalDeadline(firstAttemptAt: first, hostWaits: delivery.hostWaits)
        let deadline = policy.attemptDeadline(now: now, totalDeadline: total)
        return deadline == .max ? 0 : max(1, deadline.elapsed(since: now))
    }
}

extension ResumedDelivery {
    fileprivate func restore(_ delivery: inout Delivery) {
        delivery.attempts = attempts
        delivery.firstStart = firstStart
        delivery.previousDelay = previousDelay
        let history = AttemptHistory()
        for attempt in failures { history.add(attempt) }
        delivery.history = Unmanaged.passRetained(history)
    }
}
