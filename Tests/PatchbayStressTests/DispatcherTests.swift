import CPatchbay
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayResilience
import PatchbayTelemetry
import Synchronization
import Testing

@testable import PatchbayDispatch

/// The whole of the dispatcher with its threads: sources, pools, calls that other threads complete, emits.
@Suite struct DispatcherStressTests {
    @Test(arguments: UInt64(0)..<3)
    func `every event is handled once by every lane, in order of its key`(seed: UInt64) throws {
        let stage = try DispatcherStage(seed: seed, batchesEach: 40)
        let end = stage.run()
        #expect(end?.reason == .finished)
        #expect(stage.problems.all == [])
        for lane in DispatcherStage.handledLanes {
            #expect(stage.tallies[lane].isOneEach, "\(DispatcherStage.names[lane])")
        }
        let counts = end?.status.counts
        #expect(counts?.done == UInt64(stage.events * DispatcherStage.names.count) && counts?.pending == 0)
        #expect(counts?.created == counts?.done)
        #expect(end?.status.emitted == UInt64(stage.events) && end?.pending.isEmpty == true)
        #expect(stage.failures.load(ordering: .relaxed) > 0, "some attempts fail")
    }

    @Test(arguments: UInt64(0)..<3)
    func `handlers are exchanged under load: nothing is lost, and nobody calls one that has retired`(
        seed: UInt64
    ) throws {
        let stage = try DispatcherStage(seed: seed, batchesEach: 40)
        let swapper = try Swapper(stage)
        let end = stage.run()
        let versions = swapper.end()
        #expect(end?.reason == .finished)
        #expect(stage.problems.all == [])
        for lane in DispatcherStage.handledLanes {
            #expect(stage.tallies[lane].isOneEach, "\(DispatcherStage.names[lane])")
        }
        let counts = end?.status.counts
        #expect(counts?.done == UInt64(stage.events * DispatcherStage.names.count) && counts?.pending == 0)
        #expect(versions.count > 2 && versions.dropLast(2).allSatisfy(\.isRetired), "\(versions.count) versions")
        // Each call began in one version and ended in it, and no failure is another version's.
        #expect(versions.allSatisfy { $0.since.failed <= $0.since.ended && $0.since.ended <= $0.since.started })
        #expect(stage.swapped.load(ordering: .relaxed) > 0, "some calls ran in a version that came later")
    }

    @Test(arguments: UInt64(0)..<4)
    func `a stop in full flight leaves every event done or pending`(seed: UInt64) throws {
        let stage = try DispatcherStage(seed: seed, batchesEach: 12)
        let end = try #require(stage.run(stopAfter: Int(SeededRandom(seed: seed).a % 1_500)))
        #expect(stage.problems.all == [])
        for lane in DispatcherStage.handledLanes { #expect(stage.tallies[lane].isOneAtMost) }
        let status = end.status
        #expect(status.counts.created == status.counts.done + status.counts.pending)
        #expect(end.pendingDeliveries == Int(status.counts.pending))
        let left = stage.ports.reduce(0) { $0 + $1.unread().reduce(0) { $0 + $1.count } }
        let offered = stage.offered.load(ordering: .relaxed)
        #expect(Int(status.accepted - status.emitted) + end.unread + left == offered)
        // A handler may have succeeded where the host did not hear of it any more, never the other way round.
        let succeeded = DispatcherStage.handledLanes.reduce(0) { $0 + stage.tallies[$1].sum }
        #expect(status.counts.done <= UInt64(succeeded))
    }
}

/// Exchanges the code of all lanes, again and again, each version behind a gate that is shut once it has retired.
private final class Swapper: Sendable {
    private let stage: DispatcherStage
    private let bell = Doorbell()
    private let progress = Guarded<[Replacement.Progress]>([])
    private let thread = Guarded<OwnThread?>(nil)

    init(_ stage: DispatcherStage) throws {
        self.stage = stage
        let started = try OwnThread("swapper") { self.run() }
        thread.withLock { $0 = started }
    }

    /// How all changes went, once the dispatcher has ended.
    func end() -> [Replacement.Progress] {
        thread.withLock { $0.take() }?.join()
        return progress.withLock { $0 }
    }

