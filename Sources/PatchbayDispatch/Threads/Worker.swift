import CPatchbay
import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// What all workers read: fixed before the first one starts.
final class WorkerShared: Sendable {
    let table: CallTable
    let doorbell: Doorbell
    // Invariant: `lanes` and `routeNames` are written by `init` only. `infos` entries are written by the dispatcher
    // before the call is pushed; a worker only writes `startedUnix` and `endedAt` of a call it runs. `codes` entries are written by
    // `init`, or by the dispatcher while no call names them. `generations` are atomics.
    nonisolated(unsafe) let lanes: UnsafeMutablePointer<WorkerLane>
    nonisolated(unsafe) let codes: UnsafeMutablePointer<HandlerCode>
    nonisolated(unsafe) let routeNames: UnsafeMutablePointer<StaticName>
    nonisolated(unsafe) let infos: UnsafeMutablePointer<CallInfo>
    nonisolated(unsafe) let generations: UnsafeMutablePointer<Atomic<UInt32>>
    /// `nil` when no route has a transform: then nothing is spent on the question.
    let transforms: CallTransforms?
    /// `nil` when no earlier run ended in a call: then nothing is spent on the question.
    let suspects: SuspectCalls?
    /// Keeps the instances of the first handlers, and of those that there were at the end: a thread may be stuck in one.
    private let handlers: Mutex<[Handler]>
    private let laneCount: Int
    private let capacity: Int
    private let generationCapacity: Int

    init(
        table: CallTable, lanes: [LanePlan], routes: [RoutePlan], breakers: Int, doorbell: Doorbell,
        suspects: SuspectCalls? = nil
    ) {
        self.table = table
        self.suspects = suspects
        self.doorbell = doorbell
        handlers = Mutex(lanes.map(\.handler))
        laneCount = lanes.count
        self.lanes = .allocate(capacity: max(1, lanes.count))
        codes = Self.reserve(HandlerCode.capacity)
        for (index, lane) in lanes.enumerated() {
            (self.lanes + index).initialize(to: WorkerLane(lane))
            (codes + index).initialize(to: HandlerCode(lane.handler))
        }
        routeNames = .allocate(capacity: max(1, routes.count))
        for (index, route) in routes.enumerated() { (routeNames + index).initialize(to: StaticName(route.name)) }
        transforms = CallTransforms(routes.map(\.transform), capacity: table.capacity)
        capacity = table.capacity
        generationCapacity = breakers
        infos = Self.reserve(table.capacity)
        generations = Self.reserve(breakers)
    }

    deinit {
        pbs_release(infos, UInt64(capacity * MemoryLayout<CallInfo>.stride))
        pbs_release(generations, UInt64(generationCapacity * MemoryLayout<UInt32>.stride))
        pbs_release(codes, UInt64(HandlerCode.capacity * MemoryLayout<HandlerCode>.stride))
        for index in 0..<laneCount { lanes[index].free() }
        lanes.deallocate()
        routeNames.deallocate()
    }

    /// Keeps handlers for as long as workers may be in one.
    func keep(_ more: [Handler]) { handlers.withLock { $0 += more } }

    private static func reserve<T: ~Copyable>(_ count: Int) -> UnsafeMutablePointer<T> {
        let bytes = UInt64(max(1, count) * MemoryLayout<T>.stride)
        guard let raw = pbs_reserve(bytes) else { preconditionFailure("no address space for \(bytes) bytes") }
        return raw.bindMemory(to: T.self, capacity: max(1, count))
    }
}

/// The part of a lane that workers read, without references: reading it retains nothing.
struct WorkerLane {
    let maxInFlight: UInt64
    /// Durations decide its limit, so its calls are timed exactly.
    let isTimed: Bool
    let name: StaticName
    /// Calls open with the handler, and permits that waits keep.
    let open: UnsafeMutablePointer<Atomic<UInt64>>
    /// Failures that the dispatcher has not heard of: above the limit, workers wait for its word.
    let unheard: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ lane: LanePlan) {
        maxInFlight = UInt64(lane.eventsInFlightMax)
        isTimed = lane.adaptive != nil
        name = StaticName(lane.handler.name)
        open = Self.counter()
        unheard = Self.counter()
    }

    func free() {
        UnsafeMutableRawPointer(open).deallocate()
        UnsafeMutableRawPointer(unheard).deallocate()
    }

    /// A counter on cache lines of its own.
    private static func counter() -> UnsafeMutablePointer<Atomic<UInt64>> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 128)
        let counter = raw.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        counter.initialize(to: Atomic(0))
        return counter
    }
}

