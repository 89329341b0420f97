import CPatchbayJSON
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import PatchbayTelemetry

/// Runs a configuration under a virtual clock: the host's router and dispatch core, with scripted handlers, in the place
/// of sources, threads, modules and disk. The same test and seed give the same journal.
final class Simulation {
    /// A call that is out: handed over, and perhaps begun.
    struct Open {
        var delivery: Int
        var lane: Int
        /// Tells what was planned for an earlier call of the same index.
        var ticket: UInt64
        /// 0 before it began.
        var startedAt: UInt64 = 0
        var play = HandlerScript.Play.succeeds
        var isOwed = false
    }

    enum Action {
        /// The next event of an entry of `send`: how many came before it.
        case send(Int, Int)
        case complete(UInt32, ticket: UInt64)
        case deadline(UInt32, ticket: UInt64)
    }

    let blueprint: Blueprint
    let test: Configuration.Test
    let plan: DispatchPlan
    var core: DispatchCore
    var deduplicator: Deduplicator
    var effects = DispatchEffects()
    var journal = Journal()
    var script: HandlerScript
    var timeline = Timeline<Action>()
    /// Monotonic nanoseconds.
    var now = Simulation.begin
    /// By call index.
    var open: ContiguousArray<Open?> = []
    /// Calls that are handed over and not begun, by lane, and how far each list is worked off.
    private var queues: [(calls: [UInt32], taken: Int)]
    private var openCount: [Int]
    /// Permits of each lane that waits keep.
    private var held: [Int]
    private var generations: [Int: UInt32] = [:]
    private var tickets: UInt64 = 1 << 32
    /// What handlers emitted and is not taken in yet.
    var emits: [Emit] = []
    let eventIDs: [[String]]
    let routeOrder: [(place: Int, lanes: [Int: Int])]
    let outside: Intake
    let inside: Intake
    var spareBatches: [EventBatch] = []
    /// By `firstPosition` of a batch plus the event's place in it.
    var arrivals: [Int] = []
    /// By arrival and lane.
    var deliveryOf: [DeliveryKey: Int] = [:]

    struct DeliveryKey: Hashable {
        var position: UInt64
        var lane: Int
    }

    static let begin: UInt64 = 1_000_000_000
    /// The test's beginning, 2026-01-01T00:00:00Z, in Unix nanoseconds.
    static let unixBegin: UInt64 = 1_767_225_600_000_000_000
    /// A test with more calls, or with as many steps in a row that start nothing, never ends.
    static let callsMax = 50_000_000
    static let idleStepsMax = 1_000_000

    init(_ blueprint: Blueprint, _ test: Configuration.Test) throws(BlueprintError) {
        self.blueprint = blueprint
        self.test = test
        script = HandlerScript(test.inject.items)
        var plan = try Self.plan(blueprint, test)
        plan.addBurialLane()
        self.plan = plan
        deduplicator = Deduplicator(plan)
        core = DispatchCore(
            plan, seed: UInt64(test.seed),
            callCapacity: Dispatcher.callCapacity(maxInFlight: plan.lanes.map(\.eventsAtOnce)))
        queues = plan.lanes.map { _ in ([], 0) }
        openCount = plan.lanes.map { _ in 0 }
        held = openCount
        eventIDs = test.eventIDs.sent
        routeOrder = blueprint.routeOrder
        let limits = blueprint.configuration.limits
        var setup = Intake.Setup(
            table: blueprint.table, plan: blueprint.plan,
            limits: pbj_limits(
                event_bytes: UInt32(clamping: limits.eventBytes), nesting: UInt32(clamping: limits.nesting)),
            unmatched: .deadLetter, laneHandlers: blueprint.lanes.map(\.handler),
            tracer: .off(ids: IDGenerator(seed: UInt64(test.seed))),
            continuesTrace: blueprint.configuration.telemetry.context == .parent)
        outside = Intake(setup, name: "test", number: 0, counters: IntakeCounters(name: "test"))
        setup.isReentry = true
        setup.continuesTrace = true
        setup.limits.event_bytes = UInt32(EventText.emittedBytesMax)
        inside = Intake(setup, name: "handlers", number: 1, counters: IntakeCounters(name: "handlers"))
        for (index, sending) in test.send.items.enumerated() {
            timeline.add(.send(index, 0), due: Self.begin + sending.at.nanosecondsForClock, rank: UInt64(index))
        }
    }

    /// Handlers are not called; their names and bounds are.
    private static func plan(
        _ blueprint: Blueprint, _ test: Configuration.Test
    ) throws(BlueprintError) -> DispatchPlan {
        var handlers: [String: Handler] = [:]
        for name in blueprint.handlers {
            let concurrency = test.inject.items.filter { $0.handler == name }.map(\.concurrency).max() ?? 0
            handlers[name] = Handler(name: name, concurrency: concurrency) { _, _ in .ok }
        }
        var plan = try blueprint.dispatchPlan(handlers: handlers)
        for (index, lane) in blueprint.lanes.enumerated() {
            let policy = blueprint.configuration.policies.bulkheads.policy(lane.bulkhead)
            guard policy.algorithm != .gradient2, policy.maxInFlight == .auto else { continue }
            // As on the smallest machine, for the same outcome on every one.
            let concurrency = plan.lanes[index].handler.concurrency
            plan.lanes[index].maxInFlight = concurrency > 0 ? min(4, concurrency) : 4
        }
        return plan
    }

