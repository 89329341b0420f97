import CPatchbay
import Glibc
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@testable import PatchbayDispatch

@Suite struct WorkerPoolStressTests {
    @Test(arguments: UInt64(0)..<25)
    func `a pool that stops with calls in flight has run each once or not at all`(seed: UInt64) throws {
        let stage = try PoolStage(maxInFlight: 6, threadsMax: 4)
        let completer = try OwnThread("completer") { stage.completeStrays() }
        var random = SeededRandom(seed: seed)
        for _ in 0..<(20 + Int(random.upTo(300))) {
            if random.upTo(15) == 0 { _ = try stage.pool.grow() }
            stage.start(1 + Int(random.upTo(7)))
            if random.upTo(1) == 0 { stage.settlePosted() }
        }
        stage.pool.stop(stuck: false)
        let ranAtStop = stage.ran.withLock { $0.count }
        stage.ended.store(true, ordering: .releasing)
        completer.join()
        stage.settlePosted()
        stage.takeBack()
        #expect(stage.problems.all == [])
        #expect(stage.settled.count == stage.armed && stage.out.isEmpty)
        #expect(stage.ran.withLock { $0.count } == ranAtStop, "a call began after the stop")
        #expect(stage.openCalls == 0 && stage.unheardFailures == 0)
    }

    @Test func `workers never sleep on a call that waits`() throws {
        let stage = try PoolStage(maxInFlight: 6, threadsMax: 3)
        while try stage.pool.grow() {}
        // Without a limit: a lost wake-up hangs the test.
        for round in 0..<2_000 {
            stage.start(1 + round % 3)
            while !stage.out.isEmpty {
                stage.bell.wait(spins: 0, timeout: 0) { stage.hasPosted }
                stage.settlePosted()
                stage.completeOneStray()
            }
        }
        stage.pool.stop(stuck: false)
        #expect(stage.problems.all == [])
        #expect(stage.settled.count == stage.armed)
    }

    @Test func `a stop leaves a worker that is stuck in a handler, whose call ends once all the same`() throws {
        let stage = try PoolStage(maxInFlight: 6, threadsMax: 1)
        stage.gate.store(false, ordering: .releasing)
        stage.start(3)
        while stage.waiting.load(ordering: .acquiring) == 0 { sched_yield() }
        stage.pool.stop(stuck: true)
        #expect(stage.ran.withLock { $0.count } == 1 && !stage.hasPosted)
        stage.gate.store(true, ordering: .releasing)
        while stage.out.count > 2 {
            stage.completeOneStray()
            stage.settlePosted()
        }
        stage.takeBack()
        #expect(stage.problems.all == [])
        #expect(stage.settled.count == 3 && stage.out.isEmpty && stage.openCalls == 0)
    }
}

/// A pool with the dispatcher's side of it, which belongs to the test's thread. What a call comes to follows from its
/// id alone.
private final class PoolStage: @unchecked Sendable {
    // Invariant: what is no `let` is touched by the test's thread only.
    let bell = Doorbell()
    let pool: WorkerPool
    let problems = Problems()
    /// How often the handler was called, by call.
    let ran = Guarded<[patchbay_call: Int]>([:])
    /// While it is shut, handlers wait at it.
    let gate = Atomic<Bool>(true)
    let waiting = Atomic<Int>(0)
    let ended = Atomic<Bool>(false)
    private let strays = Guarded<[patchbay_call]>([])
    private let table: CallTable
    private let shared: WorkerShared
    private let batch = EventBatch(source: 0, textCapacity: 1)
    private let view = UnsafeMutablePointer<BatchView>.allocate(capacity: 1)

    private(set) var armed = 0
    private(set) var out: [Int: patchbay_call] = [:]
    private(set) var settled: Set<patchbay_call> = []
    private var free = Array(1...48)

    init(maxInFlight: Int, threadsMax: Int) throws {
        EventMaker().fill(batch, ids: ["e"], lanes: [0])
        view.initialize(to: BatchView(batch))
        table = CallTable(capacity: 64, doorbell: bell)
        let calls = Calls()
        shared = WorkerShared(
            table: table,
            lanes: [
                LanePlan(
                    name: "l", handler: Handler(name: "h") { call, _ in calls.handle(call) }, maxInFlight: maxInFlight)
            ],
            routes: [RoutePlan(name: "r")], breakers: 1, doorbell: bell)
        pool = WorkerPool(name: "stress", ringCapacity: 64, threadsMax: threadsMax, shared: shared)
        calls.stage = self
        _ = try pool.grow()
    }

