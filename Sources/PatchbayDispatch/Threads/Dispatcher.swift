package import PatchbayEvents
package import PatchbayLog
package import PatchbayTelemetry
import PatchbayResilience
import Synchronization

/// The dispatcher's thread with its workers: takes batches from the sources, appends them, runs the core, and performs
/// what it decides.
///
/// Made, then given its ports, then started once. It ends by itself when every port is exhausted and everything is
/// settled (`endsWhenIdle`), or after `drain` or `stop`. [all functions from any thread]
package final class Dispatcher: Sendable {
    /// How a run is set up.
    package struct Options: Sendable {
        /// Ends once the sources are exhausted and everything is settled.
        package var endsWhenIdle = false
        /// Threads of the pool that handlers share which promise to return promptly.
        package var sharedThreads = 1
        /// Most hops of events that handlers emit from events.
        package var emitDepthMax = 16
        /// Bytes of events that may be pending, in memory and in the log, before sources pause; 0 is no bound beside the
        /// log's own.
        package var pendingBytesMax = 0
        package var seed: UInt64 = 0
        /// Calls in which earlier runs ended; `nil` when there are none.
        package var suspects: SuspectCalls?

        package init() {}
    }

    package let doorbell: Doorbell
    package let table: CallTable
    package let plan: DispatchPlan
    let options: Options
    let tracer: Tracer
    let shared: WorkerShared
    let ports = Mutex<[IntakePort]>([])
    /// For what operators change. With a log that lasts.
    package let control: ControlPort
    let replacements = ReplacementPort()
    let command = Atomic<UInt8>(Command.run.rawValue)
    let drainDeadline = Atomic<UInt64>(0)
    let buriedLinks = Mutex<[UInt32]>([])
    let hasBuried = Atomic<Bool>(false)
    private let latest = Mutex(DispatchStatus())
    private let ended = Mutex<DispatchEnd?>(nil)
    private let thread = Mutex<OwnThread?>(nil)

    enum Command: UInt8 { case run, drain, stop }

    /// `table` and `doorbell` are made first, since modules complete calls through them: see `callCapacity`.
    package init(plan: DispatchPlan, table: CallTable, doorbell: Doorbell, tracer: Tracer, options: Options) {
        var plan = plan
        plan.addBurialLane()
        self.plan = plan
        self.tracer = tracer
        self.options = options
        self.doorbell = doorbell
        control = ControlPort(doorbell: doorbell)
        self.table = table
        shared = WorkerShared(
            table: table, lanes: plan.lanes, routes: plan.routes,
            breakers: DispatchCore.breakerCapacity(plan), doorbell: doorbell, suspects: options.suspects)
    }

    /// The plan's routes and, by lane, its handlers, with those that the dispatcher adds: what the log numbers.
    package var names: (routes: [String], handlers: [String]) {
        (plan.routes.map(\.name), plan.lanes.map(\.handler.name))
    }

    /// A port for one source. Before `start`.
    package func makePort() -> IntakePort {
        let port = IntakePort(doorbell: doorbell)
        ports.withLock { $0.append(port) }
        return port
    }

    /// Starts the dispatcher's thread and the first workers.
    ///
    /// - Parameter backlog: what an earlier run left in the log, by handler, oldest first, and events that are to come
    ///   in later; `deduplicator` knows what earlier runs have taken.
    package func start(
        log: any EventLog & Sendable, host: DispatchHost, backlog: [String: [PendingEvents]] = [:],
        delayed: [(due: UInt64, reentry: Reentry)] = [], deduplicator: Deduplicator? = nil
    ) throws(ThreadError) {
        let ports = ports.withLock { $0 }
        // Only the new thread uses the pools' table from here on.
        nonisolated(unsafe) let pools = try Pools(plan: plan, shared: shared, sharedThreads: options.sharedThreads)
        let started = try OwnThread("pb-dispatch") {
            var loop = DispatchLoop(
                dispatcher: self, ports: ports, log: log, host: host, pools: pools,
                deduplicator: deduplicator ?? Deduplicator(self.plan), clock: SystemClock(doorbell: self.doorbell))
            loop.resume(backlog: backlog, delayed: delayed)
            let end = loop.run()
            self.latest.withLock { $0 = end.status }
            self.ended.withLock { $0 = end }
        }
        thread.withLock { $0 = started }
    }

    /// Waits for the end.
    package func join() -> DispatchEnd? {
        thread.withLock { $0.take() }?.join()
        return ended.withLock { $0 }
    }

    /// Lets what is pending finish until `deadline` (monotonic nanoseconds). The sources are to be ended by their owner.
    package func drain(deadline: UInt64) {
        drainDeadline.store(deadline, ordering: .relaxed)
        if command.load(ordering: .relaxed) == Command.run.rawValue {
            command.store(Command.drain.rawValue, ordering: .releasing)
        }
        doorbell.ring()
    }

    /// Ends now: what is pending is reported, not finished.
    package func stop() {
        command.store(Command.stop.rawValue, ordering: .releasing)
        doorbell.ring()
    }

    /// Lets the calls that start from now on run these handlers in place of those with the same names, and waits until
    /// that is so. Calls that are open end where they began: their code is to stay until the replacement says that it
    /// is retired.
    ///
    /// - Parameter bell: rung at every step of the replacement; the caller is the one thread that waits for it.
    /// - Errors: the dispatcher ends, or has no lane for one of them; nothing is changed then.
    package func replace(_ handlers: [Handler], bell: Doorbell) throws(ReplacementError) -> Replacement {
        try apply(Replacement(handlers, bell: bell))
    }

    /// Lets so many of 10,000 calls that start from now on run these handlers, until `conclude`. Events of one ordering
    /// key always go the same way, those without one each its own.
    ///
    /// - Errors: as `replace`; a lane that has such a share already.
    package func share(
        _ share: UInt32, with handlers: [Handler], bell: Doorbell
    ) throws(ReplacementError) -> Replacement {
        try apply(Replacement(handlers, .share(share), bell: bell))
    }

    /// Lets all calls run what had a share of them, or none. What is not called any more retires with the result.
    package func conclude(
        _ trial: Replacement, promotes: Bool, bell: Doorbell
    ) throws(ReplacementError) -> Replacement {
        try apply(Replacement([], .conclude(trial, promotes: promotes), bell: bell))
    }

    private func apply(_ replacement: Replacement) throws(ReplacementError) -> Replacement {
        replacements.offer([replacement])
        doorbell.ring()
        try replacement.waitUntilApplied()
        return replacement
    }

    /// `replace` for several at once: no call starts between them. What is refused is refused for itself.
    package func replace(together groups: [[Handler]], bell: Doorbell) -> [Result<Replacement, ReplacementError>] {
        let all = groups.map { Replacement($0, bell: bell) }
        replacements.offer(all)
        doorbell.ring()
        return all.map { replacement in
            do throws(ReplacementError) {
                try replacement.waitUntilApplied()
                return .success(replacement)
            } catch {
                return .failure(error)
            }
        }
    }

    /// A dead letter that `DispatchHost.bury` was given is written.
    package func buried(_ delivery: UInt32) {
        buriedLinks.withLock { $0.append(delivery) }
        hasBuried.store(true, ordering: .releasing)
        doorbell.ring()
    }

    package var status: DispatchStatus { latest.withLock { $0 } }
    func publish(_ status: DispatchStatus) { latest.withLock { $0 = status } }

    /// Call slots for lanes with these limits: each can have its ring's depth of calls out, and as many owed again.
    package static func callCapacity(maxInFlight: [Int]) -> Int {
        min(max(1024, maxInFlight.reduce(0) { $0 + 2 * max($1, 512) }), (1 << 24) - 1)
    }
}

