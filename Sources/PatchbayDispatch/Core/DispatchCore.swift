import CPatchbayJSON
package import PatchbayEvents
import PatchbayResilience

/// Decides what starts, what is repeated, what is given up: the lanes, their policies and their timers.
///
/// A deterministic machine for one thread. Batches and outcomes come in with the time; what is to be done goes out as
/// effects. No clock, lock, allocation per event or I/O; randomness comes from the seed. Times are monotonic
/// nanoseconds above 0.
package struct DispatchCore: ~Copyable {
    package internal(set) var counts = DispatchCounts()
    /// Deliveries of accepted batches that their lanes have not loaded yet.
    var unloaded = 0
    var random: SeededRandom
    let plan: DispatchPlan
    let routes: UnsafeMutablePointer<RoutePlan>
    /// Changed through `(lanes + index).pointee`: under the thread sanitizer Swift 6.3.1 cannot compile changes through
    /// the subscript of a constant of a non-copyable value.
    let lanes: UnsafeMutablePointer<Lane>
    let bindings: UnsafeMutablePointer<Binding>
    var deliveries: Pool<Delivery>
    var batches: Pool<BatchSlot>
    var runs: Pool<RunNode>
    var calls: Pool<OpenCall>
    var breakers: ContiguousArray<BreakerSlot> = []
    var keyedBreakers: [KeyedBreaker: UInt32] = [:]
    var limiters: ContiguousArray<KeyedRateLimiter> = []
    var budgets: ContiguousArray<BudgetSlot> = []
    var timers = TimerHeap()
    var dirty: ContiguousArray<Int> = []
    private var spareDirty: ContiguousArray<Int> = []
    /// A drain is under way: batches do not wait to fill.
    package var isFlushing = false
    /// The process is stopping: a call that gives up because of that costs its delivery no attempt.
    package var isStopping = false
    /// Nothing more is started: what is pending is kept for the next run.
    package var isHolding = false
    /// What fails is recorded: the next attempt waits until the record is kept (`recorded`).
    package var isRecording = false
    /// The route whose deliveries are told of when they end.
    package var subscriptionRoute = UInt16.max

    /// `capacity` bounds the deliveries that are loaded or parked and the calls that are open.
    package init(_ plan: DispatchPlan, seed: UInt64, callCapacity: Int, deliveryCapacity: Int = 1 << 26) {
        self.plan = plan
        random = SeededRandom(seed: seed)
        routes = .allocate(capacity: max(1, plan.routes.count))
        routes.initialize(from: plan.routes, count: plan.routes.count)
        lanes = .allocate(capacity: max(1, plan.lanes.count))
        for (index, lane) in plan.lanes.enumerated() { (lanes + index).initialize(to: Lane(lane)) }
        bindings = .allocate(capacity: max(1, plan.routes.count * plan.lanes.count))
        deliveries = Pool(capacity: deliveryCapacity)
        batches = Pool(capacity: 1 << 22)
        runs = Pool(capacity: 1 << 24)
        calls = Pool(capacity: callCapacity)
        bind()
    }

    deinit {
        routes.deinitialize(count: plan.routes.count)
        routes.deallocate()
        lanes.deinitialize(count: plan.lanes.count)
        lanes.deallocate()
        bindings.deallocate()
    }

    // MARK: Inputs

    /// Takes the deliveries of an appended batch in. The batch is released through the effects when nothing needs it.
    package mutating func accept(_ batch: EventBatch, effects: inout DispatchEffects) {
        // Not of the batch: lanes whose cursor is further back take theirs from the log later.
        let deliveryCount = batch.runs.reduce(0) { $0 + Int($1.upper - $1.lower) }
        guard deliveryCount > 0 else {
            effects.released.append(batch)
            return
        }
        let slot = batches.take()
        precondition(slot != 0, "more batches are retained than the log's bound allows")
        batches.base[Int(slot)] = BatchSlot(
            view: BatchView(batch), batch: Unmanaged.passRetained(batch), holds: deliveryCount,
            deliveries: deliveryCount, isResumed: !batch.resumed.isEmpty, isMuted: batch.isMuted)
        counts.created += UInt64(deliveryCount)
        unloaded += deliveryCount
        for run in batch.runs {
            let node = runs.take()
            precondition(node != 0, "more runs are retained than the log's bound allows")
            runs.base[Int(node)] = RunNode(batch: slot, lower: run.lower, upper: run.upper)
            let lane = lanes + Int(run.lane)
            if lane.pointee.runTail == 0 {
                lane.pointee.runHead = node
            } else {
                runs.base[Int(lane.pointee.runTail)].next = node
            }
            lane.pointee.runTail = node
            lane.pointee.counts.created += UInt64(run.upper - run.lower)
            markDirty(Int(run.lane))
        }
    }

    /// Fires what is due and starts what may start. Call it after other inputs, and at `nextTimer`.
    package mutating func advance(now: UInt64, effects: inout DispatchEffects) {
        while let subject = timers.popDue(now) {
            switch subject {
            case .lane(let lane):
                if lanes[lane].blockedUntil <= now { (lanes + lane).pointee.blockedUntil = 0 }
                markDirty(lane)
            case .delivery(let node): wake(node, now: now, effects: &effects)
            case .breaker(let breaker):
                if breakers[Int(breaker)].wakeDue <= now { breakers[Int(breaker)].wakeDue = 0 }
                wakeWaiting(of: breaker, now: now)
            }
        }
        while !dirty.isEmpty {
            swap(&dirty, &spareDirty)
            for lane in spareDirty {
                (lanes + lane).pointee.isDirty = false
                load(lane, now: now)
                start(lane, now: now, effects: &effects)
            }
            spareDirty.removeAll(keepingCapacity: true)
        }
    }

    /// A failed attempt is recorded: the delivery goes on at `due`. With `isRecording`.
    package mutating func recorded(_ delivery: UInt32, due: UInt64, now: UInt64) {
        let node = deliveries.base + Int(delivery)
        precondition(node.pointee.state == .waitingForRecord, "its failure was recorded before")
        // Also when it is due already: waking gives back what it kept while it waited.
        node.pointee.state = .waitingForTime
        timers.add(.delivery(delivery), due: max(due, now))
    }

    /// When `advance` has something to do again; `nil` when nothing waits for a time.
    package var nextTimer: UInt64? { timers.earliest }

    /// The dead letter of a delivery is written: it ends here.
    package mutating func buried(_ delivery: UInt32, now: UInt64, effects: inout DispatchEffects) {
        let lane = Int(deliveries.base[Int(delivery)].lane)
        counts.dead += 1
        (lanes + lane).pointee.counts.dead += 1
        finish(delivery, now: now, effects: &effects)
    }

    // MARK: Reading

    /// The delivery of an open call, for workers' views and reports.
    package func reference(ofCall call: UInt32) -> DeliveryReference { reference(of: calls.base[Int(call)].delivery) }

    /// The event, route and lane of a delivery that is loaded.
    package func reference(of delivery: UInt32) -> DeliveryReference {
        let node = deliveries.base[Int(delivery)]
        return DeliveryReference(
            delivery: delivery, batch: batches.base[Int(node.batch)].batch.takeUnretainedValue(),
            event: Int(node.event), route: Int(node.route), lane: Int(node.lane), attempts: Int(node.attempts))
    }

    package func laneCounts(_ lane: Int) -> DispatchCounts { lanes[lane].counts }
    /// How many calls at once the lane has found its handler to bear; `nil` for one with a fixed limit.
    package func limitFound(_ lane: Int) -> Int? { lanes[lane].adaptive?.found }

    /// Deliveries that a lane has loaded and not settled; for reports.
    package func loadedCount(_ lane: Int) -> Int { lanes[lane].loaded }

    /// Nothing can happen by itself any more: what is pending sits in lanes that have stopped for good, behind permits
    /// of calls that the host gave up on (`owed`), or waits for its dead letter, of which the shell knows more.
    package var isStuck: Bool {
        guard calls.used == owed, dirty.isEmpty, counts.pending > 0 else { return false }
        // A lane that has stopped leaves timers behind that start nothing any more.
        return timers.count == 0
            || (0..<plan.lanes.count).allSatisfy {
                lanes[$0].isStopped || lanes[$0].counts.pending == 0
            }
    }

    /// Calls that the host gave up on and that are not completed yet.
    package internal(set) var owed = 0
    var dying = 0

    /// The event of an open call, for the worker that is to run it.
    func place(ofCall call: UInt32) -> CallPlace {
        let delivery = deliveries.base + Int(calls.base[Int(call)].delivery)
        return CallPlace(
            view: UnsafePointer(batches.base + Int(delivery.pointee.batch)).view, event: delivery.pointee.event,
            route: delivery.pointee.route, attempts: delivery.pointee.attempts)
    }

    /// A number that stays with the open call's event: of its ordering key, or else its own.
    func lastingKey(ofCall call: UInt32) -> UInt64 {
        let delivery = deliveries.base[Int(calls.base[Int(call)].delivery)]
        if delivery.keyHash != 0 { return delivery.keyHash }
        return batches.base[Int(delivery.batch)].view.traces[Int(delivery.event)].receive
    }

    /// Visits every delivery that is not settled, lane by lane, oldest first where it was not loaded yet.
    package func forEachPending(_ body: (DeliveryReference) -> Void) {
        for node in 1..<max(1, deliveries.highWater) where deliveries.base[node].state != .free {
            body(reference(of: UInt32(node)))
        }
        for lane in 0..<plan.lanes.count {
            var run = lanes[lane].runHead
            while run != 0 {
                let node = runs.base[Int(run)]
                let slot = batches.base[Int(node.batch)]
                for index in node.lower..<node.upper {
                    let routed = slot.view.deliveries[Int(index)]
                    body(
                        DeliveryReference(
                            delivery: 0, batch: slot.batch.takeUnretainedValue(), event: Int(routed.event),
                            route: Int(routed.route), lane: lane, attempts: 0))
                }
                run = node.next
            }
        }
    }

    // MARK: Shared by the extensions

    mutating func markDirty(_ lane: Int) {
        guard !lanes[lane].isDirty else { return }
        (lanes + lane).pointee.isDirty = true
        dirty.append(lane)
    }

    /// Gives a delivery's share of its batch back and frees its entry; its ordering key goes to the next.
    mutating func finish(_ node: Link, now: UInt64, effects: inout DispatchEffects) {
        let delivery = deliveries.base + Int(node)
        let lane = Int(delivery.pointee.lane)
        precondition(delivery.pointee.state == .dying || delivery.pointee.state == .inFlight, "it has ended before")
        if delivery.pointee.state == .dying { dying -= 1 }
        if delivery.pointee.route == subscriptionRoute { effects.subscribed.append(delivery.pointee.keyHash) }
        releaseKey(node, now: now)
        if let history = delivery.pointee.history {
            history.release()
            delivery.pointee.history = nil
        }
        if delivery.pointee.isLoaded { (lanes + lane).pointee.loaded -= 1 }
        release(batch: delivery.pointee.batch, effects: &effects)
        delivery.pointee.state = .free
        deliveries.free(node)
        markDirty(lane)
    }

    mutating func releaseKey(_ node: Link, now: UInt64) {
        let delivery = deliveries.base + Int(node)
        guard delivery.pointee.holdsKey else { return }
        delivery.pointee.holdsKey = false
        let lane = lanes + Int(delivery.pointee.lane)
        let next = lane.pointee.keys.release(delivery.pointee.keyHash, deliveries.base)
        guard next != 0 else { return }
        deliveries.base[Int(next)].holdsKey = true
        deliveries.base[Int(next)].readySince = now
        makeReady(next)
    }

    mutating func release(batch: Link, effects: inout DispatchEffects) {
        let slot = batches.base + Int(batch)
        slot.pointee.holds -= 1
        guard slot.pointee.holds == 0 else { return }
        effects.released.append(slot.pointee.batch.takeRetainedValue())
        batches.free(batch)
    }

    /// Puts a delivery into its lane's ready list, at the end or (what was started before) at the front.
    mutating func makeReady(_ node: Link, atFront: Bool = false) {
        let delivery = deliveries.base + Int(node)
        let index = Int(delivery.pointee.lane)
        let lane = lanes + index
        let priority = Int(delivery.pointee.priority)
        delivery.pointee.state = .ready
        if !delivery.pointee.isLoaded {
            delivery.pointee.isLoaded = true
            lane.pointee.loaded += 1
        }
        if atFront {
            lane.pointee.ready[priority].prepend(node, deliveries.base)
        } else {
            lane.pointee.ready[priority].append(node, deliveries.base)
        }
        lane.pointee.readyMask |= 1 << UInt16(priority)
        lane.pointee.readyCount += 1
        if lane.pointee.batching.count > 1 { lane.pointee.readyBytes += eventBytes(delivery.pointee) }
        markDirty(index)
    }

    /// Takes a delivery out of what its lane has loaded: it waits, and must not keep others from being loaded.
    mutating func park(_ node: Link, as state: Delivery.State) {
        let delivery = deliveries.base + Int(node)
        delivery.pointee.state = state
        if delivery.pointee.isLoaded {
            delivery.pointee.isLoaded = false
            (lanes + Int(delivery.pointee.lane)).pointee.loaded -= 1
        }
        markDirty(Int(delivery.pointee.lane))
    }

    func eventBytes(_ delivery: Delivery) -> Int {
        Int(batches.base[Int(delivery.batch)].view.events[Int(delivery.event)].line.length)
    }
}

