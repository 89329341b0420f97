import PatchbayResilience

/// A lane's place in the log, and the deliveries it has loaded from there.
struct Lane: ~Copyable {
    /// Deliveries of batches that are not loaded yet, oldest first, through `RunNode.next`.
    var runHead: Link = 0
    var runTail: Link = 0
    /// Loaded deliveries that may start, by priority.
    var ready = InlineArray<10, DeliveryList>(repeating: DeliveryList())
    /// Bit p is set when `ready[p]` is not empty.
    var readyMask: UInt16 = 0
    var readyCount = 0
    var readyBytes = 0
    /// What workers gave back, oldest first.
    var returned = DeliveryList()
    /// Deliveries that wait for a permit of their key.
    var starved = DeliveryList()
    /// Keys of rate limits that refused a delivery, each with the one that asks again and those behind it.
    var turns = KeyTable()
    /// Routes of different breakers, or of different rate limits, deliver here: one that is refused must not hold up
    /// the others.
    var hasManyBreakers = false
    var hasManyLimits = false
    var loaded = 0
    /// Calls with workers or handlers, owed ones included, and permits that short waits keep.
    var pushed = 0
    /// Permits that short waits keep.
    var held = 0
    /// Calls that the host gave up on and that are not completed yet.
    var owed = 0
    /// Nothing starts before; 0 is no such time. Monotonic nanoseconds.
    var blockedUntil: UInt64 = 0
    /// The handler sheds calls: nothing starts before the first of them is offered again. Monotonic nanoseconds, 0 is
    /// not so.
    var shedUntil: UInt64 = 0
    /// Stopped for good: halted by a failure, or quarantined.
    var isStopped = false
    /// Permits are counted exactly: a failure may halt the lane, or a call of this handler once stayed open after
    /// `handle` returned, so that threads do not bound its calls.
    var countsPermits = false
    /// Workers gave calls back for lack of a permit, or the handler shed some: permits are counted exactly until a
    /// call ends.
    var isCrowded = false
    /// In the core's list of lanes to look at.
    var isDirty = false
    var keys = KeyTable()
    var shares: KeyCounts
    var adaptive: AdaptiveLimit?
    let maxInFlight: Int
    let ringDepth: Int
    let maxQueue: Int
    let perKey: Int
    let buries: Bool
    let batching: LanePlan.Batching
    /// Its time for a batch that is not full.
    var batchDue: UInt64 = 0
    var counts = DispatchCounts()

    init(_ plan: LanePlan) {
        maxInFlight = plan.eventsInFlightMax
        // What is in flight is loaded, so a shorter queue would be a second bound of it.
        maxQueue = max(plan.maxQueue, maxInFlight)
        // A worker thread is the permit of a synchronous call, so more may be queued before it than may run.
        ringDepth = plan.adaptive == nil ? max(maxInFlight, min(512, maxQueue)) : maxInFlight
        perKey = plan.perKey
        buries = plan.buries
        batching = plan.batching
        adaptive = plan.adaptive.map(AdaptiveLimit.init)
        shares = Bulkhead(BulkheadPolicy(maxInFlight: 1, perKey: 0)).keys
    }

    /// How many calls may be out now.
    var limit: Int {
        // What hangs for good must not use up a limit that has become small.
        if let adaptive { return min(maxInFlight, adaptive.limit * max(1, batching.count) + owed) }
        return countsPermits || isCrowded || held > 0 ? maxInFlight : ringDepth
    }
}

/// A part of a batch that a lane has still to load.
struct RunNode: BitwiseCopyable {
    var batch: Link = 0
    var lower: UInt32 = 0
    var upper: UInt32 = 0
    var next: Link = 0
}
