import CPatchbay
import PatchbayEvents
import PatchbayLog
import PatchbayResilience
import PatchbayTelemetry
import Synchronization

/// The body of the dispatcher's thread: takes in, settles, advances, performs, and parks when nothing is to do.
struct DispatchLoop: ~Copyable {
    let dispatcher: Dispatcher
    let table: CallTable
    let ports: [IntakePort]
    let control: ControlPort
    let host: DispatchHost
    let pools: Pools
    let clock: any LoopClock
    // What every call needs, at hand: reading through the dispatcher would retain and release on the way.
    let lanes: UnsafeMutablePointer<WorkerLane>
    let infos: UnsafeMutablePointer<CallInfo>
    private let transforms: CallTransforms?
    let ids: IDGenerator
    let isTracing: Bool
    /// By route; and whether there is any.
    let shadows: [[RouteShadow]]
    private let isShadowing: Bool
    let attemptsMax: [UInt32]
    var log: any EventLog & Sendable
    var core: DispatchCore
    var codes: CodeBook
    /// Changes of code whose outcome is still asked for, or whose old code still has calls.
    var changes: [CodeChange] = []
    var effects = DispatchEffects()
    var emits: EmitQueue
    var now: UInt64
    /// Unix time minus monotonic time.
    let unixOffset: UInt64
    var deduplicator: Deduplicator
    /// Events that were duplicates, by source; the last is for those that handlers emitted.
    var duplicates: [UInt64]
    var accepted: UInt64 = 0
    var emitted: UInt64 = 0
    /// Given up, and waiting until their dead letters can be taken. Bounded by what lanes have loaded.
    var deaths: ContiguousArray<DispatchEffects.Death> = []
    /// How many of `deaths` are handed over already.
    var deathsTaken = 0
    var waiting: [EventBatch] = []
    /// What happens to deliveries is recorded.
    let isRecording: Bool
    /// What happened since the last submission.
    var pending: LogSubmission
    /// Emitted by calls since the last submission: it comes in together with what the calls did.
    var descended: [Reentry] = []
    /// Of events that are in `pending`: they count as emitted and not appended until the log has them.
    var pendingEmitBytes = 0
    /// What is in the log and not in memory, by handler.
    var backlogs: [Backlog]
    /// How many frames of these an earlier run left, by handler.
    var resumedFrames: [Int]
    /// The plan's route of subscriptions; a number that no route has where there is none.
    let subscriptionRoute: UInt16
    var reach = MemoryReach()
    /// The lanes of each handler, and each lane's handler, as indices into `backlogs`.
    let lanesOfHandler: [[Int]]
    let handlerOfLane: [Int]
    /// An alarm was raised.
    var hasDrifted = false
    var sweepDue: UInt64 = 0
    var statusDue: UInt64 = 0
    private var compactAt: Int
    private let readAheadBytes: Int
    /// A call that emits as much keeps its lane's calls from running ahead: a full queue of such calls would fill half
    /// of the reserve.
    private let keepCloseBytes: Int
    private var readAheadDue: UInt64 = 0
    private var settledAtTake: UInt64 = 0
    private var deliveriesAtTake: UInt64 = 0
    private var compactDue: UInt64 = 0
    /// How far each pool had come at the last sweep.
    var taken: [UInt64] = []
    /// When nothing was left but calls that the host gave up on; 0 is not so.
    var stuckSince: UInt64 = 0
    let sweepInterval: UInt64