    /// Nanoseconds since the beginning.
    var elapsed: UInt64 { now - Self.begin }
    var unixNow: UInt64 { Self.unixBegin + elapsed }

    // MARK: The loop

    /// Runs until nothing happens by itself any more.
    func run() -> Journal {
        var idleSteps = 0
        settleDown()
        while let next = nextTime {
            now = max(now, next)
            let before = journal.callCount + journal.events.count
            fireDue()
            settleDown()
            idleSteps = journal.callCount + journal.events.count == before ? idleSteps + 1 : 0
            if journal.callCount > Self.callsMax {
                journal.brokenOff = "more than \(Self.callsMax) calls were made"
                break
            }
            if idleSteps > Self.idleStepsMax {
                journal.brokenOff = "nothing happened in \(Self.idleStepsMax) steps"
                break
            }
        }
        return journal
    }

    private var nextTime: UInt64? {
        guard let timer = core.nextTimer else { return timeline.earliest }
        return timeline.earliest.map { min($0, timer) } ?? timer
    }

    private func fireDue() {
        var sent: [(sending: Int, number: Int)] = []
        while let action = timeline.popDue(now) {
            switch action {
            case .send(let index, let number):
                sent.append((index, number))
                let sending = test.send.items[index]
                if number + 1 < sending.times {
                    timeline.add(
                        .send(index, number + 1), due: now + max(1, sending.every.nanosecondsForClock),
                        rank: UInt64(index))
                }
            case .complete(let call, let ticket):
                guard let known = open[Int(call)], known.ticket == ticket else { continue }
                settle(call, known.play.settled)
            case .deadline(let call, let ticket):
                guard let known = open[Int(call)], known.ticket == ticket, !known.isOwed else { continue }
                core.checkDeadline(Int(call), startedAt: known.startedAt, now: now, effects: &effects)
            }
        }
        send(sent)
    }

    private func settleDown() {
        while true {
            core.advance(now: now, effects: &effects)
            let acted = perform()
            let worked = work()
            let emitted = takeEmits()
            if !acted, !worked, !emitted { return }
        }
    }

    // MARK: Effects

    private func perform() -> Bool {
        let taken = effects
        effects = DispatchEffects()
        for call in taken.cancels { cancel(call) }
        for call in taken.closes { close(call) }
        for change in taken.generations { generations[change.breaker] = change.generation }
        for hold in taken.holds { held[hold.lane] += hold.change }
        for start in taken.starts { enqueue(start) }
        for notice in taken.notices { hear(notice) }
        for death in taken.deaths { bury(death) }
        for batch in taken.released where spareBatches.count < 64 { spareBatches.append(batch) }
        return !(taken.starts.isEmpty && taken.deaths.isEmpty && taken.cancels.isEmpty && taken.closes.isEmpty)
    }

    private func enqueue(_ start: DispatchEffects.Start) {
        var link = start.call
        while link != 0 {
            let reference = core.reference(ofCall: link)
            let key = DeliveryKey(
                position: reference.batch.firstPosition + UInt64(reference.event), lane: reference.lane)
            guard let delivery = deliveryOf[key] else { preconditionFailure("a delivery that was not taken in") }
            while open.count <= Int(link) { open.append(nil) }
            tickets += 1
            open[Int(link)] = Open(delivery: delivery, lane: reference.lane, ticket: tickets)
            queues[Int(start.lane)].calls.append(link)
            link = start.count > 1 ? core.nextInBatch(link) : 0
        }
    }

    private func hear(_ notice: DispatchEffects.Notice) {
        switch notice {
        case .breaker(let name, let transition):
            let state: Configuration.Test.Transition.State =
                switch transition.to {
                case .closed: .closed
                case .open: .open
                case .halfOpen: .halfOpen
                }
            journal.breakerChanges.append(.init(name: name, state: state, at: transition.at - Self.begin))
        case .breakerProbes(let name):
            journal.breakerChanges.append(.init(name: name, state: .halfOpen, at: elapsed))
        case .laneHalted(let lane, let reason):
            journal.notices.append((elapsed, "\(plan.lanes[lane].name) is halted: \(reason)"))
        case .laneQuarantined(let lane, let owed):
            journal.notices.append((elapsed, "\(plan.lanes[lane].name) is quarantined: \(owed) calls never returned"))
        case .drift(let drift): journal.notices.append((elapsed, "deliveries are unaccounted for: \(drift)"))
        case .callClosed, .notPrompt, .noThread: break
        }
    }

