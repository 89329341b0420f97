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
                let routed = slot.pointee.view.deliveries[Int(run.pointee.lower)]
                run.pointee.lower += 1
                enter(node, routed, batch: run.pointee.batch, now: now)
            }
            guard run.pointee.lower == run.pointee.upper else { return }
            let spent = lane.pointee.runHead
            lane.pointee.runHead = run.pointee.next
            if lane.pointee.runHead == 0 { lane.pointee.runTail = 0 }
            runs.free(spent)
        }
    }

    private mutating func enter(_ node: Link, _ routed: RoutedDelivery, batch: Link, now: UInt64) {
        var delivery = Delivery()
        delivery.batch = batch
        delivery.event = routed.event
        delivery.route = routed.route
        delivery.lane = routed.lane
        delivery.keyHash = routed.keyHash
        delivery.rateKeyHash = routed.rateKeyHash
        delivery.priority = min(9, routed.priority)
        delivery.binding = UInt32(Int(routed.route) * plan.lanes.count + Int(routed.lane))
        deliveries.base[Int(node)] = delivery
        if routed.keyHash != 0 {
            guard lanes[Int(routed.lane)].keys.acquire(routed.keyHash, node, deliveries.base) else {
                deliveries.base[Int(node)].state = .waitingForKey
                return
            }
            deliveries.base[Int(node)].holdsKey = true
        }
        makeReady(node, now: now)
    }

    // MARK: Starting

    /// Starts what the lane's gates let through.
    mutating func start(_ index: Int, now: UInt64, effects: inout DispatchEffects) {
        let lane = lanes + index
        guard !lane.pointee.isStopped, lane.pointee.blockedUntil <= now else { return }
        if lane.pointee.batching.count > 1 {
            startBatches(index, now: now, effects: &effects)
            return
        }
        while lane.pointee.readyMask != 0, lane.pointee.pushed < lane.pointee.limit {
            let node = popReady(index)
            guard admit(node, lane: index, now: now, effects: &effects) else {
                if lane.pointee.blockedUntil > now { return }
                continue
            }
            guard let call = open(node, lane: index, now: now) else { return }
            effects.starts.append(DispatchEffects.Start(call: call, lane: UInt16(index), count: 1))
        }
    }

    /// Hands events over together: as soon as a batch is full, or its period is over.
    private mutating func startBatches(_ index: Int, now: UInt64, effects: inout DispatchEffects) {
        let lane = lanes + index
        let batching = lane.pointee.batching
        while lane.pointee.readyMask != 0, lane.pointee.pushed < lane.pointee.limit {
            let isFull =
                lane.pointee.readyCount >= min(batching.count, lane.pointee.maxQueue)
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
        while count < batching.count, lane.pointee.readyMask != 0, count < lane.pointee.maxInFlight,
            lane.pointee.pushed < lane.pointee.limit
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
            bytes += eventBytes(delivery)
            if count > 0, batching.bytes > 0, bytes > batching.bytes {
                makeReady(node, now: delivery.readySince, atFront: true)
                break
            }
            guard admit(node, lane: index, now: now, effects: &effects) else {
                if lane.pointee.blockedUntil > now {
                    isBlocked = true
                    break
                }
                continue
            }
            guard let call = open(node, lane: index, now: now) else {
                isBlocked = true
                break
            }
            if head == 0 { head = call } else { calls.base[Int(tail)].nextInBatch = call }
            tail = call
            count += 1
        }
        while true {
            let node = postponed.popFirst(deliveries.base)
            if node == 0 { break }
            makeReady(node, now: now)
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
        if delivery.pointee.holdsPermit {
            // Its short wait is over; the permit it kept is the one it starts with.
            delivery.pointee.holdsPermit = false
            lane.pointee.pushed -= 1
        }
        if lane.pointee.perKey > 0, delivery.pointee.keyHash != 0 {
            guard lane.pointee.shares.increment(delivery.pointee.keyHash, below: lane.pointee.perKey) else {
                starve(node, lane: index)
                return false
            }
            delivery.pointee.holdsShare = true
        }
        if delivery.pointee.attempts > 0 {
            let active = lane.pointee.loaded + lane.pointee.pushed
            guard budgets[Int(binding.budget)].admitRetry(active: active) else {
                returnShares(node, lane: index, binding)
                starve(node, lane: index)
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
            returnShares(node, lane: index, binding)
            refuseOpen(node, lane: index, until: retryAt, now: now, effects: &effects)
            return false
        }
        if binding.hasLimit,
            let retryAt = limiters[Int(binding.limiter)].acquire(key: delivery.pointee.rateKeyHash, now: now)
        {
            breakers[Int(breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
            returnShares(node, lane: index, binding)
            wait(
                node, lane: index, until: retryAt, now: now,
                isOwn: routes[Int(delivery.pointee.route)].rateLimitIsKeyed)
            return false
        }
        return true
    }

    /// Gives back what `admit` took before a later gate refused, or a call that never started.
    mutating func returnShares(_ node: Link, lane index: Int, _ binding: Binding) {
        let delivery = deliveries.base + Int(node)
        if delivery.pointee.holdsBudget {
            delivery.pointee.holdsBudget = false
            budgets[Int(binding.budget)].finish()
        }
        if delivery.pointee.holdsShare {
            delivery.pointee.holdsShare = false
            lanes[index].shares.decrement(delivery.pointee.keyHash)
        }
    }

    private mutating func starve(_ node: Link, lane index: Int) {
        park(node, as: .waitingForShare)
        lanes[index].starved.append(node, deliveries.base)
    }

    /// Something of the lane finished: what waited for a share may ask again.
    mutating func feedStarved(_ index: Int, now: UInt64) {
        guard !lanes[index].starved.isEmpty else { return }
        var starved = lanes[index].starved
        lanes[index].starved = DeliveryList()
        while true {
            let node = starved.popFirst(deliveries.base)
            guard node != 0 else { return }
            let since = deliveries.base[Int(node)].readySince
            makeReady(node, now: since)
        }
    }

    private mutating func refuseOpen(
        _ node: Link, lane index: Int, until: UInt64, now: UInt64, effects: inout DispatchEffects
    ) {
        let delivery = deliveries.base + Int(node)
        let route = routes + Int(delivery.pointee.route)
        if route.pointee.onOpen == .deadLetter {
            die(
                node, failureClass: "breaker", reason: "the circuit breaker is open", code: 0, effects: &effects)
            return
        }
        wait(node, lane: index, until: until, now: now, isOwn: route.pointee.breakerScope != .handler)
    }

    /// Waits for a time: alone where the gate is its own, otherwise at the front of a lane that waits with it.
    private mutating func wait(_ node: Link, lane index: Int, until: UInt64, now: UInt64, isOwn: Bool) {
        let due = max(until, now + 1)
        if isOwn {
            park(node, as: .waitingForTime)
            timers.add(.delivery(node), due: due)
        } else {
            let since = deliveries.base[Int(node)].readySince
            makeReady(node, now: since, atFront: true)
            lanes[index].blockedUntil = due
            timers.add(.lane(index), due: due)
        }
    }

    /// A timer of a parked delivery is due.
    mutating func wake(_ node: Link, now: UInt64) {
        guard deliveries.base[Int(node)].state == .waitingForTime else { return }
        makeReady(node, now: now, atFront: deliveries.base[Int(node)].holdsPermit)
    }

    // MARK: Calls

    /// Opens a call; `nil` (and the delivery is ready again) when no slot is free.
    private mutating func open(_ node: Link, lane index: Int, now: UInt64) -> UInt32? {
        let delivery = deliveries.base + Int(node)
        let binding = bindings[Int(delivery.pointee.binding)]
        let breaker = breakerIndex(delivery.pointee, binding)
        let call = calls.take()
        guard call != 0 else {
            breakers[Int(breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
            returnShares(node, lane: index, binding)
            makeReady(node, now: now, atFront: true)
            return nil
        }
        if delivery.pointee.firstStart != 0 {
            delivery.pointee.hostWaits += now.elapsed(since: delivery.pointee.readySince)
        }
        delivery.pointee.state = .inFlight
        lanes[index].pushed += 1
        var open = OpenCall()
        open.delivery = node
        open.lane = UInt16(index)
        open.isOpen = true
        open.breaker = breaker
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