    private func run() {
        var past: [(replacement: Replacement, before: Gate)] = []
        var gate = Gate()
        while true {
            let next = Gate()
            do {
                if past.count % 3 == 2 {
                    // For a while both run, then one of them alone.
                    let promotes = past.count % 2 == 0
                    let trial = try stage.share(next, bell: bell)
                    usleep(300)
                    past.append((try stage.conclude(trial, promotes: promotes, bell: bell), promotes ? gate : next))
                    if promotes { gate = next }
                } else {
                    past.append((try stage.exchange(next, bell: bell), gate))
                    gate = next
                }
            } catch {
                break
            }
            for (replacement, before) in past where replacement.progress.isRetired {
                before.isShut.store(true, ordering: .releasing)
            }
            // Some run for a while, others for no time at all.
            if past.count % 3 == 0 { usleep(500) }
            for (replacement, _) in past.dropLast() { replacement.unwatch() }
        }
        progress.withLock { $0 = past.map(\.replacement.progress) }
    }
}

private final class Gate: Sendable {
    let isShut = Atomic<Bool>(false)
}

/// Three sources, five lanes that get every event, and one for what the fifth emits.
private final class DispatcherStage: @unchecked Sendable {
    // Invariant: what is no `let` is set by `init`.
    static let names = ["ordered", "asynchronous", "blocking", "failing", "emitting", "emitted"]
    static let handledLanes = 0..<6
    private static let sources = 3
    private static let batchEvents = 20

    let events: Int
    let problems = Problems()
    /// Successes of each lane, by event.
    let tallies: [Tally]
    let offered = Atomic<Int>(0)
    let failures = Atomic<Int>(0)
    /// Calls of handlers that were exchanged for the first ones.
    let swapped = Atomic<Int>(0)
    let ports: [IntakePort]
    private let seed: UInt64
    private let batchesEach: Int
    private let table: CallTable
    private let dispatcher: Dispatcher
    private let successes = Atomic<Int>(0)
    /// The last event of each source that the ordered lane saw.
    private let last = Guarded([Int](repeating: -1, count: sources))
    private let strays = Guarded<[(call: patchbay_call, event: Int)]>([])
    private let hasEnded = Atomic<Bool>(false)

    init(seed: UInt64, batchesEach: Int) throws {
        self.seed = seed
        self.batchesEach = batchesEach
        let events = Self.sources * batchesEach * Self.batchEvents
        self.events = events
        tallies = Self.names.map { _ in Tally(count: events) }
        let bell = Doorbell()
        let limits = [4, 16, 4, 8, 4, 4]
        let table = CallTable(capacity: Dispatcher.callCapacity(maxInFlight: limits), doorbell: bell)
        self.table = table
        let handlers = Handlers()
        let lanes = Self.names.indices.map { lane in
            LanePlan(
                name: Self.names[lane],
                handler: Handler(name: Self.names[lane], blocking: lane == 2) { call, event in
                    handlers.stage?.handle(lane, call, event) ?? .internalError
                }, maxInFlight: limits[lane])
        }
        var route = RoutePlan(name: "r")
        route.retry = RetryPolicy(policy: .constant, duration: .milliseconds(1), maxRetries: 5, jitter: .none)
        route.budgetMinConcurrency = 1_000
        route.timeout = TimeoutPolicy(attempt: .zero, total: .zero)
        route.breaker = CircuitBreakerConfiguration(trip: { _ in false })
        var options = Dispatcher.Options()
        options.endsWhenIdle = true
        options.sharedThreads = 2
        options.seed = seed
        let dispatcher = Dispatcher(
            plan: DispatchPlan(routes: [route], lanes: lanes), table: table, doorbell: bell,
            tracer: .off(ids: IDGenerator(seed: seed)), options: options)
        self.dispatcher = dispatcher
        ports = (0..<Self.sources).map { _ in dispatcher.makePort() }
        handlers.stage = self
        try dispatcher.start(log: MemoryLog(boundBytes: 1 << 20), host: host)
    }

    /// Runs to the end, or until so many calls have succeeded.
    func run(stopAfter: Int = .max) -> DispatchEnd? {
        var threads: [OwnThread] = []
        do {
            for number in 0..<Self.sources { threads.append(try OwnThread("source\(number)") { self.source(number) }) }
            for number in 0..<2 {
                threads.append(try OwnThread("complete\(number)") { self.completeStrays(UInt64(number)) })
            }
        } catch {
            problems.add("\(error)")
        }
        if stopAfter != .max {
            while successes.load(ordering: .relaxed) < stopAfter { sched_yield() }
            dispatcher.stop()
        }
        let end = dispatcher.join()
        hasEnded.store(true, ordering: .releasing)
        for thread in threads { thread.join() }
        return end
    }

    /// Puts new handlers in the place of all.
    func exchange(_ gate: Gate, bell: Doorbell) throws(ReplacementError) -> Replacement {
        try dispatcher.replace(handlers(gate), bell: bell)
    }