    init(
        dispatcher: Dispatcher, ports: [IntakePort], log: any EventLog & Sendable, host: DispatchHost, pools: Pools,
        deduplicator: Deduplicator, clock: any LoopClock
    ) {
        self.clock = clock
        self.deduplicator = deduplicator
        duplicates = [UInt64](repeating: 0, count: ports.count + 1)
        self.dispatcher = dispatcher
        self.ports = ports
        control = dispatcher.control
        self.log = log
        isRecording = log.isDurable
        pending = self.log.makeSubmission()
        let names = dispatcher.plan.lanes.map(\.handler.name)
        let handlers = Array(Set(names)).sorted()
        handlerOfLane = names.map { name in handlers.firstIndex(of: name) ?? 0 }
        lanesOfHandler = handlers.map { name in names.indices.filter { names[$0] == name } }
        backlogs = handlers.map { _ in Backlog() }
        resumedFrames = handlers.map { _ in 0 }
        subscriptionRoute = UInt16(clamping: dispatcher.plan.subscriptionRoute ?? Int(UInt16.max))
        self.host = host
        self.pools = pools
        table = dispatcher.table
        emits = EmitQueue(room: table.emitRoom)
        lanes = dispatcher.shared.lanes
        infos = dispatcher.shared.infos
        transforms = dispatcher.shared.transforms
        ids = dispatcher.tracer.ids
        isTracing = dispatcher.tracer.isOn
        shadows = dispatcher.plan.routes.map(\.shadows)
        isShadowing = shadows.contains { !$0.isEmpty }
        attemptsMax = dispatcher.plan.routes.map { UInt32(clamping: $0.retry.maxRetries + 1) }
        core = DispatchCore(dispatcher.plan, seed: dispatcher.options.seed, callCapacity: table.capacity - 1)
        core.isRecording = log.isDurable
        codes = CodeBook(dispatcher.plan.lanes, codes: dispatcher.shared.codes)
        core.subscriptionRoute = subscriptionRoute
        compactAt = log.usage.boundBytes / 4
        readAheadBytes = min(32 << 20, log.usage.boundBytes / 4)
        keepCloseBytes = log.usage.reserveBytes / 1024
        now = clock.now
        unixOffset = clock.unixNow &- now
        let shortest = dispatcher.plan.routes.map(\.timeout.attempt).filter { $0 > 0 }.min() ?? 1_000_000_000
        sweepInterval = min(10_000_000, max(1_000_000, UInt64(shortest) / 10))
    }

    // MARK: The loop

    mutating func run() -> DispatchEnd {
        while true {
            let progress = turn()
            if let reason = endReason() { return end(reason) }
            if !progress { park() }
        }
    }

    /// Does what there is to do now; false when that was nothing.
    mutating func turn() -> Bool {
        now = clock.now
        var progress = settlePosted()
        progress = takeBuried() || progress
        buryWaiting()
        if dispatcher.replacements.isWaiting { progress = takeReplacements() || progress }
        progress = takeIn() || progress
        progress = reenterEmits() || progress
        progress = takeSubscribed() || progress
        progress = takeCommitted() || progress
        progress = reload() || progress
        table.emitRoom.limit(to: log.usage.emitRoomBytes)
        progress = compactWhenDue() || progress
        if !isRecordingBehind { core.advance(now: now, effects: &effects) }
        progress = perform() || progress
        submitJournal()
        if now >= sweepDue { sweep() }
        return progress
    }

    /// When something is to be done without anyone asking for it; monotonic nanoseconds.
    var nextDue: UInt64 {
        var due = core.nextTimer ?? .max
        if core.hasOpenCalls || core.counts.pending > 0 || !changes.isEmpty { due = min(due, sweepDue) }
        if let timer = host.nextTimer() { due = min(due, timer &- unixOffset) }
        if let delayed = emits.earliest { due = min(due, delayed &- unixOffset) }
        if dispatcher.command.load(ordering: .acquiring) == Dispatcher.Command.drain.rawValue {
            due = min(due, dispatcher.drainDeadline.load(ordering: .relaxed))
        }
        if readAheadDue > now { due = min(due, readAheadDue) }
        return due
    }

    private mutating func park() {
        let due = min(nextDue, now + 100_000_000)
        let timeout = due > now ? due - now : 1
        let takesMore = takesSources
        let takesStreams = takesSubscribed
        clock.wait(timeout: timeout) {
            table.hasForeign || dispatcher.hasBuried.load(ordering: .relaxed)
                || pools.outboxes.contains { !$0.isEmpty } || log.hasCommitted || dispatcher.replacements.isWaiting
                || control.hasChange(takesEvents: takesMore)
                || (takesStreams && hasSubscribed) || (takesMore && ports.contains { $0.hasBatches })
                || dispatcher.command.load(ordering: .relaxed) == Dispatcher.Command.stop.rawValue
        }
    }

