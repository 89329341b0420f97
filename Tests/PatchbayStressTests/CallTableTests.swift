import CPatchbay
import Glibc
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@Suite struct CallTableStressTests {
    private static let rounds = 2_000

    /// A dispatcher, workers and completing threads over one small table: every armed call is settled exactly once,
    /// with the outcome whose completion was answered with OK, if any was, and no thread ever ends a call that is not
    /// its own.
    @Test(arguments: [7, 8] as [UInt64])
    func `calls completed from many threads, twice, late, or by forgery, settle exactly once`(seed: UInt64) throws {
        let stage = Stage(calls: Self.rounds, seed: seed)
        let threads =
            try (0..<2).map { number in try OwnThread("worker\(number)") { stage.work(UInt64(number)) } }
            + (0..<3).map { number in try OwnThread("complete\(number)") { stage.completeStray(UInt64(number)) } }
        stage.dispatch()
        for thread in threads { thread.join() }
        let facts = stage.facts.withLock { $0 }
        #expect(stage.problems.all == [])
        #expect(facts.settled.count >= Self.rounds)
        #expect(facts.isComplete, "closed \(facts.closed), pending \(facts.pending), forged \(facts.forged)")
        for (call, settled) in facts.settled {
            let completed = facts.completed[call] ?? []
            if completed != settled.allowed(completed) {
                Issue.record("call \(call) was completed as \(completed) and settled as \(settled)")
            }
        }
        #expect(facts.completed.keys.allSatisfy { facts.settled[$0] != nil }, "a forged call was completed")
    }
}

/// The threads of one stress run.
private final class Stage: Sendable {
    struct Facts {
        var settled: [patchbay_call: End] = [:]
        /// Completions that were answered with OK.
        var completed: [patchbay_call: [OutcomeKind]] = [:]
        var closed = 0
        var pending = 0
        var withEffects = 0
        var forged = 0

        var isComplete: Bool { closed > 0 && pending > 0 && withEffects > 0 && forged > 0 }
    }

    struct End {
        var kind: OutcomeKind
        var wasClosed: Bool
        var wasPending: Bool

        /// What may have been answered with OK, given what was: nothing for a call that the host closed; one for a
        /// call that stayed open; one or none, its return being its end, for others.
        func allowed(_ completed: [OutcomeKind]) -> [OutcomeKind] {
            if wasClosed || (completed.isEmpty && !wasPending) { return [] }
            return [kind]
        }
    }

    let facts = Guarded(Facts())
    let problems = Problems()
    private let calls: Int
    private let seed: UInt64
    private let doorbell = Doorbell()
    private let table: CallTable
    private let ring = WorkRing(capacity: 64)
    /// Calls that workers post: the real list is the dispatcher target's; any hand-over with a release does here.
    private let posted = Guarded<[Int]>([])
    private let ended = Atomic<Bool>(false)
    /// Calls that are to be completed by a thread that is no worker; old ones stay and are completed again.
    private let strays = Guarded<[patchbay_call]>([])
    private static let slots = 32

    init(calls: Int, seed: UInt64) {
        self.calls = calls
        self.seed = seed
        table = CallTable(capacity: Self.slots + 1, doorbell: doorbell)
    }

    // MARK: Dispatcher