    /// Gives new handlers 30 of 100 calls; then all of them, or none.
    func share(_ gate: Gate, bell: Doorbell) throws(ReplacementError) -> Replacement {
        try dispatcher.share(3_000, with: handlers(gate), bell: bell)
    }

    func conclude(_ trial: Replacement, promotes: Bool, bell: Doorbell) throws(ReplacementError) -> Replacement {
        try dispatcher.conclude(trial, promotes: promotes, bell: bell)
    }

    private func handlers(_ gate: Gate) -> [Handler] {
        Self.names.indices.map { lane in
            Handler(name: Self.names[lane], blocking: lane == 2) { [self] call, event in
                problems.check(!gate.isShut.load(ordering: .acquiring), "a handler that has retired was called")
                swapped.wrappingAdd(1, ordering: .relaxed)
                return handle(lane, call, event)
            }
        }
    }

    // MARK: Sources

    private func source(_ number: Int) {
        let maker = EventMaker()
        var next = number * batchesEach * Self.batchEvents
        for _ in 0..<batchesEach {
            let batch = ports[number].recycled() ?? EventBatch(source: number, textCapacity: 4096)
            maker.fill(
                batch, ids: (next..<next + Self.batchEvents).map(String.init), lanes: [0, 1, 2, 3, 4],
                key: UInt64(number) + 1)
            next += Self.batchEvents
            offered.wrappingAdd(Self.batchEvents, ordering: .relaxed)
            guard ports[number].offer(batch) else { break }
        }
        ports[number].end()
    }

    // MARK: Handlers

    private final class Handlers: @unchecked Sendable {
        // Invariant: set before the first thread starts.
        weak var stage: DispatcherStage?
    }

    private func handle(
        _ lane: Int, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> patchbay_status {
        guard let number = Int(String(event.pointee.id)), number < events else {
            problems.add("\(Self.names[lane]) got the event \(String(event.pointee.id))")
            return .ok
        }
        switch lane {
        case 0:
            last.withLock { last in
                let source = number / (batchesEach * Self.batchEvents)
                problems.check(last[source] < number, "event \(number) came after \(last[source])")
                last[source] = number
            }
        case 1:
            strays.withLock { $0.append((call, number)) }
            return .pending
        case 2: sched_yield()
        case 3 where number % 5 == 0 && event.pointee.attempt == 1:
            failures.wrappingAdd(1, ordering: .relaxed)
            return .internalError
        case 4:
            let emitted = EmittedEvent(event: Event(id: "\(number)", source: "/e", type: "e"), notBefore: 0)
            problems.check(table.withEffects(call) { $0.emits.append(emitted) } != nil, "an emit found no call")
        default: break
        }
        succeed(lane, number)
        return .ok
    }

    private func succeed(_ lane: Int, _ number: Int) {
        tallies[lane].add(number)
        successes.wrappingAdd(1, ordering: .relaxed)
    }

    /// Completes what the asynchronous handler left open, some of it twice, in any order.
    private func completeStrays(_ number: UInt64) {
        var random = SeededRandom(seed: seed << 8 | number)
        while !hasEnded.load(ordering: .acquiring) {
            let stray = strays.withLock { strays -> (call: patchbay_call, event: Int)? in
                guard !strays.isEmpty else { return nil }
                return strays.remove(at: Int(random.upTo(UInt64(strays.count - 1))))
            }
            guard let stray else {
                sched_yield()
                continue
            }
            // First: once it is complete, the run may be over.
            succeed(1, stray.event)
            problems.check(table.complete(stray.call, nil) == .ok, "a completion was refused")
            if random.upTo(3) == 0 {
                problems.check(table.complete(stray.call, nil) == .stale, "a second completion was taken")
            }
        }
    }

    // MARK: Host

    private var host: DispatchHost {
        nonisolated(unsafe) let maker = EventMaker()
        let batchEvents = Self.batchEvents
        return DispatchHost(
            commitState: { _, _, _, _, _ in true }, changeTimers: { _, _, _ in }, fireTimers: { _, _ in [] },
            nextTimer: { nil },
            reenter: { events in
                stride(from: 0, to: events.count, by: batchEvents).map { lower in
                    let batch = EventBatch(source: -1, textCapacity: 4096)
                    let some = events[lower..<min(lower + batchEvents, events.count)]
                    maker.fill(batch, ids: some.map(\.event.id), lanes: [5])
                    return batch
                }
            },
            bury: { [problems] letter in problems.add("a dead letter: \(letter.reason)") }, isBurying: { false },
            notice: { _ in }, attemptFailed: { _ in })
    }
}
