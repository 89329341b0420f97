import CPatchbay
import PatchbayEvents
import PatchbayLog
import Synchronization

extension DispatchLoop {
    /// How long a run that ends by itself waits for calls that the host gave up on.
    private static let stuckPatience: UInt64 = 5_000_000_000

    /// Whether the run is over, and why.
    mutating func endReason() -> DispatchEnd.Reason? {
        if log.isBroken { return .stopped }
        switch dispatcher.command.load(ordering: .acquiring) {
        case Dispatcher.Command.stop.rawValue: return .stopped
        case Dispatcher.Command.drain.rawValue:
            core.isFlushing = true
            // What is held back looks stuck.
            if let reason = naturalEnd(), !isRecording || reason == .finished { return reason }
            if isRecording {
                // What is not started stays where it is: in the log, for the next run.
                if !core.isHolding { recallQueued() }
                core.isHolding = true
                if !core.hasOpenCalls, isQuiet { return .kept }
            }
            let deadline = dispatcher.drainDeadline.load(ordering: .relaxed)
            return now >= deadline || onlyLaterIsLeft(deadline) ? .deadline : nil
        default:
            guard dispatcher.options.endsWhenIdle, ports.allSatisfy(\.isExhausted) else { return nil }
            core.isFlushing = true
            return naturalEnd()
        }
    }

    private mutating func naturalEnd() -> DispatchEnd.Reason? {
        guard emits.isEmpty, host.nextTimer() == nil, isQuiet else { return nil }
        let goesOn = subscriptionsGoOn
        if core.counts.pending == 0, backlogCount == 0 { return goesOn ? nil : .finished }
        guard !goesOn || !takesSources else { return nil }
        if core.isStuck, core.owed == 0 { return .stuck }
        guard core.isStuck || isBehindOwedCalls else {
            stuckSince = 0
            return nil
        }
        if stuckSince == 0 { stuckSince = now }
        return now >= stuckSince + Self.stuckPatience ? .stuck : nil
    }

    /// Whether every call that a worker has begun is one that the host gave up on, and the rest wait behind them for a
    /// thread or a permit.
    private var isBehindOwedCalls: Bool {
        guard core.owed > 0, core.nextTimer == nil else { return false }
        for index in 1..<core.callHighWater where core.isOpen(index) {
            if table.started[index].load(ordering: .acquiring) != 0 { return false }
        }
        return true
    }

    /// Nothing is on its way in, and no dead letter on its way out.
    private var isQuiet: Bool {
        ports.allSatisfy(\.isExhausted) && waiting.isEmpty && !host.isBurying()
            && !dispatcher.hasBuried.load(ordering: .acquiring) && !log.isBusy && pending.isEmpty
            && descended.isEmpty
    }

    /// All that is left are timers and delayed events whose time comes after the drain's: waiting changes nothing.
    private func onlyLaterIsLeft(_ deadline: UInt64) -> Bool {
        guard core.counts.pending == 0, isQuiet else { return false }
        let earliest = min(emits.earliest ?? .max, host.nextTimer() ?? .max)
        return earliest > deadline.addingReportingOverflow(unixOffset).partialValue
    }

    /// Looks at what only time shows: deadlines, handlers that are slow or stuck, the status for reports.
    mutating func sweep() {
        sweepDue = now + sweepInterval
        if core.hasOpenCalls {
            for index in 1..<core.callHighWater {
                core.checkDeadline(
                    index, startedAt: table.started[index].load(ordering: .acquiring), now: now, effects: &effects)
            }
            separateSlowHandlers()
            growPools()
            _ = perform()
        }
        watchChanges()
        guard now >= statusDue else { return }
        statusDue = now + 100_000_000
        let status = status
        dispatcher.publish(status)
        if let drift = status.drift { alarm(drift) }
    }

    /// Says once that deliveries are unaccounted for, as a notice and as an event that routes can match.
    private mutating func alarm(_ drift: String) {
        guard !hasDrifted else { return }
        hasDrifted = true
        host.notice(.drift(drift))
        let unixNow = now &+ unixOffset
        send(Reentry(event: ConservationAlarm.event(drift, unixNow: unixNow)), notBefore: 0)
    }

    /// 10 ms, and what the coarse clock that stamps starts may be behind.
    private static let promptMax: UInt64 = 14_000_000

    /// A handler in the shared pool that has been in a call for over 10 ms gets threads of its own, and the pool
    /// another thread once all of its threads are in such calls.
    private mutating func separateSlowHandlers() {
        guard let shared = pools.all.first else { return }
        var stuck = 0
        for index in shared.running {
            let lane = Int(dispatcher.shared.infos[index].lane)
            let started = table.started[index].load(ordering: .acquiring)
            guard started != 0, now > started + Self.promptMax else { continue }
            stuck += 1
            guard pools.isShared(lane) else { continue }
            host.notice(.notPrompt(lane: lane, nanoseconds: now - started))
            do {
                try pools.separate(lane: lane, plan: dispatcher.plan)
            } catch {
                host.notice(.noThread("\(error)"))
            }
            // Its calls that wait in the shared pool would take that pool's threads one by one.
            recallQueued()
        }
        guard stuck > 0, stuck >= shared.threadCount else { return }
        do {
            if try shared.grow(anyway: true) { pools.refreshOutboxes() }
        } catch {
            host.notice(.noThread("\(error)"))
        }
    }

