import CPatchbay
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

/// Real threads against the structures between threads. Meant to run under the thread sanitizer, too.
@Suite struct StressTests {
    private static let rounds = 4_000

    /// A dispatcher, workers and completing threads over one small table: every armed call is settled exactly once,
    /// with an outcome that somebody gave it, and no thread ever ends a call that is not its own.
    @Test func `calls completed from many threads settle exactly once`() throws {
        let stage = Stage(calls: Self.rounds)
        let threads =
            try (0..<2).map { number in try OwnThread("worker\(number)") { stage.work(UInt64(number)) } }
            + (0..<3).map { number in try OwnThread("complete\(number)") { stage.completeStray(UInt64(number)) } }
        stage.dispatch()
        for thread in threads { thread.join() }
        let facts = stage.facts.withLock { $0 }
        #expect(facts.problems.isEmpty, "\(facts.problems)")
        #expect(facts.settled == Self.rounds)
        #expect(facts.closed > 0 && facts.pending > 0 && facts.withEffects > 0)
    }

    @Test func `a ring hands every word over once and in order`() throws {
        let ring = SingleConsumerRing(capacity: 8)
        let toConsumer = Doorbell()
        let toProducer = Doorbell()
        let count = UInt(Self.rounds * 5)
        let producer = try OwnThread("producer") {
            for word in 1...count {
                while !ring.push(word) { toProducer.wait(timeout: 0) { !ring.isFull } }
                toConsumer.ring()
            }
        }
        var next: UInt = 1
        while next <= count {
            guard let word = ring.pop() else {
                toConsumer.wait(spins: next % 3 == 0 ? 0 : 50, timeout: 0) { !ring.isEmpty }
                continue
            }
            toProducer.ring()
            check(word == next, "\(word) came for \(next)")
            next += 1
        }
        producer.join()
        #expect(ring.isEmpty && ring.pop() == nil)
    }

    @Test func `a work ring gives every call to exactly one worker`() throws {
        let ring = WorkRing(capacity: 16)
        let count = Self.rounds * 5
        let seen = Tally(count: count)
        let ended = Atomic<Bool>.Box(false)
        let workers = try (0..<3).map { number in
            try OwnThread("taker\(number)") {
                while true {
                    if let call = ring.take() {
                        seen.add(Int(call))
                    } else if ended.value.load(ordering: .acquiring), ring.isEmpty {
                        return
                    }
                }
            }
        }
        for call in 0..<count { while !ring.push(UInt32(call)) {} }
        ended.value.store(true, ordering: .releasing)
        for worker in workers { worker.join() }
        #expect(seen.isOneEach && ring.taken == UInt64(count) && ring.count == 0)
    }

    @Test func `a doorbell never leaves its consumer asleep on work`() throws {
        let bell = Doorbell()
        let work = Atomic<Int>.Box(0)
        let rounds = Self.rounds * 2
        let ringers = try (0..<2).map { number in
            try OwnThread("ringer\(number)") {
                for _ in 0..<rounds {
                    work.value.wrappingAdd(1, ordering: .releasing)
                    bell.ring()
                }
            }
        }
        // Without a limit: a lost wake-up hangs the test.
        var taken = 0
        while taken < rounds * 2 {
            bell.wait(spins: taken % 2, timeout: 0) { work.value.load(ordering: .relaxed) > 0 }
            taken += work.value.exchange(0, ordering: .acquiring)
        }
        for ringer in ringers { ringer.join() }
        #expect(taken == rounds * 2)
    }
}

extension Atomic where Value: AtomicRepresentable & Sendable {
    /// An atomic that threads can share.
    final class Box: Sendable {
        let value: Atomic<Value>
        init(_ initial: consuming Value) { value = Atomic(initial) }
    }
}

/// How often each of a range of numbers was seen.
private final class Tally: Sendable {
    private let counts: Guarded<[UInt8]>
    init(count: Int) { counts = Guarded(Array(repeating: 0, count: count)) }
    func add(_ number: Int) { counts.withLock { $0[number] &+= 1 } }
    var isOneEach: Bool { counts.withLock { $0.allSatisfy { $0 == 1 } } }
}

/// The threads of one stress run.
private final class Stage: Sendable {
    struct Facts {
        var problems: [String] = []
        var settled = 0
        var closed = 0
        var pending = 0
        var withEffects = 0
    }

    let facts = Guarded(Facts())
    private let calls: Int
    private let doorbell = Doorbell()
    private let table: CallTable
    private let ring = WorkRing(capacity: 64)
    /// Calls that workers post: the real list is the dispatcher target's; any hand-over with a release does here.
    private let posted = Guarded<[Int]>([])
    private let ended = Atomic<Bool>(false)
    /// Calls that are to be completed by a thread that is no worker; old ones stay and are completed again.
    private let strays = Guarded<[patchbay_call]>([])
    private static let slots = 32