/// One thread that runs handlers' calls.
final class Worker: Sendable {
    let outbox = Outbox()
    /// The call it is in (index + 1), 0 between calls; for sweeps.
    let current = Atomic<UInt32>(0)
    private let shared: WorkerShared
    // Invariant: written by the worker's thread alone, and read where a fatal signal interrupts that.
    private nonisolated(unsafe) let site: UnsafeMutablePointer<pbs_crash_site>
    private let thread = Mutex<OwnThread?>(nil)
    private let hasEnded = Atomic<Bool>(false)

    init(shared: WorkerShared) {
        self.shared = shared
        site = .allocate(capacity: 1)
        site.initialize(to: pbs_crash_site())
    }

    deinit { site.deallocate() }

    /// The thread keeps its pool.
    func start(_ name: String, in pool: WorkerPool) throws(ThreadError) {
        let started = try OwnThread(name) { self.run(in: pool) }
        thread.withLock { $0 = started }
    }

    /// Waits for the thread, or gives it up when it is in a handler. It may be about to enter one: that takes it no
    /// time, so a thread that has not ended soon is in one.
    func end(stuck: Bool) {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        let patience = pbs_now() + 200_000_000
        while stuck, !hasEnded.load(ordering: .acquiring) {
            guard current.load(ordering: .acquiring) == 0, pbs_now() < patience else { return thread.detach() }
            pbs_pause()
        }
        thread.join()
    }

    private func run(in pool: WorkerPool) {
        pbs_crash_use(site)
        defer {
            pbs_crash_use(nil)
            hasEnded.store(true, ordering: .releasing)
        }
        var posted = 0
        while true {
            if pool.ring.isEmpty {
                if posted > 0 { shared.doorbell.ring() }
                posted = 0
            }
            guard let call = pool.next() else { break }
            posted += run(call)
            if posted >= 64 {
                shared.doorbell.ring()
                posted = 0
            }
        }
        if posted > 0 { shared.doorbell.ring() }
    }

    /// Runs a call, or the batch that it heads; the number of calls it posted.
    func run(_ call: UInt32) -> Int {
        let index = Int(call)
        return shared.infos[index].nextInBatch == 0 ? runOne(index) : runBatch(index)
    }

    private func runOne(_ index: Int) -> Int {
        let table = shared.table
        let lane = shared.lanes + Int(shared.infos[index].lane)
        guard mayStart(index, lane) else {
            table.giveBack(index)
            outbox.push(index, table)
            return 1
        }
        let call: patchbay_call
        do {
            call = try begin(index, lane)
        } catch {
            return fail(index, error, lane)
        }
        current.store(UInt32(index + 1), ordering: .releasing)
        let code = shared.codes + Int(shared.infos[index].code)
        let view = UnsafePointer(table.views + index)
        site.pointee.owner = code.pointee.owner.pointer
        site.pointee.event = view
        let status = code.pointee.handle(code.pointee.instance, call, view)
        site.pointee.event = nil
        current.store(0, ordering: .releasing)
        return end(index, call, status, lane)
    }

    private func runBatch(_ head: Int) -> Int {
        let table = shared.table
        let lane = shared.lanes + Int(shared.infos[head].lane)
        var calls: [patchbay_call] = []
        var views: [UnsafePointer<patchbay_event>?] = []
        var indices: [Int] = []
        var posted = 0
        // What may end the process is handed over by itself, so that it is known if it does.
        var isSuspect = false
        var link = UInt32(head)
        while link != 0 {
            let index = Int(link)
            link = shared.infos[index].nextInBatch
            if mayStart(index, lane) {
                do {
                    calls.append(try begin(index, lane))
                    views.append(UnsafePointer(table.views + index))
                    isSuspect = isSuspect || shared.suspects?.suspect(owner(of: index), table.views + index) != nil
                    indices.append(index)
                } catch {
                    posted += fail(index, error, lane)
                }
            } else {
                table.giveBack(index)
                outbox.push(index, table)
                posted += 1
            }
        }
        guard let first = indices.first else { return posted }
        current.store(UInt32(first + 1), ordering: .releasing)
        // All of a batch start with one version.
        let code = shared.codes + Int(shared.infos[first].code)
        site.pointee.owner = code.pointee.owner.pointer
        if let handleBatch = code.pointee.handleBatch, calls.count <= max(1, code.pointee.batchMax), !isSuspect {
            let status = views.withUnsafeBufferPointer { views in
                site.pointee.batch = views.baseAddress
                site.pointee.batch_count = UInt64(views.count)
                defer { site.pointee.batch = nil }
                return handleBatch(code.pointee.instance, UInt64(calls.count), calls, views.baseAddress)
            }
            let message = status < 0 ? HandlerMessage.take() : ""
            for (index, call) in zip(indices, calls) { posted += end(index, call, status, lane, message: message) }
        } else {
            for (position, index) in indices.enumerated() {
                current.store(UInt32(index + 1), ordering: .releasing)
                site.pointee.event = views[position]
                let status = code.pointee.handle(code.pointee.instance, calls[position], views[position])
                site.pointee.event = nil
                posted += end(index, calls[position], status, lane)
            }
        }
        current.store(0, ordering: .releasing)
        return posted
    }