    // MARK: Taking in

    private mutating func takeIn() -> Bool {
        var progress = false
        while let batch = waiting.first, append(batch, log.makeSubmission(), .handler) {
            waiting.removeFirst()
            table.emitRoom.settle(-batch.byteCount)
            progress = true
        }
        for port in ports {
            // A few batches a turn, so that no source and no lane waits for another for long.
            var turns = 4
            while turns > 0, takesSources, let batch = port.take() {
                turns -= 1
                progress = true
                let submission = log.makeSubmission()
                guard admit(batch, into: &submission.journal) else {
                    log.recycle(submission)
                    port.accepted()
                    port.giveBack(batch)
                    continue
                }
                deliverUnmatched(batch)
                readAheadDue = now + Self.readAheadInterval
                settledAtTake = settled
                deliveriesAtTake = UInt64(batch.deliveryCount)
                let isTaken = append(batch, submission, .source)
                precondition(isTaken, "the log had room for it a moment ago")
            }
        }
        return takeChange() || progress
    }

    var takesSources: Bool { hasRoom && mayReadAhead }

    /// The log takes more, and less is pending than may be.
    var hasRoom: Bool { log.takesSources && !isPendingFull }

    /// As much is pending, in memory and in the log, as may be.
    private var isPendingFull: Bool {
        let bound = dispatcher.options.pendingBytesMax
        return bound > 0 && log.usage.retainedBytes + backlogs.reduce(0) { $0 + $1.byteCount } >= bound
    }

    /// Sources run at full speed until much is pending; then they follow what is settled, and where nothing is
    /// settled still go on at a crawl: they pause only when the log is full, and memory does not fill for nothing.
    private var mayReadAhead: Bool {
        log.usage.retainedBytes < readAheadBytes || settled - settledAtTake >= deliveriesAtTake || now >= readAheadDue
    }

    private var settled: UInt64 { core.counts.done + core.counts.skipped + core.counts.dead }

    private static let readAheadInterval: UInt64 = 4_000_000

    /// Leaves out what its routes have had; false when nothing is left. What is admitted is recorded with the events.
    mutating func admit(_ batch: EventBatch, into journal: inout LogJournal) -> Bool {
        guard !batch.marks.isEmpty else { return true }
        let unixNow = now &+ unixOffset
        let gone = deduplicator.admit(batch, unixNow: unixNow) { route, key in
            guard isRecording else { return }
            journal.append(DeduplicationRecord(key, time: unixNow, route: log.numbers.routes[route]))
        }
        duplicates[batch.source >= 0 ? batch.source : ports.count] += UInt64(gone)
        return batch.count > 0
    }

    mutating func append(_ batch: EventBatch, _ submission: LogSubmission, _ origin: AppendOrigin) -> Bool {
        submission.batches.append(batch)
        do {
            try log.submit(submission, from: origin)
            return true
        } catch {
            log.recycle(submission)
            return false
        }
    }

    private static var emitsPerTurn: Int { 256 }
    private static var emitBytesPerTurn: Int { 1 << 20 }

    private mutating func reenterEmits() -> Bool {
        // A part a turn, so that a handler that emits much holds up no lane; none while the log has no room for more.
        guard waiting.isEmpty else { return false }
        let unixNow = now &+ unixOffset
        var due = emits.takeDue(unixNow, max: Self.emitsPerTurn, bytesMax: Self.emitBytesPerTurn)
        if isRecording { for reentry in due { release(reentry) } }
        if let timer = host.nextTimer(), timer <= unixNow {
            due += host.fireTimers(unixNow, &pending.journal.timers)
        }
        guard !due.isEmpty else { return false }
        if isRecording {
            for reentry in due { descend(reentry) }
            return true
        }
        for batch in host.reenter(due) {
            batch.source = -1
            guard admit(batch, into: &pending.journal) else { continue }
            deliverUnmatched(batch)
            if !append(batch, log.makeSubmission(), .handler) {
                waiting.append(batch)
                table.emitRoom.settle(batch.byteCount)
            }
        }
        return true
    }