    // MARK: Workers

    /// Begins what there are permits for. After a failure the core is asked first, as workers wait for its word.
    private func work() -> Bool {
        var worked = false
        for lane in queues.indices {
            while queues[lane].taken < queues[lane].calls.count {
                let call = queues[lane].calls[queues[lane].taken]
                let admission = core.admission(ofCall: call)
                let isCurrent = generations[admission.breaker, default: 1] == admission.generation
                let permits = plan.lanes[lane].eventsAtOnce - openCount[lane]
                // Without a thread it waits for one; with one, and no permit, it goes back.
                guard permits > 0 || !isCurrent else { break }
                takeFirst(lane)
                worked = true
                guard isCurrent, permits > held[lane] else {
                    settle(call, SettledCall(kind: .unstarted))
                    continue
                }
                if begin(call) { return true }
            }
        }
        return worked
    }

    private func takeFirst(_ lane: Int) {
        queues[lane].taken += 1
        guard queues[lane].taken == queues[lane].calls.count || queues[lane].taken > 4096 else { return }
        queues[lane].calls.removeFirst(queues[lane].taken)
        queues[lane].taken = 0
    }

    /// Plays the handler's part; true when it failed at once.
    private func begin(_ call: UInt32) -> Bool {
        guard var known = open[Int(call)] else { preconditionFailure("a call that was not handed over") }
        let event = journal.deliveries[known.delivery].event
        known.startedAt = now
        known.play =
            script.next(
                plan.lanes[known.lane].handler.name, event: (event, journal.events[event].id), time: elapsed)
            ?? .succeeds
        if let reason = transformFailure(of: call, known.delivery) {
            known.play = .init(Configuration.Test.Step(.reject), takes: .zero, emitter: nil)
            known.play.reason = reason
        }
        openCount[known.lane] += 1
        open[Int(call)] = known
        if known.play.takes == 0 {
            settle(call, known.play.settled)
            return known.play.outcome != .ok && known.play.outcome != .skip
        }
        let timeout = core.timeout(ofCall: call)
        if known.play.takes != .max {
            tickets += 1
            timeline.add(.complete(call, ticket: known.ticket), due: now + known.play.takes, rank: tickets)
        }
        if timeout != 0, known.play.takes >= timeout {
            tickets += 1
            timeline.add(.deadline(call, ticket: known.ticket), due: now + timeout, rank: tickets)
        }
        return false
    }

    private func cancel(_ call: UInt32) {
        guard let known = open[Int(call)] else { return }
        if known.play.outcome == .timeout {
            settle(call, known.play.settled)
        } else {
            // The core asked at its deadline, and gives it up after the grace.
            tickets += 1
            timeline.add(.deadline(call, ticket: known.ticket), due: now + plan.cancelGrace, rank: tickets)
        }
    }

    private func close(_ call: UInt32) {
        guard var known = open[Int(call)] else { return }
        known.isOwed = true
        open[Int(call)] = known
        let settlement = core.closed(call, now: now, unixNow: unixNow, effects: &effects)
        note(known, settlement, isLate: true, reason: "timeout: the call did not end in time")
    }

    private func settle(_ call: UInt32, _ settled: SettledCall) {
        guard let known = open[Int(call)] else { preconditionFailure("a call that is not open") }
        open[Int(call)] = nil
        if known.startedAt != 0 { openCount[known.lane] -= 1 }
        var settled = settled
        settled.wasClosed = known.isOwed
        if settled.kind == .done, !known.isOwed, let emitter = known.play.emitter {
            emit(test.inject.items[emitter].emits.items, call, known)
        }
        let timeoutsBefore = core.counts.timeouts
        let reason = settled.details?.reason ?? ""
        let settlement = core.settle(
            call, settled, startedAt: known.startedAt, now: now, unixNow: unixNow, effects: &effects)
        guard !known.isOwed, known.startedAt != 0 else { return }
        note(known, settlement, isLate: core.counts.timeouts > timeoutsBefore, reason: reason)
        switch (settlement.verdict, settled.kind) {
        case (.finished, .skip): journal.end(known.delivery, .skipped, at: elapsed)
        case (.finished, _): journal.end(known.delivery, .done, at: elapsed)
        default: break
        }
        journal.endedAt = elapsed
    }

    private func note(_ call: Open, _ settlement: Settlement, isLate: Bool, reason: String) {
        journal.add(
            Journal.Call(
                startedAt: call.startedAt - Self.begin, endedAt: elapsed, number: settlement.attempt,
                outcome: call.play.outcome, isLate: isLate, reason: reason, verdict: settlement.verdict,
                retryDelay: settlement.retryDelay),
            to: call.delivery)
    }
}

extension LanePlan {
    /// Calls that may be open at once, each event of a batch being one.
    fileprivate var eventsAtOnce: Int { max(1, adaptive?.max ?? maxInFlight) * max(1, batching.count) }
}
