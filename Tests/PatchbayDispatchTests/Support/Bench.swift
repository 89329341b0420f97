import CPatchbayJSON
import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

/// A dispatch core under a virtual clock, with workers and handlers that do what a test scripts.
final class Bench {
    /// A call as a handler sees it.
    struct Call {
        var index: UInt32
        var lane: Int
        var route: Int
        var id: String
        var attempt: Int
        /// Calls handed over together share it.
        var group: Int
        var groupSize: Int
        /// Monotonic nanoseconds; 0 before a worker began it.
        var startedAt: UInt64 = 0
        var timeout: UInt64
        var reply = Reply.done
        var cancelledAt: UInt64 = 0
        var isOwed = false
        /// The batch that its event is in.
        var batch: ObjectIdentifier
    }

    struct Death {
        var id: String
        var failureClass: String
        var reason: String
        /// Charged.
        var attempts: Int
        var at: UInt64
    }

    private(set) var core: DispatchCore
    let plan: DispatchPlan
    /// What handlers do.
    var reply: (Call) -> Reply = { _ in .done }
    /// Lanes whose handlers complete calls after `handle` has returned.
    var asynchronous: Set<Int> = []
    /// Nanoseconds from a death to its burial.
    var burialDelay: UInt64 = 0
    /// Nanoseconds until a failure is recorded; `nil` is a run without a durable log.
    var recordDelay: UInt64? { didSet { core.isRecording = recordDelay != nil } }
    private(set) var now: UInt64 = 1_000_000_000_000
    let begin: UInt64 = 1_000_000_000_000
    /// Every call that a worker began, in order.
    private(set) var started: [Call] = []
    /// Ids in the order in which they ended well.
    private(set) var done: [String] = []
    private(set) var deaths: [Death] = []
    private(set) var verdicts: [Settlement.Verdict] = []
    private(set) var released = 0
    private(set) var sent = 0
    private(set) var sentBatches = 0
    private(set) var halts: [Int] = []
    private(set) var quarantines: [Int] = []
    private(set) var transitions: [String] = []
    private(set) var unstarted = 0
    /// Permits of each lane that waits keep.
    private(set) var held: [Int]
    /// Batches that `compact` made.
    private(set) var packed = 0
    private(set) var packedEvents = 0
    /// Deliveries that were shown with other bytes than were sent.
    private(set) var altered: [String] = []
    /// Calls that workers have begun and that are not over, owed ones included.
    private(set) var open: [Call] = []
    private(set) var queues: [[Call]]
    private var effects = DispatchEffects()
    private var generations: [Int: UInt32] = [:]
    private var burials: [(due: UInt64, delivery: UInt32)] = []
    private var records: [(at: UInt64, delivery: UInt32, due: UInt64)] = []
    private var groups = 0
    private let maker = BatchMaker()
    /// What each event is, by its id.
    private var originals: [String: Original] = [:]
    /// Batches that the core retains, with their memory in bytes.
    private var retained: [ObjectIdentifier: Int] = [:]
    var retainedBytes: Int { retained.values.reduce(0, +) }
    /// Batches that came back and had not gone there.
    private(set) var releasedTwice = 0

    init(_ plan: DispatchPlan, seed: UInt64 = 1, callCapacity: Int = 4096) {
        self.plan = plan
        core = DispatchCore(plan, seed: seed, callCapacity: callCapacity)
        queues = plan.lanes.map { _ in [] }
        held = plan.lanes.map { _ in 0 }
    }

    /// One route and one lane.
    convenience init(
        maxInFlight: Int = 1, callCapacity: Int = 4096, lane change: (inout LanePlan) -> Void,
        route: (inout RoutePlan) -> Void = { _ in }
    ) {
        var plan = Bench.plan(maxInFlight: maxInFlight)
        change(&plan.lanes[0])
        route(&plan.routes[0])
        self.init(plan, callCapacity: callCapacity)
    }

    convenience init(maxInFlight: Int = 1, callCapacity: Int = 4096, _ route: (inout RoutePlan) -> Void = { _ in }) {
        self.init(maxInFlight: maxInFlight, callCapacity: callCapacity, lane: { _ in }, route: route)
    }