    mutating func takeBuried() -> Bool {
        guard dispatcher.hasBuried.exchange(false, ordering: .acquiring) else { return false }
        let links = dispatcher.buriedLinks.withLock { links in
            defer { links.removeAll(keepingCapacity: true) }
            return links
        }
        for link in links where link != 0 { core.buried(link, now: now, effects: &effects) }
        return true
    }

    /// Moves what lags together, each time the log has filled by another eighth, and now and then while it is full.
    private mutating func compactWhenDue() -> Bool {
        let usage = log.usage
        guard usage.retainedBytes >= compactAt || (usage.isFull && now >= compactDue) else { return false }
        recallQueued()
        for batch in core.compact(effects: &effects) { log.retain(copies: batch) }
        _ = perform()
        compactAt = max(usage.boundBytes / 4, log.usage.retainedBytes + usage.boundBytes / 8)
        compactDue = now + 100_000_000
        return true
    }

    /// Takes back the calls that wait for a worker: what is not started can be moved, and starts again right after.
    mutating func recallQueued() {
        var recalled: [UInt32] = []
        for pool in pools.everyPool {
            while let call = pool.ring.take() {
                var link = call
                while link != 0 {
                    recalled.append(link)
                    link = infos[Int(link)].nextInBatch
                }
            }
        }
        for call in recalled {
            table.giveBack(Int(call))
            settle(Int(call), byWorker: true)
        }
    }

    // MARK: Settling

    mutating func settlePosted() -> Bool {
        var progress = false
        for outbox in pools.outboxes {
            let head = outbox.takeAll()
            if head != 0 {
                settleChain(head, byWorker: true)
                progress = true
            }
        }
        let foreign = table.takeForeign()
        if foreign != 0 {
            settleChain(foreign, byWorker: false)
            progress = true
        }
        return progress
    }

    /// Settles a chain of posted calls, oldest first.
    private mutating func settleChain(_ head: UInt32, byWorker: Bool) {
        var reversed: UInt32 = 0
        var link = head
        while link != 0 {
            let next = table.next[Int(link) - 1]
            table.next[Int(link) - 1] = reversed
            reversed = link
            link = next
        }
        while reversed != 0 {
            let index = Int(reversed) - 1
            reversed = table.next[index]
            settle(index, byWorker: byWorker)
        }
    }

    private mutating func settle(_ index: Int, byWorker: Bool) {
        let call = table.call(at: index)
        let outcome = table.settle(index)
        transforms?.release(index)
        let info = infos[index]
        let lane = lanes + Int(info.lane)
        if !byWorker { lane.pointee.open.pointee.wrappingSubtract(1, ordering: .releasing) }
        let startedAt = table.started[index].load(ordering: .relaxed)
        guard
            outcome.effects != nil || info.isSampled || info.isShadowed || outcome.kind != .done || outcome.wasClosed
        else {
            codes.counts[Int(info.code)].ended &+= 1
            if codes.isComparing { codes.counts[Int(info.code)].nanoseconds &+= now &- min(now, startedAt) }
            recordOutcome(index, .done)
            _ = core.settle(
                UInt32(index), outcome, startedAt: startedAt, now: now, unixNow: now &+ unixOffset, effects: &effects)
            return
        }
        settleFully(index, call, outcome, info, startedAt: startedAt)
        if byWorker, !outcome.wasClosed, outcome.kind == .retry || outcome.kind == .fail {
            // Workers that wait for the dispatcher's word are to hear of an opened breaker with it.
            publishGenerations()
            lane.pointee.unheard.pointee.wrappingSubtract(1, ordering: .releasing)
        }
    }