    deinit { view.deallocate() }

    var openCalls: UInt64 { shared.lanes[0].open.pointee.load(ordering: .acquiring) }
    var unheardFailures: UInt64 { shared.lanes[0].unheard.pointee.load(ordering: .acquiring) }
    var hasPosted: Bool {
        table.hasForeign || pool.outboxes.contains { !$0.isEmpty } || strays.withLock { !$0.isEmpty }
    }

    // MARK: Dispatcher

    /// Starts calls, as far as there are slots.
    func start(_ count: Int) {
        var pushed = 0
        while pushed < count, let index = free.popLast() {
            var info = CallInfo(view: UnsafePointer(view))
            info.attempt = 1
            shared.infos[index] = info
            out[index] = table.arm(index)
            problems.check(pool.ring.push(UInt32(index)), "the ring is full below its capacity")
            pushed += 1
        }
        armed += pushed
        if pushed > 0 { pool.ring(pushed: pushed) }
    }

    func settlePosted() {
        for outbox in pool.outboxes { settle(outbox.takeAll(), byWorker: true) }
        settle(table.takeForeign(), byWorker: false)
    }

    /// Takes what no worker took out of the ring.
    func takeBack() {
        while let index = pool.ring.take() {
            table.giveBack(Int(index))
            settle(Int(index), byWorker: true)
        }
    }

    private func settle(_ head: UInt32, byWorker: Bool) {
        var link = head
        while link != 0 {
            let index = Int(link) - 1
            link = table.next[index]
            settle(index, byWorker: byWorker)
        }
    }

    private func settle(_ index: Int, byWorker: Bool) {
        let call = table.call(at: index)
        let outcome = table.settle(index)
        problems.check(out.removeValue(forKey: index) == call, "call \(call) was posted and is not out")
        problems.check(settled.insert(call).inserted, "call \(call) settled twice")
        let times = ran.withLock { $0[call] ?? 0 }
        problems.check(
            times == (outcome.kind == .unstarted ? 0 : 1), "call \(call) ran \(times) times: \(outcome.kind)")
        problems.check(
            outcome.kind == .unstarted || outcome.kind == (Self.fails(call) ? .retry : .done),
            "call \(call) is \(outcome.kind)")
        let lane = shared.lanes
        if !byWorker { lane.pointee.open.pointee.wrappingSubtract(1, ordering: .releasing) }
        if byWorker, outcome.kind == .retry { lane.pointee.unheard.pointee.wrappingSubtract(1, ordering: .releasing) }
        free.append(index)
    }

    // MARK: Handler

    private final class Calls: @unchecked Sendable {
        // Invariant: set before the first thread starts. Unowned by the pool's handlers: the stage outlives its pool.
        weak var stage: PoolStage?
        func handle(_ call: patchbay_call) -> patchbay_status { stage?.handle(call) ?? .internalError }
    }

    private static func fails(_ call: patchbay_call) -> Bool { (call >> 24) % 5 == 0 }
    private static func staysOpen(_ call: patchbay_call) -> Bool { (call >> 24) % 3 == 0 }

    private func handle(_ call: patchbay_call) -> patchbay_status {
        ran.withLock { $0[call, default: 0] += 1 }
        waiting.wrappingAdd(1, ordering: .releasing)
        while !gate.load(ordering: .acquiring) { sched_yield() }
        if Self.staysOpen(call) {
            strays.withLock { $0.append(call) }
            bell.ring()
            return .pending
        }
        return Self.fails(call) ? .internalError : .ok
    }

    /// Completes what handlers left open, until the end.
    func completeStrays() {
        while true {
            let isOver = ended.load(ordering: .acquiring)
            while completeOneStray() {}
            if isOver { return }
            sched_yield()
        }
    }

    @discardableResult func completeOneStray() -> Bool {
        guard let call = strays.withLock({ $0.popLast() }) else { return false }
        let status = table.complete(call, Self.fails(call) ? .retry : .done, nil)
        problems.check(status == .ok, "completing call \(call) was answered with \(status)")
        return true
    }
}