    /// Routes without retries' randomness, timeouts or breakers that trip, for tests to change what they are about.
    static func plan(routes: Int = 1, lanes: Int = 1, maxInFlight: Int = 1) -> DispatchPlan {
        DispatchPlan(
            routes: (0..<routes).map { number in
                var route = RoutePlan(name: "r\(number)")
                route.retry = RetryPolicy(policy: .constant, duration: .seconds(2), maxRetries: 3, jitter: .none)
                route.timeout = TimeoutPolicy(attempt: .seconds(30), total: .zero)
                route.breaker = CircuitBreakerConfiguration(trip: { _ in false })
                return route
            },
            lanes: (0..<lanes).map { number in
                LanePlan(
                    name: "l\(number)", handler: Handler(name: "h\(number)") { _, _ in .ok },
                    maxInFlight: maxInFlight)
            })
    }

    // MARK: Driving

    func send(_ given: [Given]) {
        send(maker.batch(given))
        sent += given.count
    }

    /// A batch that has its deliveries already.
    func send(_ batch: EventBatch) {
        sentBatches += 1
        for index in 0..<batch.count {
            let original = Original(batch, index)
            originals[original.id] = original
        }
        retained[ObjectIdentifier(batch)] = batch.byteCount
        core.accept(batch, effects: &effects)
    }

    /// Packs what waits; the number of new batches. Calls that no worker has begun go back first if `recalled`.
    @discardableResult func compact(recalled: Bool = true) -> Int {
        if recalled {
            for lane in queues.indices {
                let calls = queues[lane]
                queues[lane] = []
                for call in calls {
                    unstarted += 1
                    settle(call, Reply(.unstarted), startedAt: 0)
                }
            }
        }
        let batches = core.compact(effects: &effects)
        for batch in batches { retained[ObjectIdentifier(batch)] = batch.byteCount }
        packed += batches.count
        packedEvents += batches.reduce(0) { $0 + $1.count }
        lookAtPending()
        for call in open where retained[call.batch] == nil { altered.append("open: \(call.id)") }
        return batches.count
    }

    /// Compares what waits with what was sent.
    func lookAtPending() { core.forEachPending { look(at: $0) } }

    private func look(at reference: DeliveryReference) {
        let shown = Original(reference.batch, reference.event)
        if originals[shown.id] != shown { altered.append(shown.id) }
    }

    func send(_ ids: String...) { send(ids.map { Given($0) }) }

    /// Nanoseconds since the beginning.
    /// The first lane's calls run another version from now on.
    func changeCode() { core.codeChanged(lanes: [0], now: now, effects: &effects) }

    var elapsed: UInt64 { now - begin }
    var counts: DispatchCounts { core.counts }
    var drift: String? { core.drift }
    var isStuck: Bool { core.isStuck }
    var startedIDs: [String] { started.map(\.id) }
    /// When each attempt of `id` began, in nanoseconds since the beginning.
    func starts(of id: String) -> [UInt64] { started.filter { $0.id == id }.map { $0.startedAt - begin } }
    func flush() { core.isFlushing = true }
    func beginStopping() { core.isStopping = true }
    func loaded(_ lane: Int = 0) -> Int { core.loadedCount(lane) }
    func laneCounts(_ lane: Int) -> DispatchCounts { core.laneCounts(lane) }
    var pendingCount: Int {
        var count = 0
        core.forEachPending { _ in count += 1 }
        return count
    }

    /// Runs until nothing happens by itself any more, or for `nanoseconds`. `each` runs after every step.
    func run(for nanoseconds: UInt64 = .never, each: () -> Void = {}) {
        let limit = nanoseconds == .never ? UInt64.never : now + nanoseconds
        var steps = 0
        settleDown(each)
        while let next = nextTime, next <= limit {
            now = max(now, next)
            fireDue()
            settleDown(each)
            steps += 1
            precondition(steps < 3_000_000, "the simulation does not end")
        }
        if limit != .never { now = limit }
    }

    private var nextTime: UInt64? {
        var next = core.nextTimer ?? .never
        for call in open {
            if call.reply.takes != .never { next = min(next, call.startedAt + call.reply.takes) }
            guard !call.isOwed, call.timeout != 0 else { continue }
            next = min(
                next, call.cancelledAt == 0 ? call.startedAt + call.timeout : call.cancelledAt + plan.cancelGrace)
        }
        for burial in burials { next = min(next, burial.due) }
        for record in records { next = min(next, record.at) }
        return next == .never ? nil : next
    }