    /// The way of calls that emitted, wrote state, failed, or are traced.
    private mutating func settleFully(
        _ index: Int, _ call: patchbay_call, _ outcome: SettledCall, _ info: CallInfo, startedAt: UInt64
    ) {
        let unixNow = now &+ unixOffset
        let reference = outcome.wasClosed ? nil : core.reference(ofCall: UInt32(index))
        count(outcome, of: info, startedAt: startedAt)
        let sinks = reference == nil ? [] : sinks(ofCall: UInt32(index), info)
        let before = sinks.isEmpty ? [:] : stateBefore(outcome, info)
        let deaths = effects.deaths.count
        var conflict = false
        var emitted = 0
        // A muted replay has no effects but its outcomes.
        if outcome.kind == .done, !outcome.wasClosed, let wanted = outcome.effects, let reference,
            !reference.batch.isMuted
        {
            let streams = streamChanges(wanted, from: reference, info: info)
            conflict =
                streams?.takes == false
                || (!wanted.stateWrites.isEmpty
                    && !host.commitState(
                        Int(info.lane), wanted.stateWrites, origin(of: reference, info), unixNow,
                        &pending.journal.state))
            if !conflict {
                if let streams {
                    host.changeStreams(streams.appends, wanted.streamSnapshots, unixNow) { record in
                        if isRecording { pending.journal.append(record) }
                    }
                }
                if !wanted.timers.isEmpty {
                    host.changeTimers(
                        Int(info.lane), timers(wanted.timers, from: reference, info: info), &pending.journal.timers)
                }
                if !wanted.subscriptions.isEmpty {
                    host.feed?.change(Int(info.lane), wanted.subscriptions, &pending.journal.subscriptions)
                }
                emitted = emit(wanted.emits, from: reference, info: info)
            }
        }
        if info.isSampled, outcome.kind != .unstarted, reference != nil {
            core.setLastSpan(info.span, ofCall: UInt32(index))
        }
        if !outcome.wasClosed, !conflict {
            if outcome.kind == .done { recordOutcome(index, .done) }
            if outcome.kind == .skip { recordOutcome(index, .skipped) }
        }
        let settlement = core.settle(
            UInt32(index), outcome, startedAt: startedAt, stateConflict: conflict, now: now, unixNow: unixNow,
            effects: &effects)
        if let room = outcome.effects?.emitRoom, room.bytes >= keepCloseBytes { core.keepClose(Int(info.lane)) }
        guard let reference, outcome.kind != .unstarted else { return }
        // One that runs again, uncharged, is compared then.
        if !sinks.isEmpty, !conflict, outcome.kind != .busy {
            offer(
                to: sinks, reference, info, outcome: outcome.kind.name, outcome.details, outcome.effects,
                nanoseconds: duration(outcome, info, startedAt: startedAt), before: before)
        }
        nameVersion(info, ofDeathsFrom: deaths, reference)
        host.spans.map { _ = $0.endAll(call: call, now: unixNow) }
        report(
            reference, info, outcome.kind, outcome.details, settlement, conflict: conflict, emitted: emitted)
    }

    // MARK: Performing

    /// Does what the core wants done; true when there was anything.
    mutating func perform() -> Bool {
        var progress = false
        for call in effects.cancels { cancel(Int(call), why: Int32(PATCHBAY_CANCEL_TIMEOUT)) }
        for call in effects.closes { close(call) }
        // Before the starts that rely on them.
        publishGenerations()
        for hold in effects.holds {
            let open = lanes[hold.lane].open
            open.pointee.wrappingAdd(UInt64(bitPattern: Int64(hold.change)), ordering: .acquiringAndReleasing)
        }
        if !effects.starts.isEmpty {
            progress = true
            startCalls()
        }
        for notice in effects.notices { host.notice(notice) }
        if !effects.failures.isEmpty { recordFailures() }
        if !effects.deaths.isEmpty {
            deaths += effects.deaths
            buryWaiting()
        }
        if !effects.subscribed.isEmpty { host.feed?.ended(Array(effects.subscribed)) }
        for batch in effects.released {
            log.release(batch)
            if batch.source >= 0, batch.source < ports.count { ports[batch.source].giveBack(batch) }
        }
        progress = progress || !effects.released.isEmpty || !effects.deaths.isEmpty
        effects.clear()
        return progress
    }

    private mutating func publishGenerations() {
        guard !effects.generations.isEmpty else { return }
        for change in effects.generations {
            dispatcher.shared.generations[change.breaker].store(change.generation &- 1, ordering: .releasing)
        }
        effects.generations.removeAll(keepingCapacity: true)
    }