    /// Doubles the threads of a pool that has work but took little since the last sweep: its threads are in handlers.
    private mutating func growPools() {
        let every = pools.everyPool
        while taken.count < every.count { taken.append(0) }
        var grown = false
        for (index, pool) in every.enumerated() {
            let before = taken[index]
            taken[index] = pool.ring.taken
            let threads = pool.threadCount
            guard !pool.ring.isEmpty, threads < pool.threadsMax, taken[index] - before < UInt64(16 * threads) else {
                continue
            }
            do {
                for _ in 0..<threads { grown = try pool.grow() || grown }
            } catch {
                host.notice(.noThread("\(error)"))
            }
        }
        if grown { pools.refreshOutboxes() }
    }

    var status: DispatchStatus {
        var status = DispatchStatus()
        status.counts = core.counts
        status.unmatched = core.laneCounts(burialLane)
        status.counts.created -= status.unmatched.created
        status.counts.dead -= status.unmatched.dead
        for lane in 0..<burialLane {
            status.lanes.append(core.laneCounts(lane))
            status.limits.append(core.limitFound(lane))
            status.loaded.append(core.loadedCount(lane))
        }
        status.counts.created += UInt64(backlogCount)
        status.log = log.usage
        status.accepted = accepted
        status.emitted = emitted
        status.duplicates = duplicates
        status.forgottenKeys = deduplicator.forgotten
        status.threads = pools.threadCount
        status.callsOpen = core.openCalls
        status.drift = core.drift ?? log.drift
        return status
    }

    /// Ends the run: asks open calls to end, waits a grace for them, reports what is left.
    mutating func end(_ reason: DispatchEnd.Reason) -> DispatchEnd {
        table.stop()
        core.isStopping = true
        if reason == .deadline || reason == .stopped { cancelOpenCalls(grace: reason == .deadline) }
        for port in ports { port.stop() }
        for pool in pools.everyPool { pool.stop(stuck: true) }
        _ = settlePosted()
        if isRecording { finishRecording() }
        control.stop()
        endChanges()
        waitForDeadLetters(patience: reason == .stopped ? 200_000_000 : 2_000_000_000)
        var pending: [[UInt8]] = []
        let plan = dispatcher.plan
        var deliveries = backlogCount
        core.forEachPending { reference in
            deliveries += 1
            // What the log keeps is not written down a second time.
            guard !isRecording else { return }
            let delivery = [
                Event.Extension("pendinghandler", plan.lanes[reference.lane].handler.name),
                Event.Extension("pendingroute", plan.routes[reference.route].name),
                Event.Extension("pendingattempts", String(reference.attempts)),
            ]
            pending.append(
                BatchView(reference.batch).json(
                    of: reference.event, adding: plan.lanes[reference.lane].buries ? [] : delivery))
        }
        if !isRecording { pending += emits.all.map(\.event.json) }
        var unread = 0
        func leave(_ batch: EventBatch) {
            unread += batch.count
            pending += batch.pendingLines
        }
        for batch in waiting { leave(batch) }
        for port in ports { while let batch = port.take() { leave(batch) } }
        var status = status
        status.callsOpen = startedCalls
        var end = DispatchEnd(reason: reason, pending: pending, status: status)
        end.pendingDeliveries = deliveries
        end.unread = unread
        return end
    }

    /// Calls that a handler was given and still has; what only waited for a worker is not among them.
    private var startedCalls: Int {
        var count = core.openCalls
        for index in 1..<max(1, core.callHighWater) where core.isOpen(index) {
            if table.started[index].load(ordering: .acquiring) == 0 { count -= 1 }
        }
        return count
    }

    /// Dead letters that are being written are not pending.
    private mutating func waitForDeadLetters(patience: UInt64) {
        let until = clock.now + patience
        while host.isBurying(), clock.now < until {
            clock.wait(timeout: 10_000_000) { dispatcher.hasBuried.load(ordering: .relaxed) }
            _ = takeBuried()
            buryWaiting()
        }
        _ = takeBuried()
    }

    private mutating func cancelOpenCalls(grace: Bool) {
        guard core.hasOpenCalls else { return }
        for index in 1..<core.callHighWater where core.isOpen(index) {
            if table.started[index].load(ordering: .acquiring) != 0 {
                cancel(index, why: Int32(PATCHBAY_CANCEL_SHUTDOWN))
            }
        }
        guard grace else { return }
        let until = clock.now + dispatcher.plan.cancelGrace
        while core.hasOpenCalls, now < until,
            dispatcher.command.load(ordering: .acquiring) != Dispatcher.Command.stop.rawValue
        {
            clock.wait(timeout: 10_000_000) {
                table.hasForeign || pools.outboxes.contains { !$0.isEmpty }
            }
            now = clock.now
            _ = settlePosted()
            // Nothing is started any more, but dead letters are written and batches released.
            _ = perform()
        }
    }
}

extension EventBatch {
    /// Its events as JSON, for the report of what is pending. Copies of stored events are in the log as they were, and
    /// another run's routes must not take them.
    package var pendingLines: [[UInt8]] { isGiven ? [] : (0..<count).map { BatchView(self).event($0).json } }
}