    private func fireDue() {
        for call in open where call.reply.takes != .never && call.startedAt + call.reply.takes <= now {
            complete(call.index, call.reply)
        }
        for call in open where !call.isOwed {
            core.checkDeadline(Int(call.index), startedAt: call.startedAt, now: now, effects: &effects)
        }
        let due = burials.filter { $0.due <= now }
        burials.removeAll { $0.due <= now }
        for burial in due { core.buried(burial.delivery, now: now, effects: &effects) }
        let written = records.filter { $0.at <= now }
        records.removeAll { $0.at <= now }
        for record in written { core.recorded(record.delivery, due: record.due, now: now) }
    }

    private func settleDown(_ each: () -> Void) {
        var turns = 0
        while true {
            core.advance(now: now, effects: &effects)
            let acted = perform()
            let worked = work()
            each()
            if !acted, !worked { return }
            turns += 1
            precondition(turns < 100_000, "the core does not come to rest")
        }
    }

    // MARK: Effects

    private func perform() -> Bool {
        let taken = effects
        effects = DispatchEffects()
        for call in taken.cancels { cancel(call) }
        for call in taken.closes { close(call) }
        for change in taken.generations { generations[change.breaker] = change.generation }
        for start in taken.starts { enqueue(start) }
        for notice in taken.notices { hear(notice) }
        for death in taken.deaths {
            let reference = core.reference(of: death.delivery)
            look(at: reference)
            deaths.append(
                Death(
                    id: Self.id(reference), failureClass: death.failureClass, reason: death.reason,
                    attempts: reference.attempts, at: now - begin))
            burials.append((now + burialDelay, death.delivery))
        }
        for failure in taken.failures where failure.verdict == .retries {
            records.append((now + (recordDelay ?? 0), failure.delivery, failure.due))
        }
        for hold in taken.holds { held[hold.lane] += hold.change }
        released += taken.released.count
        for batch in taken.released where retained.removeValue(forKey: ObjectIdentifier(batch)) == nil {
            releasedTwice += 1
        }
        if burialDelay == 0 {
            let due = burials
            burials = []
            for burial in due { core.buried(burial.delivery, now: now, effects: &effects) }
        }
        return !(taken.starts.isEmpty && taken.deaths.isEmpty && taken.cancels.isEmpty && taken.closes.isEmpty)
    }

    private func hear(_ notice: DispatchEffects.Notice) {
        switch notice {
        case .breaker(let name, let transition): transitions.append("\(name): \(transition.to.rawValue)")
        case .laneHalted(let lane, _): halts.append(lane)
        case .laneQuarantined(let lane, _): quarantines.append(lane)
        default: break
        }
    }

    private func enqueue(_ start: DispatchEffects.Start) {
        groups += 1
        var link = start.call
        var seen = 0
        while link != 0, seen < Int(start.count) {
            seen += 1
            let reference = core.reference(ofCall: link)
            look(at: reference)
            queues[Int(start.lane)].append(
                Call(
                    index: link, lane: reference.lane, route: reference.route, id: Self.id(reference),
                    attempt: reference.attempts + 1, group: groups, groupSize: Int(start.count),
                    timeout: core.timeout(ofCall: link), batch: ObjectIdentifier(reference.batch)))
            link = start.count > 1 ? core.nextInBatch(link) : 0
        }
        precondition(seen == Int(start.count) && link == 0, "a start says how many calls it has")
    }

    private static func id(_ reference: DeliveryReference) -> String {
        String(BatchView(reference.batch).bytes(reference.batch.events[reference.event].id))
    }

    // MARK: Workers

    /// Begins what the workers have permits for; a synchronous lane's other calls wait, an asynchronous one's go back.
    private func work() -> Bool {
        var acted = false
        for lane in queues.indices {
            while let call = queues[lane].first {
                let admission = core.admission(ofCall: call.index)
                let isCurrent = generations[admission.breaker, default: 1] == admission.generation
                let permits = plan.lanes[lane].permits - open.count { $0.lane == lane }
                guard isCurrent, permits > held[lane] else {
                    // A thread is free, so a permit that a wait keeps is what is missing.
                    let isHeld = permits > 0
                    guard !isCurrent || isHeld || asynchronous.contains(lane) else { break }
                    queues[lane].removeFirst()
                    unstarted += 1
                    settle(call, Reply(.unstarted), startedAt: 0)
                    acted = true
                    continue
                }
                queues[lane].removeFirst()
                start(call)
                acted = true
                // After a failure a worker waits until the dispatcher has heard of it.
                if let last = started.last, last.reply.takes == 0, last.reply.outcome != .done { return true }
            }
        }
        return acted
    }