/// A retained batch and how many deliveries and owed calls still need it.
struct BatchSlot: BitwiseCopyable {
    /// First, so that a pointer to the slot is one to the view.
    var view: BatchView
    var batch: Unmanaged<EventBatch>
    var holds: Int
    /// Deliveries that it came with.
    var deliveries: Int
    /// Some of its deliveries have attempts behind them.
    var isResumed = false
    /// Its calls have no effects, so it is not moved together with others.
    var isMuted = false
}

/// A call that is out with a worker or a handler.
struct OpenCall: BitwiseCopyable {
    /// 0 once the host gave up on it: its delivery goes its own way then.
    var delivery: Link = 0
    var lane: UInt16 = 0
    var isCancelled = false
    var isOpen = false
    var breaker: UInt32 = 0
    /// What an owed call keeps alive.
    var batch: Link = 0
    /// The next call of the same `handle_batch`.
    var nextInBatch: Link = 0
    /// When it was asked to end.
    var cancelledAt: UInt64 = 0
    /// Its attempt's deadline is this many nanoseconds after its start at the latest; 0 is none.
    var timeout: UInt64 = 0
    /// The key whose permit it holds; 0 is none.
    var shareKey: UInt64 = 0
}

extension UnsafePointer<BatchSlot> {
    /// The slot's view, where it stays until the batch is released.
    fileprivate var view: UnsafePointer<BatchView> {
        UnsafeRawPointer(self).assumingMemoryBound(to: BatchView.self)
    }
}

/// What a worker needs of an open call's delivery.
struct CallPlace {
    var view: UnsafePointer<BatchView>
    var event: UInt32
    var route: UInt16
    var attempts: UInt32
}

/// Where a delivery is and what it is about, for shells.
package struct DeliveryReference {
    /// 0 when it was not loaded yet.
    package var delivery: UInt32
    package var batch: EventBatch
    package var event: Int
    package var route: Int
    package var lane: Int
    /// Charged so far.
    package var attempts: Int
}
