import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry

/// How many deliveries of a lane or handler are held in memory, with a log that lasts.
struct MemoryReach {
    /// Of a lane: further ones stay in the log.
    var spillAbove: UInt64 = 65_536
    /// The same while memory is short.
    var spillAboveWhenFull: UInt64 = 4_096
    /// Of a handler: the next ones are read from the log.
    var reloadBelow: UInt64 = 2_048
}

/// What the dispatcher tells the log, and what it does once the log has it.
extension DispatchLoop {
    // MARK: Committed

    /// Goes on with what the log has taken: events are delivered, dead letters are buried, failures may be repeated.
    mutating func takeCommitted() -> Bool {
        var progress = false
        while let submission = log.takeCommitted() {
            progress = true
            if submission.journal.streamRecords > 0 {
                host.placeStreams(submission.journal.streamRecords, submission.sequence)
            }
            for batch in submission.batches { enter(batch, of: submission) }
            for delivery in submission.journal.buried { core.buried(delivery, now: now, effects: &effects) }
            for retry in submission.journal.retries { core.recorded(retry.delivery, due: retry.due, now: now) }
            if submission.isOperators || submission.answersOperator { control.committed() }
            log.recycle(submission)
        }
        return progress
    }

    private mutating func enter(_ batch: EventBatch, of submission: LogSubmission) {
        accepted += UInt64(batch.count)
        if batch.source >= 0 {
            ports[batch.source].accepted()
        } else if !submission.isOperators {
            emitted += UInt64(batch.count)
        }
        if log.isDurable { spill(batch, submission) }
        core.accept(batch, effects: &effects)
    }

    // MARK: Operators

    /// Hands an operator's change to the log as a frame of its own: one with events when a source's batch would be taken.
    mutating func takeChange() -> Bool {
        guard control.hasChange(takesEvents: takesSources), let change = control.take() else { return false }
        if let stream = change.stream {
            // Among what handlers append, in the order in which it was decided.
            if let record = stream(now &+ unixOffset), isRecording {
                pending.journal.append(record)
                pending.answersOperator = true
            } else {
                control.committed()
            }
            return true
        }
        if let subscriptions = change.subscriptions {
            if subscriptions(&pending.journal.subscriptions), isRecording {
                pending.answersOperator = true
            } else {
                control.committed()
            }
            return true
        }
        let submission = log.makeSubmission()
        submission.isOperators = true
        submission.batches = change.batches
        for operation in change.operations { submission.journal.append(operation) }
        for name in change.names { submission.journal.append(name) }
        do {
            try log.submit(submission, from: change.batches.isEmpty ? .handler : .source)
            return true
        } catch {
            // The disk is behind: the next turn offers it again.
            log.recycle(submission)
            control.putBack(change)
            return false
        }
    }

    // MARK: Backlog

    private var isMemoryShort: Bool { log.usage.retainedBytes > log.usage.boundBytes / 2 }

    /// Deliveries that a lane may hold while memory is short: as many as fill its share of a quarter of it, going by the
    /// events that are there, so that lanes that stand still leave room to those that do not.
    private var loadedMaxWhenShort: UInt64 {
        let usage = log.usage
        let eventBytes = max(1, usage.retainedBytes / max(1, usage.retainedEvents))
        let share = usage.boundBytes / 4 / max(1, dispatcher.plan.lanes.count)
        return min(reach.spillAboveWhenFull, UInt64(max(1, share / eventBytes)))
    }

    /// Leaves the deliveries of lanes that are far behind in the log.
    private mutating func spill(_ batch: EventBatch, _ submission: LogSubmission) {
        let bound = isMemoryShort ? loadedMaxWhenShort : reach.spillAbove
        batch.runs.removeAll { run in
            let handler = Int(handlerOfLane[Int(run.lane)])
            guard !backlogs[handler].isEmpty || core.laneCounts(Int(run.lane)).pending > bound else { return false }
            var events = EventBits()
            for index in run.lower..<run.upper { events.insert(Int(batch.deliveries[Int(index)].event)) }
            backlogs[handler].append(
                PendingEvents(
                    sequence: submission.sequence, location: submission.location, firstPosition: batch.firstPosition,
                    eventCount: batch.count, events: events))
            return true
        }
    }

    /// Reads the next deliveries of handlers that have worked off theirs: of those that have none left in any case.
    mutating func reload() -> Bool {
        guard backlogCount > 0 else { return false }
        var progress = false
        for handler in backlogs.indices where !backlogs[handler].isEmpty {
            let loaded = lanesOfHandler[handler].reduce(0) { $0 + core.laneCounts($1).pending }
            let bound = isMemoryShort ? min(reach.reloadBelow, loadedMaxWhenShort) : reach.reloadBelow
            guard loaded == 0 || (loaded < bound && !log.usage.isFull), let frame = backlogs[handler].popFirst() else {
                continue
            }
            guard let batch = host.reload(log.numbers.handlers[lanesOfHandler[handler][0]], frame) else {
                backlogs[handler].putBack(frame)
                continue
            }
            batch.source = -1
            resumed(batch, ofHandler: handler)
            log.retain(copies: batch)
            core.accept(batch, effects: &effects)
            progress = true
        }
        return progress
    }