    func dispatch() {
        var random = SeededRandom(seed: seed)
        var free = Array(1...Self.slots)
        var busy: Set<Int> = []
        var closed: Set<Int> = []
        var armed = 0
        while armed < wanted(armed) || !busy.isEmpty {
            while armed < wanted(armed), let index = free.popLast() {
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
            let posted = takePosted()
            if posted.isEmpty { sched_yield() }
            for index in posted {
                let call = table.call(at: index)
                note(
                    call, table.settle(index), wasBusy: busy.remove(index) != nil,
                    wasClosed: closed.remove(index) != nil)
                free.append(index)
            }
        }
        ended.store(true, ordering: .releasing)
    }

    /// The calls to make in all: more, up to a bound, while the threads have not met in every way.
    private func wanted(_ armed: Int) -> Int {
        armed < calls || (armed < 50 * calls && !facts.withLock(\.isComplete)) ? max(calls, armed + 1) : armed
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

    private func note(_ call: patchbay_call, _ settled: SettledCall, wasBusy: Bool, wasClosed: Bool) {
        problems.check(wasBusy, "a slot was posted that was not out")
        problems.check(settled.wasClosed == wasClosed, "closed: \(settled.wasClosed), not \(wasClosed)")
        problems.check(
            settled.kind != .retry || settled.wasClosed || settled.details?.reason == "why",
            "a retry without its reason")
        problems.check(settled.effects?.stateWrites.isEmpty != true, "effects without a write")
        facts.withLock { facts in
            let end = End(kind: settled.kind, wasClosed: settled.wasClosed, wasPending: settled.wasPending)
            if facts.settled.updateValue(end, forKey: call) != nil { problems.add("call \(call) settled twice") }
            if settled.wasClosed { facts.closed += 1 }
            if settled.wasPending { facts.pending += 1 }
            if settled.effects != nil { facts.withEffects += 1 }
        }
    }

    // MARK: Workers

    func work(_ number: UInt64) {
        var random = SeededRandom(seed: self.seed << 8 | number)
        while true {
            guard let taken = ring.take() else {
                if ended.load(ordering: .acquiring) { return }
                sched_yield()
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
                $0.stateWrites.append(Self.write)
            }
        }
        switch random.upTo(5) {
        case 0: return table.returned(index, call, .ok) { "why" }
        case 1: return table.returned(index, call, .internalError) { "why" }
        case 2:
            complete(call, .retry)
            return table.returned(index, call, .ok) { "why" }
        default:
            strays.withLock { $0.append(call) }
            return table.returned(index, call, .pending) { "why" }
        }
    }

    // MARK: Others

    /// Completes what handlers left open, often twice, and asks about calls that may long be over.
    func completeStray(_ number: UInt64) {
        var random = SeededRandom(seed: seed << 8 | 100 + number)
        while !ended.load(ordering: .acquiring) {
            let (call, spent) = strays.withLock { strays -> (patchbay_call?, ArraySlice<patchbay_call>) in
                guard !strays.isEmpty else { return (nil, []) }
                let spent = strays.prefix(max(0, strays.count - 64))
                strays.removeFirst(spent.count)
                return (strays[Int(random.upTo(UInt64(strays.count - 1)))], spent)
            }
            for call in spent { complete(call, .done) }
            guard let call else {
                sched_yield()
                continue
            }
            _ = table.isCancelled(call)
            _ = table.withOpenEvent(call) { $0.pointee.deadline_ns }
            switch random.upTo(2) {
            case 0: complete(call, .done)
            case 1: complete(call, .retry)
            default:
                _ = table.withEffects(call) {
                    $0.stateWrites.append(Self.write)
                }
            }
            if random.upTo(3) == 0 { forge(call, &random) }
        }
    }

    private func complete(_ call: patchbay_call, _ kind: OutcomeKind) {
        let details = kind == .retry ? ResultDetails(reason: "why") : nil
        let status = kind == .done ? table.complete(call, nil) : table.complete(call, kind, details)
        problems.check(status == .ok || status == .stale, "a completion was answered with \(status)")
        if status == .ok { facts.withLock { $0.completed[call, default: []].append(kind) } }
    }

    /// Tries what no handler was ever given: a generation far away, a slot beyond the table, the slot that is no call.
    private func forge(_ call: patchbay_call, _ random: inout SeededRandom) {
        let forged: patchbay_call =
            switch random.upTo(3) {
            case 0: call ^ 1 << (44 + random.upTo(19))
            case 1: call | 0xFF_FFFF
            case 2: call & ~0xFF_FFFF
            default: random.next() | 1 << 63
            }
        problems.check(table.complete(forged, nil) == .stale, "forged call \(forged) was completed")
        problems.check(
            table.withEffects(forged) { $0.stateWrites.append(Self.write) } == nil, "forged call \(forged) wrote")
        facts.withLock { $0.forged += 1 }
    }

    private static let write = StateWrite(key: "k", value: nil, expectedRevision: 0, timeToLive: 0)
}