/// The worker pools of a run: one shared, one per lane of a blocking handler.
///
/// Without threads the calls of a pool run where `WorkerPool.runNext` is called.
final class Pools {
    let all: [WorkerPool]
    private(set) var ofLane: [WorkerPool]
    private(set) var outboxes: [Outbox] = []
    private let shared: WorkerPool
    private let workers: WorkerShared
    private var added: [WorkerPool] = []

    init(
        plan: DispatchPlan, shared workers: WorkerShared, sharedThreads: Int, hasThreads: Bool = true
    ) throws(ThreadError) {
        self.workers = workers
        func depth(_ lane: LanePlan) -> Int { max(512, lane.eventsInFlightMax) }
        let prompt = plan.lanes.filter { !$0.handler.blocking && !$0.buries }
        shared = WorkerPool(
            name: "shared", ringCapacity: max(64, prompt.reduce(0) { $0 + depth($1) }), threadsMax: sharedThreads,
            shared: workers, hasThreads: hasThreads)
        var all = prompt.isEmpty ? [] : [shared]
        var ofLane: [WorkerPool] = []
        for lane in plan.lanes {
            if lane.handler.blocking {
                let own = WorkerPool(
                    name: String(lane.name.suffix(8)), ringCapacity: depth(lane),
                    threadsMax: lane.adaptive.map(\.max) ?? max(1, lane.maxInFlight), shared: workers,
                    hasThreads: hasThreads)
                all.append(own)
                ofLane.append(own)
            } else {
                ofLane.append(shared)
            }
        }
        self.all = all
        self.ofLane = ofLane
        for pool in all { _ = try pool.grow() }
        refreshOutboxes()
    }

    var everyPool: [WorkerPool] { all + added }
    var threadCount: Int { everyPool.reduce(0) { $0 + $1.threadCount } }

    /// Gives the lane of a handler that broke its promise threads of its own, and the shared pool one in place of the
    /// thread that is stuck.
    func separate(lane: Int, plan: DispatchPlan) throws(ThreadError) {
        guard ofLane[lane] === shared else { return }
        let own = WorkerPool(
            name: String(plan.lanes[lane].name.suffix(8)), ringCapacity: max(512, plan.lanes[lane].eventsInFlightMax),
            threadsMax: max(1, plan.lanes[lane].maxInFlight), shared: workers)
        _ = try own.grow()
        _ = try shared.grow(anyway: true)
        added.append(own)
        ofLane[lane] = own
        refreshOutboxes()
    }

    func isShared(_ lane: Int) -> Bool { ofLane[lane] === shared }

    func refreshOutboxes() { outboxes = everyPool.flatMap(\.outboxes) }
}