    var backlogCount: Int { backlogs.reduce(0) { $0 + $1.count } }

    /// Goes on where an earlier run ended. Before the loop runs.
    mutating func resume(backlog: [String: [PendingEvents]], delayed: [(due: UInt64, reentry: Reentry)]) {
        for (handler, lanes) in lanesOfHandler.enumerated() {
            let name = dispatcher.plan.lanes[lanes[0]].handler.name
            for events in backlog[name] ?? [] where !events.events.isEmpty {
                backlogs[handler].append(events)
                resumedFrames[handler] += 1
            }
        }
        for event in delayed { emits.add(event.reentry, notBefore: max(1, event.due), unixNow: 0) }
    }

    // MARK: Recording

    /// A call ended well.
    @inline(__always) mutating func recordOutcome(_ call: Int, _ kind: OutcomeRecord.Kind) {
        guard isRecording else { return }
        let place = core.place(ofCall: UInt32(call))
        pending.journal.append(
            OutcomeRecord(
                DeliveryID(
                    position: place.view.pointee.traces[Int(place.event)].position,
                    handler: log.numbers.handlers[Int(infos[call].lane)]), kind, attempts: place.attempts + 1))
    }

    /// Failed attempts go into the log before they are repeated.
    mutating func recordFailures() {
        for failure in effects.failures {
            let reference = core.reference(of: failure.delivery)
            let verdict: FailureRecord.Verdict =
                switch failure.verdict {
                case .retries: .retries
                case .halts: .halts
                default: .dead
                }
            var record = FailureRecord(
                id(of: reference), verdict, attempts: UInt32(failure.attempt.number), endedAt: failure.attempt.endedAt,
                failureClass: failure.attempt.failureClass, reason: failure.attempt.reason)
            record.due = failure.due == 0 ? 0 : failure.due &+ unixOffset
            record.duration = failure.attempt.nanoseconds
            record.firstStart = failure.firstStart &+ unixOffset
            record.previousDelay = failure.previousDelay
            record.code = failure.attempt.code
            pending.journal.append(record)
            if verdict == .retries { pending.journal.retries.append((failure.delivery, failure.due)) }
        }
    }

    /// Puts a dead letter into the log; the delivery ends when it is there.
    mutating func record(_ letter: DeadLetter, of reference: DeliveryReference) {
        pending.journal.append(
            DeadLetterRecord(
                id(of: reference), diedAt: now &+ unixOffset, event: letter.line, history: letter.history))
        pending.journal.buried.append(letter.delivery)
    }

    /// Keeps an event for this turn's frame.
    mutating func descend(_ reentry: Reentry) {
        table.emitRoom.settle(reentry.byteCount)
        descended.append(reentry)
    }

    /// Records an event that is to come in later, and that it has come in.
    mutating func delay(_ reentry: Reentry, until due: UInt64) {
        TimerRecord(.delayed, scope: "", key: reentry.event.id, due: due, event: reentry.event.json)
            .write(to: &pending.journal.timers)
    }

    mutating func release(_ reentry: Reentry) {
        TimerRecord(.released, scope: "", key: reentry.event.id).write(to: &pending.journal.timers)
    }

    /// What is to be recorded waits for the disk, and is enough: calls that would add to it are not started.
    var isRecordingBehind: Bool { pending.byteCount >= Self.pendingBytesMax }

    /// Far below what one frame may have: what calls that are open bring comes on top.
    private static var pendingBytesMax: Int { 64 << 20 }

    /// Hands over all that happened and waits until the log has it, or for two seconds.
    mutating func finishRecording() {
        let until = clock.now + 2_000_000_000
        repeat {
            now = clock.now
            submitJournal()
            _ = takeCommitted()
            _ = perform()
            guard log.isBusy || !pending.isEmpty else { return }
            clock.wait(timeout: 10_000_000) { log.hasCommitted }
        } while clock.now < until
    }

    private func id(of reference: DeliveryReference) -> DeliveryID {
        DeliveryID(
            position: reference.batch.traces[reference.event].position,
            handler: log.numbers.handlers[reference.lane])
    }

    /// Hands over what happened in this turn, as one frame: what a call did is on disk as a whole or not at all.
    mutating func submitJournal() {
        guard isRecording else {
            if !pending.journal.isEmpty { pending.journal.removeAll() }
            return
        }
        if !descended.isEmpty {
            for batch in host.reenter(descended) {
                batch.source = -1
                guard admit(batch, into: &pending.journal) else { continue }
                deliverUnmatched(batch)
                pending.batches.append(batch)
            }
            pendingEmitBytes += descended.reduce(0) { $0 + $1.byteCount }
            descended.removeAll()
        }
        // Behind everything that is in it: what stood here in an earlier turn does not know what came to it since.
        pending.checkpointExtras =
            log.wantsCheckpoint ? host.checkpointExtras(emits.delayedEvents, deduplicator) : nil
        guard !pending.isEmpty else { return }
        do {
            try log.submit(pending, from: .handler)
            pending = log.makeSubmission()
            table.emitRoom.settle(-pendingEmitBytes)
            pendingEmitBytes = 0
        } catch {
            // The disk is behind: the next turn offers it again, with what happens until then.
        }
    }
}