    private func start(_ call: Call) {
        var call = call
        call.startedAt = now
        call.reply = reply(call)
        started.append(call)
        if call.reply.takes == 0 {
            settle(call, call.reply, startedAt: now)
        } else {
            open.append(call)
        }
    }

    /// Ends an open call with an outcome of the test's own.
    func complete(_ index: UInt32, _ reply: Reply) {
        guard let place = open.firstIndex(where: { $0.index == index }) else { preconditionFailure("not open") }
        let call = open.remove(at: place)
        settle(call, reply, startedAt: call.startedAt)
    }

    private func settle(_ call: Call, _ reply: Reply, startedAt: UInt64) {
        var outcome = SettledCall(kind: reply.outcome)
        outcome.wasClosed = call.isOwed
        outcome.wasPending = asynchronous.contains(call.lane) && startedAt != 0
        if reply.outcome != .done, reply.outcome != .unstarted {
            var details = ResultDetails(reason: reply.reason)
            details.retryAfter = reply.after
            details.sparesBreaker = reply.sparesBreaker
            outcome.details = details
        }
        let settlement = core.settle(
            call.index, outcome, startedAt: startedAt, stateConflict: reply.losesState, now: now, unixNow: now,
            effects: &effects)
        verdicts.append(settlement.verdict)
        if !call.isOwed, reply.outcome == .done, !reply.losesState { done.append(call.id) }
    }

    private func cancel(_ index: UInt32) {
        guard let place = open.firstIndex(where: { $0.index == index }) else { preconditionFailure("not open") }
        open[place].cancelledAt = now
        if open[place].reply.heedsCancel { complete(index, Reply(.cancelled)) }
    }

    private func close(_ index: UInt32) {
        guard let place = open.firstIndex(where: { $0.index == index }) else { return }
        open[place].isOwed = true
        verdicts.append(core.closed(index, now: now, unixNow: now, effects: &effects).verdict)
    }
}

/// An event as a handler sees it.
struct Original: Equatable {
    let id: String
    let event: Event
    /// The line it came as.
    let line: [UInt8]
    let flags: UInt32
    let trace: [UInt64]

    init(_ batch: EventBatch, _ index: Int) {
        let view = BatchView(batch)
        let record = batch.events[index]
        let trace = batch.traces[index]
        event = view.event(index)
        id = event.id
        line = [UInt8](view.bytes(record.line))
        flags = record.flags
        self.trace = [trace.traceHigh, trace.traceLow, trace.creator, trace.receive, trace.sampled ? 1 : 0]
    }
}

/// What a scripted handler does with a call.
struct Reply {
    var outcome: OutcomeKind
    var reason = ""
    /// Nanoseconds to wait, as the handler asks; 0 leaves it to the policy.
    var after: UInt64 = 0
    /// Nanoseconds until it completes; `.never` waits for a cancel, or for ever.
    var takes: UInt64 = 0
    var heedsCancel = true
    var sparesBreaker = false
    var losesState = false

    init(_ outcome: OutcomeKind, _ reason: String = "", after: UInt64 = 0, takes: UInt64 = 0) {
        self.outcome = outcome
        self.reason = reason
        self.after = after
        self.takes = takes
    }

    static let done = Reply(.done)
    static let retry = Reply(.retry)
    static func done(in nanoseconds: UInt64) -> Reply { Reply(.done, takes: nanoseconds) }
    static func retry(in nanoseconds: UInt64) -> Reply { Reply(.retry, takes: nanoseconds) }
    /// Completes at its own time only, cancelled or not.
    static func deaf(_ nanoseconds: UInt64 = .never) -> Reply {
        var reply = Reply(.done, takes: nanoseconds)
        reply.heedsCancel = false
        return reply
    }
}

extension LanePlan {
    /// Calls that its workers have open at most.
    var permits: Int { (adaptive.map(\.max) ?? maxInFlight) * batching.count }
}
