package import PatchbayEvents
import PatchbayResilience

extension DispatchCore {
    /// A posted call's outcome comes in; its slot is free afterwards.
    ///
    /// - Parameters:
    ///   - startedAt: monotonic nanoseconds when its worker began; 0 when it never did.
    ///   - stateConflict: the state it wrote had changed meanwhile: it runs again, uncharged.
    package mutating func settle(
        _ call: UInt32, _ outcome: borrowing SettledCall, startedAt: UInt64, stateConflict: Bool = false, now: UInt64,
        unixNow: UInt64, effects: inout DispatchEffects
    ) -> Settlement {
        let open = calls.base[Int(call)]
        let index = Int(open.lane)
        calls.base[Int(call)].isOpen = false
        calls.free(call)
        lanes[index].pushed -= 1
        markDirty(index)
        if outcome.wasPending { lanes[index].isAsynchronous = true }
        guard open.delivery != 0 else {
            // Owed: its outcome was settled when the host closed it; only its permit and memory come back.
            lanes[index].owed -= 1
            owed -= 1
            if open.shareKey != 0 { lanes[index].shares.decrement(open.shareKey) }
            feedStarved(index, now: now)
            release(batch: open.batch, effects: &effects)
            return Settlement(verdict: .finished)
        }
        let node = open.delivery
        let delivery = deliveries.base + Int(node)
        let binding = bindings[Int(delivery.pointee.binding)]
        if startedAt != 0, delivery.pointee.firstStart == 0 { delivery.pointee.firstStart = startedAt }
        returnShares(node, lane: index, binding)
        feedStarved(index, now: now)
        var kind = outcome.kind
        if stateConflict { kind = .unstarted }
        if kind == .cancelled { kind = .retry }
        let duration = startedAt == 0 ? 0 : now.elapsed(since: startedAt)
        var settlement = Settlement(verdict: .finished, attempt: Int(delivery.pointee.attempts) + 1)
        switch kind {
        case .unstarted:
            settlement.verdict = .goesBack
            breakers[Int(open.breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
            wakeLanes(of: open.breaker)
            if binding.hasLimit { limiters[Int(binding.limiter)].giveBack(key: delivery.pointee.rateKeyHash) }
            makeReady(node, now: now, atFront: true)
        case .busy:
            settlement.verdict = .goesBack
            settlement.retryDelay = shed(node, outcome, open, now: now)
        case .done, .skip:
            counts.attempts += 1
            note(.success, node, open, duration: duration, now: now, effects: &effects)
            if let adaptive = lanes[index].adaptive, duration > 0 {
                var limit = adaptive
                _ = limit.sample(nanoseconds: duration, inFlight: lanes[index].pushed + 1, now: now)
                lanes[index].adaptive = limit
            }
            if kind == .done {
                counts.done += 1
                lanes[index].counts.done += 1
            } else {
                counts.skipped += 1
                lanes[index].counts.skipped += 1
            }
            finish(node, now: now, effects: &effects)
        case .retry, .fail, .cancelled:
            let details = outcome.details ?? ResultDetails()
            let isLate = open.isCancelled && outcome.kind == .cancelled
            if isLate { counts.timeouts += 1 }
            let failureClass = isLate ? "timeout" : kind == .fail ? "permanent" : "transient"
            note(details.sparesBreaker ? .success : .failure, node, open, duration: duration, now: now, effects: &effects)
            settlement = fail(
                node, failureClass: failureClass, details: details, isPermanent: kind == .fail, duration: duration,
                now: now, unixNow: unixNow, effects: &effects)
        }
        settlement.breakerState = breakers[Int(open.breaker)].machine.state
        return settlement
    }

    /// The host gave up on a call after its deadline and grace: the attempt has timed out, the slot and the permit
    /// stay taken until the late completion.
    package mutating func closed(_ call: UInt32, now: UInt64, unixNow: UInt64, effects: inout DispatchEffects)
        -> Settlement
    {
        let open = calls.base[Int(call)]
        let index = Int(open.lane)
        let node = open.delivery
        calls.base[Int(call)].delivery = 0
        batches.base[Int(open.batch)].holds += 1
        lanes[index].owed += 1
        owed += 1
        effects.notices.append(.callClosed(lane: index))
        if lanes[index].owed >= plan.owedMax, !lanes[index].isStopped {
            lanes[index].isStopped = true
            effects.notices.append(.laneQuarantined(lane: index, owed: lanes[index].owed))
        }
        let delivery = deliveries.base + Int(node)
        // The owed call keeps its key's permit; the delivery's next attempt asks for one of its own.
        delivery.pointee.holdsShare = false
        returnShares(node, lane: index, bindings[Int(delivery.pointee.binding)])
        let duration = open.timeout + plan.cancelGrace
        if delivery.pointee.firstStart == 0 { delivery.pointee.firstStart = now - min(now - 1, duration) }
        note(.failure, node, open, duration: duration, now: now, effects: &effects)
        counts.timeouts += 1
        return fail(
            node, failureClass: "timeout", details: ResultDetails(reason: "timeout: the call did not end in time"),
            isPermanent: false, duration: duration, now: now, unixNow: unixNow, effects: &effects)
    }

    // MARK: Private

    private mutating func note(
        _ result: CircuitBreakerResult, _ node: Link, _ open: OpenCall, duration: UInt64, now: UInt64,
        effects: inout DispatchEffects
    ) {
        let generation = deliveries.base[Int(node)].breakerGeneration
        let isProbe = breakers[Int(open.breaker)].machine.state == .halfOpen
        let transition = breakers[Int(open.breaker)].machine.record(
            result, duration: duration, generation: generation, now: now)
        if transition != nil {
            report(transition, breaker: open.breaker, effects: &effects)
        } else if isProbe {
            wakeLanes(of: open.breaker)
        }
    }

    /// A handler shed the call: no attempt is charged, and the breaker hears nothing.
    private mutating func shed(
        _ node: Link, _ outcome: borrowing SettledCall, _ open: OpenCall, now: UInt64
    ) -> UInt64 {
        counts.busy += 1
        let delivery = deliveries.base + Int(node)
        breakers[Int(open.breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
        wakeLanes(of: open.breaker)
        let policy = routes[Int(delivery.pointee.route)].retry
        let asked = outcome.details?.retryAfter ?? 0
        let delay =
            asked > 1
            ? min(asked, unsigned(policy.retryAfterMax > 0 ? policy.retryAfterMax : policy.maxInterval))
            : max(1_000_000, policy.delay(beforeRetry: 1, previousDelay: 0, random: random.next()))
        park(node, as: .waitingForTime)
        timers.add(.delivery(node), due: now + delay)
        return delay
    }

    /// A charged attempt failed: repeat it, give it up, or stop the lane.
    private mutating func fail(
        _ node: Link, failureClass: String, details: ResultDetails, isPermanent: Bool, duration: UInt64, now: UInt64,
        unixNow: UInt64, effects: inout DispatchEffects
    ) -> Settlement {
        let delivery = deliveries.base + Int(node)
        let index = Int(delivery.pointee.lane)
        let route = routes + Int(delivery.pointee.route)
        delivery.pointee.attempts += 1
        counts.attempts += 1
        let number = Int(delivery.pointee.attempts)
        remember(
            node,
            AttemptHistory.Attempt(
                number: number, endedAt: unixNow, nanoseconds: duration, failureClass: failureClass,
                code: details.code, reason: details.reason))
        let deadline = route.pointee.timeout.totalDeadline(
            firstAttemptAt: max(1, delivery.pointee.firstStart), hostWaits: delivery.pointee.hostWaits)
        let decision = decide(
            node, details: details, failureClass: failureClass, isPermanent: isPermanent, now: now, deadline: deadline)
        if route.pointee.onFailure == .skipKey { releaseKey(node, now: now) }
        switch decision {
        case .retry(let after, let holdsSlot):
            counts.retries += 1
            lanes[index].counts.retries += 1
            delivery.pointee.previousDelay = after
            retry(node, lane: index, after: after, holdsSlot: holdsSlot, now: now)
            return Settlement(verdict: .retries, retryDelay: after, attempt: number)
        case .giveUp(let end):
            if route.pointee.onFailure == .halt {
                lanes[index].isStopped = true
                makeReady(node, now: now, atFront: true)
                effects.notices.append(.laneHalted(lane: index, reason: details.reason))
                return Settlement(verdict: .halts, attempt: number)
            }
            die(
                node, failureClass: end == .permanent ? failureClass : end.rawValue,
                reason: details.reason.isEmpty ? failureClass : details.reason, code: details.code, effects: &effects)
            return Settlement(verdict: .dies, attempt: number)
        }
    }

    private mutating func decide(
        _ node: Link, details: ResultDetails, failureClass: String, isPermanent: Bool, now: UInt64, deadline: UInt64
    ) -> RetryDecision {
        let delivery = deliveries.base[Int(node)]
        // The name that `matching` compares is the reason up to its first colon: "invalid: no such customer".
        var reason = String(details.reason.prefix { $0 != ":" })
        var failureClass = failureClass
        let bits = random.next()
        return reason.withUTF8 { reasonBytes in
            failureClass.withUTF8 { classBytes in
                routes[Int(delivery.route)].retry.decide(
                    attempt: Int(delivery.attempts),
                    failure: RetryFailure(
                        reason: UnsafeRawBufferPointer(reasonBytes), failureClass: UnsafeRawBufferPointer(classBytes),
                        isPermanent: isPermanent, retryAfter: details.retryAfter),
                    previousDelay: delivery.previousDelay, now: now, deadline: deadline, random: bits)
            }
        }
    }

    private mutating func retry(_ node: Link, lane index: Int, after: UInt64, holdsSlot: Bool, now: UInt64) {
        if after <= 1 {
            makeReady(node, now: now, atFront: true)
            return
        }
        if holdsSlot {
            deliveries.base[Int(node)].holdsPermit = true
            lanes[index].pushed += 1
        }
        park(node, as: .waitingForTime)
        timers.add(.delivery(node), due: now + after)
    }

    private mutating func remember(_ node: Link, _ attempt: AttemptHistory.Attempt) {
        let delivery = deliveries.base + Int(node)
        if delivery.pointee.history == nil { delivery.pointee.history = Unmanaged.passRetained(AttemptHistory()) }
        delivery.pointee.history?.takeUnretainedValue().add(attempt)
    }

    mutating func die(
        _ node: Link, failureClass: String, reason: String, code: Int32, effects: inout DispatchEffects
    ) {
        dying += 1
        park(node, as: .dying)
        effects.deaths.append(
            DispatchEffects.Death(
                delivery: node, failureClass: failureClass, reason: reason, code: code,
                history: deliveries.base[Int(node)].history?.takeUnretainedValue()))
    }
}