    /// Whether the call may still start: its breaker has not changed since it was let through, a permit is free, and
    /// the dispatcher has heard of the failures so far.
    private func mayStart(_ index: Int, _ lane: UnsafeMutablePointer<WorkerLane>) -> Bool {
        let info = shared.infos + index
        var patience = 2_000
        while lane.pointee.unheard.pointee.load(ordering: .acquiring) >= lane.pointee.maxInFlight {
            shared.doorbell.ring()
            for _ in 0..<50 { pbs_pause() }
            patience -= 1
            if patience == 0 { return false }
        }
        guard shared.generations[Int(info.pointee.breaker)].load(ordering: .acquiring) == info.pointee.generation
        else { return false }
        let open = lane.pointee.open
        if open.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue >= lane.pointee.maxInFlight {
            open.pointee.wrappingSubtract(1, ordering: .releasing)
            return false
        }
        return true
    }

    private func owner(of index: Int) -> CodeOwner { shared.codes[Int(shared.infos[index].code)].owner }

    /// - Throws: when the event could not be transformed; the call has begun all the same.
    private func begin(
        _ index: Int, _ lane: UnsafeMutablePointer<WorkerLane>
    ) throws(DeliveryTransformError) -> patchbay_call {
        let table = shared.table
        let info = shared.infos[index]
        let now = info.isSampled || info.isShadowed || lane.pointee.isTimed ? pbs_now() : pbs_now_coarse()
        if info.isSampled { shared.infos[index].startedUnix = pbs_unix_now() }
        table.started[index].store(now, ordering: .releasing)
        let transformed = try shared.transforms?.apply(to: info, call: index)
        ViewWriter.fill(
            table.views + index, scratch: table.scratch + index * CallTable.scratchBytes, info: info,
            transformed: transformed ?? nil, route: shared.routeNames[Int(info.route)], handler: lane.pointee.name,
            deadline: info.timeout == 0 ? 0 : now &+ info.timeout)
        if let refusal = shared.suspects?.suspect(owner(of: index), table.views + index)?.refusal {
            throw DeliveryTransformError(reason: refusal)
        }
        return table.call(at: index)
    }

    /// Ends a call whose event could not be transformed: for good, and not by the handler's fault.
    private func fail(
        _ index: Int, _ error: DeliveryTransformError, _ lane: UnsafeMutablePointer<WorkerLane>
    ) -> Int {
        var details = ResultDetails(reason: error.reason)
        details.sparesBreaker = true
        let call = shared.table.call(at: index)
        let status = shared.table.complete(call, .fail, details)
        return end(index, call, status, lane)
    }

    /// Posts the call if it is over; otherwise whoever completes it does.
    private func end(
        _ index: Int, _ call: patchbay_call, _ status: patchbay_status, _ lane: UnsafeMutablePointer<WorkerLane>,
        message: String? = nil
    ) -> Int {
        let table = shared.table
        // Before the call is posted: afterwards its entry may be another call's.
        let isBlocking = shared.codes[Int(shared.infos[index].code)].isBlocking
        if shared.infos[index].isShadowed { shared.infos[index].endedAt = pbs_now() }
        guard table.returned(index, call, status, message: { message ?? HandlerMessage.take() }) else { return 0 }
        lane.pointee.open.pointee.wrappingSubtract(1, ordering: .releasing)
        if table.hasFailed(index) {
            lane.pointee.unheard.pointee.wrappingAdd(1, ordering: .releasing)
            outbox.push(index, table)
            shared.doorbell.ring()
            return 0
        }
        outbox.push(index, table)
        // A blocking handler may keep this thread for long: what is done must not wait for the next call.
        if isBlocking { shared.doorbell.ring() }
        return 1
    }
}