    private mutating func startCalls() {
        var index = 0
        while index < effects.starts.count {
            // Starts come lane by lane: one look at the pool serves a whole run of them.
            let lane = effects.starts[index].lane
            let pool = pools.ofLane[Int(lane)]
            let ring = pool.ring
            var pushed = 0
            while index < effects.starts.count, effects.starts[index].lane == lane {
                let start = effects.starts[index]
                index += 1
                var link = start.call
                while link != 0 {
                    arm(link, start)
                    link = start.count > 1 ? core.nextInBatch(link) : 0
                }
                // A ring holds every call that its lanes may have out.
                precondition(ring.push(start.call), "a worker ring is smaller than its lanes' limits")
                pushed += Int(start.count)
                if pushed >= 256 {
                    pool.ring(pushed: pushed)
                    pushed = 0
                }
            }
            if pushed > 0 { pool.ring(pushed: pushed) }
        }
    }

    private mutating func arm(_ call: UInt32, _ start: DispatchEffects.Start) {
        let index = Int(call)
        let place = core.place(ofCall: call)
        let admission = core.admission(ofCall: call)
        var info = CallInfo(view: place.view)
        info.event = place.event
        info.lane = start.lane
        info.route = place.route
        info.attempt = place.attempts + 1
        info.attemptsMax = attemptsMax[Int(place.route)]
        info.timeout = core.timeout(ofCall: call)
        info.breaker = UInt32(admission.breaker)
        info.generation = admission.generation &- 1
        info.nextInBatch = start.count > 1 ? core.nextInBatch(call) : 0
        // The receive span's id stands for the event wherever it is kept.
        let position = place.view.pointee.traces[Int(place.event)].receive
        if place.view.pointee.traces[Int(place.event)].sampled, isTracing {
            info.isSampled = true
            info.previousSpan = core.lastSpan(ofCall: call)
        }
        // The span before tells attempts of one number apart: those that were not charged are run again.
        info.span = ids.spanID(
            position: position ^ info.previousSpan, lane: UInt32(start.lane), attempt: info.attempt,
            role: IDGenerator.Role.process)
        if isShadowing, info.attempt == 1 {
            info.isShadowed = isShadowed(call, route: place.route, lane: start.lane)
        }
        info.code = codes.isComparing ? comparedCode(start) : codes.ofLane[Int(start.lane)]
        codes.counts[Int(info.code)].started &+= 1
        infos[index] = info
        _ = table.arm(index)
    }

    /// While versions share a lane's calls. A batch goes one way, that of its first.
    private func comparedCode(_ start: DispatchEffects.Start) -> UInt16 {
        codes.code(ofLane: Int(start.lane), key: core.lastingKey(ofCall: start.call))
    }

    func cancel(_ index: Int, why: Int32) {
        guard table.requestCancel(index) else { return }
        let code = dispatcher.shared.codes + Int(infos[index].code)
        guard let cancel = code.pointee.cancel else { return }
        code.pointee.owner.running("cancel") { cancel(code.pointee.instance, table.call(at: index), why) }
    }

    private mutating func close(_ call: UInt32) {
        let index = Int(call)
        let reference = core.reference(ofCall: call)
        let info = dispatcher.shared.infos[index]
        guard table.close(index) else { return }
        if info.isSampled { core.setLastSpan(info.span, ofCall: call) }
        let details = ResultDetails(reason: "timeout: the call did not end in time")
        let started = table.started[index].load(ordering: .relaxed)
        offer(
            to: sinks(ofCall: call, info), reference, info, outcome: "timeout", details,
            nanoseconds: now &- min(now, started))
        codes.counts[Int(info.code)].failed &+= 1
        let deaths = effects.deaths.count
        let settlement = core.closed(call, now: now, unixNow: now &+ unixOffset, effects: &effects)
        nameVersion(info, ofDeathsFrom: deaths, reference)
        host.spans.map { _ = $0.endAll(call: table.call(at: index), now: now &+ unixOffset) }
        report(
            reference, info, .cancelled, details, settlement, conflict: false)
    }
}