    init(calls: Int) {
        self.calls = calls
        table = CallTable(capacity: Self.slots + 1, doorbell: doorbell)
    }

    // MARK: Dispatcher

    func dispatch() {
        var random = SeededRandom(seed: 7)
        var free = Array(1...Self.slots)
        var busy: Set<Int> = []
        var closed: Set<Int> = []
        var armed = 0
        while armed < calls || !busy.isEmpty {
            while armed < calls, let index = free.popLast() {
                _ = table.arm(index)
                busy.insert(index)
                armed += 1
                precondition(ring.push(UInt32(index)), "the ring holds every slot")
            }
            if random.upTo(3) == 0, let index = busy.randomElement(using: &random) {
                let wasStarted = table.started[index].load(ordering: .acquiring) != 0
                if random.upTo(1) == 0 {
                    _ = table.requestCancel(index)
                } else if wasStarted, table.close(index) {
                    closed.insert(index)
                }
            }
            for index in takePosted() {
                let settled = table.settle(index)
                note(settled, wasBusy: busy.remove(index) != nil, wasClosed: closed.remove(index) != nil)
                free.append(index)
            }
        }
        ended.store(true, ordering: .releasing)
    }

    private func takePosted() -> [Int] {
        var indices: [Int] = []
        var link = table.takeForeign()
        while link != 0 {
            indices.append(Int(link) - 1)
            link = table.next[Int(link) - 1]
        }
        return posted.withLock { posted in
            defer { posted.removeAll() }
            return indices + posted
        }
    }

    private func note(_ settled: SettledCall, wasBusy: Bool, wasClosed: Bool) {
        facts.withLock { facts in
            facts.settled += 1
            if !wasBusy { facts.problems.append("a slot was posted that was not out") }
            if settled.wasClosed != wasClosed {
                facts.problems.append("closed: \(settled.wasClosed), not \(wasClosed)")
            }
            if settled.wasClosed { facts.closed += 1 }
            if settled.wasPending { facts.pending += 1 }
            if settled.kind == .retry, !settled.wasClosed, settled.details?.reason != "why" {
                facts.problems.append("a retry without its reason")
            }
            if let effects = settled.effects {
                facts.withEffects += 1
                if effects.stateWrites.isEmpty { facts.problems.append("effects without a write") }
            }
        }
    }

    // MARK: Workers

    func work(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        while true {
            guard let taken = ring.take() else {
                if ended.load(ordering: .acquiring) { return }
                continue
            }
            let index = Int(taken)
            let call = table.call(at: index)
            table.views[index].deadline_ns = random.upTo(1) == 0 ? 0 : .max
            table.started[index].store(1, ordering: .releasing)
            if handle(index, call, &random) {
                posted.withLock { $0.append(index) }
                doorbell.ring()
            }
        }
    }

    /// Runs one call; true when the worker has to post it.
    private func handle(_ index: Int, _ call: patchbay_call, _ random: inout SeededRandom) -> Bool {
        if random.upTo(2) == 0 {
            _ = table.withEffects(call) {
                $0.stateWrites.append(StateWrite(key: "k", value: nil, expectedRevision: 0, timeToLive: 0))
            }
        }
        switch random.upTo(5) {
        case 0: return table.returned(index, call, .ok) { "why" }
        case 1: return table.returned(index, call, .internalError) { "why" }
        case 2:
            _ = table.complete(call, .retry, ResultDetails(reason: "why"))
            return table.returned(index, call, .ok) { "why" }
        default:
            strays.withLock { $0.append(call) }
            return table.returned(index, call, .pending) { "why" }
        }
    }

    // MARK: Others

    /// Completes what handlers left open, often twice, and asks about calls that may long be over.
    func completeStray(_ seed: UInt64) {
        var random = SeededRandom(seed: 100 + seed)
        while !ended.load(ordering: .acquiring) {
            let (call, spent) = strays.withLock { strays -> (patchbay_call?, ArraySlice<patchbay_call>) in
                guard !strays.isEmpty else { return (nil, []) }
                let spent = strays.prefix(max(0, strays.count - 64))
                strays.removeFirst(spent.count)
                return (strays[Int(random.upTo(UInt64(strays.count - 1)))], spent)
            }
            for call in spent { _ = table.complete(call, nil) }
            guard let call else { continue }
            _ = table.isCancelled(call)
            _ = table.withOpenEvent(call) { $0.pointee.deadline_ns }
            switch random.upTo(3) {
            case 0: _ = table.complete(call, nil)
            case 1: _ = table.complete(call, .retry, ResultDetails(reason: "why"))
            case 2:
                _ = table.withEffects(call) {
                    $0.stateWrites.append(StateWrite(key: "s", value: nil, expectedRevision: 0, timeToLive: 0))
                }
            default: _ = table.isCompleted(call)
            }
        }
    }
}
