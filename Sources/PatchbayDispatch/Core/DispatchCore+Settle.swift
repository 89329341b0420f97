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
        (lanes + index).pointee.pushed -= 1
        markDirty(index)
        if outcome.wasPending, !outcome.wasClosed { (lanes + index).pointee.countsPermits = true }
        guard open.delivery != 0 else {
            // Owed: its outcome was settled when the host closed it; only its permit and memory come back.
            (lanes + index).pointee.owed -= 1
            owed -= 1
            if open.shareKey != 0 {
                (lanes + index).pointee.shares.decrement(open.shareKey)
                feedStarved(index)
            }
            release(batch: open.batch, effects: &effects)
            return Settlement(verdict: .finished)
        }
        let node = open.delivery
        let delivery = deliveries.base + Int(node)
        let binding = bindings[Int(delivery.pointee.binding)]
        returnShares(node, lane: index, binding)
        let duration = startedAt == 0 ? 0 : now.elapsed(since: startedAt)
        let kind = effectiveKind(outcome, open, stateConflict: stateConflict, duration: duration)
        if kind != .unstarted {
            (lanes + index).pointee.isCrowded = kind == .busy
            if kind != .busy { countTime(node, startedAt: startedAt) }
        }
        var settlement = Settlement(verdict: .finished, attempt: Int(delivery.pointee.attempts) + 1)
        switch kind {
        case .unstarted:
            settlement.verdict = .goesBack
            goBack(node, open, wasStarted: startedAt != 0, now: now)
        case .busy:
            settlement.verdict = .goesBack
            settlement.retryDelay = shed(node, outcome, open, startedAt: startedAt, now: now, effects: &effects)
        case .done, .skip:
            counts.attempts += 1
            note(.success, node, open, duration: duration, now: now, effects: &effects)
            adapt(index, .done, duration: duration, now: now)
            if kind == .done {
                counts.done += 1
                (lanes + index).pointee.counts.done += 1
            } else {
                counts.skipped += 1
                (lanes + index).pointee.counts.skipped += 1
            }
            finish(node, now: now, effects: &effects)
        case .retry, .fail, .cancelled:
            let details = outcome.details ?? ResultDetails()
            let isLate = kind == .cancelled && (open.isCancelled || (open.timeout != 0 && duration >= open.timeout))
            if isLate { counts.timeouts += 1 }
            adapt(index, isLate ? .late : .failed, duration: duration, now: now)
            let failureClass = isLate ? "timeout" : kind == .fail ? "permanent" : "transient"
            note(
                details.sparesBreaker ? .success : .failure, node, open, duration: duration, now: now, effects: &effects
            )
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
        (lanes + index).pointee.owed += 1
        owed += 1
        effects.notices.append(.callClosed(lane: index))
        if lanes[index].owed >= plan.owedMax, !lanes[index].isStopped {
            (lanes + index).pointee.isStopped = true
            effects.notices.append(.laneQuarantined(lane: index, owed: lanes[index].owed))
        }
        let delivery = deliveries.base + Int(node)
        // The owed call keeps its key's permit; the delivery's next attempt asks for one of its own.
        delivery.pointee.holdsShare = false
        returnShares(node, lane: index, bindings[Int(delivery.pointee.binding)])
        let duration = open.timeout + plan.cancelGrace
        countTime(node, startedAt: now - min(now - 1, duration))
        note(.failure, node, open, duration: duration, now: now, effects: &effects)
        counts.timeouts += 1
        return fail(
            node, failureClass: "timeout", details: ResultDetails(reason: "timeout: the call did not end in time"),
            isPermanent: false, duration: duration, isOwed: true, now: now, unixNow: unixNow, effects: &effects)
    }

    /// A call of the lane brought forth so much that its calls are not to run ahead of what is settled: permits are
    /// counted exactly until one ends that did not.
    package mutating func keepClose(_ lane: Int) { (lanes + lane).pointee.isCrowded = true }

    // MARK: Private

    /// Tells a lane that finds its own limit how a call of it went; each event of a batch is told with its call's time.
    private func adapt(_ index: Int, _ end: AdaptiveLimit.End, duration: UInt64, now: UInt64) {
        guard var adaptive = lanes[index].adaptive, duration > 0 else { return }
        let batch = max(1, lanes[index].batching.count)
        _ = adaptive.sample(
            nanoseconds: duration, end, inFlight: (max(0, lanes[index].pushed - lanes[index].owed) + batch) / batch,
            now: now)
        (lanes + index).pointee.adaptive = adaptive
    }

    /// What an outcome means here: lost state reruns the call, and giving up because the process stops is not the
    /// handler's fault.
    private func effectiveKind(
        _ outcome: borrowing SettledCall, _ open: OpenCall, stateConflict: Bool, duration: UInt64
    ) -> OutcomeKind {
        if stateConflict { return .unstarted }
        let isLate = open.isCancelled || (open.timeout != 0 && duration >= open.timeout)
        return isStopping && outcome.kind == .cancelled && !isLate ? .unstarted : outcome.kind
    }

    /// The total timeout runs from the first charged attempt's start; later waits for a worker are the host's.
    private func countTime(_ node: Link, startedAt: UInt64) {
        let delivery = deliveries.base + Int(node)
        guard startedAt != 0 else { return }
        if delivery.pointee.firstStart == 0 {
            delivery.pointee.firstStart = startedAt
        } else {
            delivery.pointee.hostWaits += startedAt.elapsed(since: delivery.pointee.readySince)
        }
    }

    /// A call that was not started, or does not count, goes to the front of its lane; what it took comes back. The
    /// time since it was handed out counts as a wait for the host.
    private mutating func goBack(_ node: Link, _ open: OpenCall, wasStarted: Bool, now: UInt64) {
        let delivery = deliveries.base + Int(node)
        let index = Int(delivery.pointee.lane)
        let binding = bindings[Int(delivery.pointee.binding)]
        let generation = delivery.pointee.breakerGeneration
        breakers[Int(open.breaker)].machine.giveBack(generation: generation)
        wakeAll(of: open.breaker, now: now)
        if !wasStarted {
            if binding.hasLimit { limiters[Int(binding.limiter)].giveBack(key: delivery.pointee.rateKeyHash) }
            // Not its breaker stopped it, so the workers had no permit for it.
            if generation == breakers[Int(open.breaker)].machine.generation { (lanes + index).pointee.isCrowded = true }
        }
        delivery.pointee.state = .returned
        (lanes + index).pointee.returned.append(node, deliveries.base)
    }

    private mutating func note(
        _ result: CircuitBreakerResult, _ node: Link, _ open: OpenCall, duration: UInt64, now: UInt64,
        effects: inout DispatchEffects
    ) {
        let generation = deliveries.base[Int(node)].breakerGeneration
        let isProbing = breakers[Int(open.breaker)].machine.state == .halfOpen
        let transition = breakers[Int(open.breaker)].machine.record(
            result, duration: duration, generation: generation, now: now)
        if let transition {
            report(transition, breaker: open.breaker, now: now, effects: &effects)
        } else if isProbing {
            wakeAll(of: open.breaker, now: now)
        }
    }

    /// A handler shed the call: no attempt is charged, the breaker hears nothing, and neither the call nor the wait
    /// after it counts against the total timeout.
    private mutating func shed(
        _ node: Link, _ outcome: borrowing SettledCall, _ open: OpenCall, startedAt: UInt64, now: UInt64,
        effects: inout DispatchEffects
    ) -> UInt64 {
        counts.busy += 1
        let delivery = deliveries.base + Int(node)
        breakers[Int(open.breaker)].machine.giveBack(generation: delivery.pointee.breakerGeneration)
        wakeAll(of: open.breaker, now: now)
        let policy = routes[Int(delivery.pointee.route)].retry
        let asked = policy.retryAfterMax > 0 ? outcome.details?.retryAfter ?? 0 : 0
        let delay = max(
            Self.busyDelayMin,
            asked > 0
                ? min(asked, unsigned(policy.retryAfterMax))
                : policy.delay(beforeRetry: 1, previousDelay: 0, random: random.next()))
        park(node, as: .waitingForTime)
        timers.add(.delivery(node), due: now + delay)
        holdBack(Int(delivery.pointee.lane), until: now + delay, effects: &effects)
        return delay
    }

    /// What a lane's handler sheds, it would shed of the rest of the lane, too: nothing starts before the first delivery
    /// that it shed is offered again, whose timer opens the lane; workers give back what they have not begun.
    private mutating func holdBack(_ index: Int, until: UInt64, effects: inout DispatchEffects) {
        let lane = lanes + index
        if lane.pointee.shedUntil == 0 { effects.holds.append((index, lane.pointee.maxInFlight)) }
        lane.pointee.shedUntil = lane.pointee.shedUntil == 0 ? until : min(lane.pointee.shedUntil, until)
    }

    /// Nanoseconds; a handler that sheds what it gets at once again would keep the dispatcher busy.
    private static var busyDelayMin: UInt64 { 1_000_000 }

    /// A charged attempt failed: repeat it, give it up, or stop the lane.
    private mutating func fail(
        _ node: Link, failureClass: String, details: ResultDetails, isPermanent: Bool, duration: UInt64,
        isOwed: Bool = false, now: UInt64, unixNow: UInt64, effects: inout DispatchEffects
    ) -> Settlement {
        let delivery = deliveries.base + Int(node)
        let index = Int(delivery.pointee.lane)
        let route = routes + Int(delivery.pointee.route)
        delivery.pointee.attempts += 1
        counts.attempts += 1
        let number = Int(delivery.pointee.attempts)
        let attempt = AttemptHistory.Attempt(
            number: number, endedAt: unixNow, nanoseconds: duration, failureClass: failureClass, code: details.code,
            reason: details.reason)
        remember(node, attempt)
        let deadline = route.pointee.timeout.totalDeadline(
            firstAttemptAt: max(1, delivery.pointee.firstStart), hostWaits: delivery.pointee.hostWaits)
        let decision = decide(
            node, details: details, failureClass: failureClass, isPermanent: isPermanent, now: now, deadline: deadline)
        if route.pointee.onFailure == .skipKey { releaseKey(node, now: now) }
        switch decision {
        case .retry(let after, let holdsSlot):
            counts.retries += 1
            (lanes + index).pointee.counts.retries += 1
            delivery.pointee.previousDelay = after
            record(attempt, of: node, .retries, due: now + after, effects: &effects)
            // An owed call keeps the permit itself.
            retry(node, lane: index, after: after, holdsSlot: holdsSlot && !isOwed, now: now, effects: &effects)
            return Settlement(verdict: .retries, retryDelay: after, attempt: number)
        case .giveUp(let end):
            if route.pointee.onFailure == .halt {
                (lanes + index).pointee.isStopped = true
                delivery.pointee.readySince = now
                makeReady(node, atFront: true)
                record(attempt, of: node, .halts, due: 0, effects: &effects)
                effects.notices.append(.laneHalted(lane: index, reason: details.reason))
                return Settlement(verdict: .halts, attempt: number)
            }
            record(attempt, of: node, .dies, due: 0, effects: &effects)
            die(
                node, failureClass: end == .permanent ? failureClass : end.rawValue,
                reason: details.reason.isEmpty ? failureClass : details.reason, code: details.code,
                detail: details.detail, effects: &effects)
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

    private mutating func retry(
        _ node: Link, lane index: Int, after: UInt64, holdsSlot: Bool, now: UInt64, effects: inout DispatchEffects
    ) {
        if after <= 1, !isRecording {
            deliveries.base[Int(node)].readySince = now
            makeReady(node, atFront: true)
            return
        }
        deliveries.base[Int(node)].readySince = 0
        if holdsSlot {
            deliveries.base[Int(node)].holdsPermit = true
            (lanes + index).pointee.pushed += 1
            (lanes + index).pointee.held += 1
            effects.holds.append((index, 1))
        }
        if isRecording {
            park(node, as: .waitingForRecord)
        } else {
            park(node, as: .waitingForTime)
            timers.add(.delivery(node), due: now + after)
        }
    }

    private func record(
        _ attempt: AttemptHistory.Attempt, of node: Link, _ verdict: Settlement.Verdict, due: UInt64,
        effects: inout DispatchEffects
    ) {
        guard isRecording else { return }
        let delivery = deliveries.base[Int(node)]
        effects.failures.append(
            DispatchEffects.Failure(
                delivery: node, attempt: attempt, verdict: verdict, due: due,
                firstStart: delivery.firstStart &+ delivery.hostWaits, previousDelay: delivery.previousDelay))
    }

    private mutating func remember(_ node: Link, _ attempt: AttemptHistory.Attempt) {
        let delivery = deliveries.base + Int(node)
        if delivery.pointee.history == nil { delivery.pointee.history = Unmanaged.passRetained(AttemptHistory()) }
        delivery.pointee.history?.takeUnretainedValue().add(attempt)
    }

    mutating func die(
        _ node: Link, failureClass: String, reason: String, code: Int32, detail: [UInt8] = [],
        effects: inout DispatchEffects
    ) {
        dying += 1
        // It stays among what its lane has loaded, so that not more die at a time than can be written down.
        deliveries.base[Int(node)].state = .dying
        effects.deaths.append(
            DispatchEffects.Death(
                delivery: node, failureClass: failureClass, reason: reason, code: code, detail: detail,
                history: deliveries.base[Int(node)].history?.takeUnretainedValue()))
    }
}
