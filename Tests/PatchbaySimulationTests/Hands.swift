import CPatchbay
import PatchbayEvents
import PatchbayLog
import PatchbayResilience
import Synchronization

@testable import PatchbayDispatch
@testable import PatchbayModules

/// What handlers do, at random: the calls that are open with them, and what they say in the end.
final class Hands: @unchecked Sendable {
    // Invariant: a simulation has one thread.

    private struct Open {
        var call: patchbay_call
        var id: DeliveryID
        var event: String
        var subject: String
        var lane: Int
        var part: Scenario.Part?
        var version: Int
        var begunAt: UInt64
        /// `.max` does not end by itself.
        var endsAt: UInt64
        var outcome = OutcomeKind.done
        var heedsCancel = true
        /// Of its key of the state, when it began.
        var revision: UInt64 = 0
        var count = 0
        /// Of its stream, when it began.
        var expected = ExpectedRevision.any

        var index: Int { Int(call & 0xFF_FFFF) }
    }

    private let world: World
    private let table: CallTable
    private let state: StateStore
    private let streams: StreamStore
    private let mutation: Mutation?
    private let clock: SimulatedClock
    private var random: SeededRandom
    private var shared: WorkerShared?
    private var limits: [Int] = []
    private var open: [Open] = []
    /// By handler: of the code that calls start with.
    var versions: [String: Int] = [:]
    /// A call has failed at once: its worker waits until the dispatcher has heard of it.
    private(set) var hasFailed = false

    init(
        _ world: World, _ table: CallTable, _ state: StateStore, _ streams: StreamStore, _ clock: SimulatedClock,
        _ mutation: Mutation?, random: SeededRandom
    ) {
        self.clock = clock
        self.world = world
        self.table = table
        self.state = state
        self.streams = streams
        self.mutation = mutation
        self.random = random
    }

    func handler(_ name: String, version: Int = 0) -> Handler {
        Handler(name: name) { [unowned self] call, event in handle(call, event, version) }
    }

    /// An open call of one of these handlers that runs this version of its code.
    func call(of versions: [String: Int]) -> DeliveryID? {
        open.first { versions[world.names[$0.id.handler] ?? ""] == $0.version }?.id
    }

    func attach(_ dispatcher: Dispatcher) {
        shared = dispatcher.shared
        limits = dispatcher.plan.lanes.map(\.eventsInFlightMax)
    }

    // MARK: Calls

    /// When a call ends by itself next.
    var due: UInt64 { open.reduce(.max) { min($0, $1.endsAt) } }
    var isIdle: Bool { open.isEmpty }

    /// Ends what is to end by now; true when anything did.
    func end(now: UInt64) -> Bool {
        var ended = false
        for call in open where call.endsAt <= now || (call.heedsCancel && isCancelled(call)) {
            if call.endsAt > now {
                world.counters.timeouts += 1
                finish(call, .cancelled)
            } else {
                finish(call, call.outcome)
            }
            ended = true
        }
        return ended
    }

    private func isCancelled(_ call: Open) -> Bool {
        table.words[call.index].load(ordering: .relaxed) & CallWord.cancel != 0
    }

    private func handle(
        _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>, _ version: Int
    ) -> patchbay_status {
        guard let shared else { return .internalError }
        let index = Int(call & 0xFF_FFFF)
        let info = shared.infos[index]
        let lane = Int(info.lane)
        let position = info.view.pointee.traces[Int(info.event)].position
        // The worker stamped it with the system's clock.
        table.started[index].store(clock.now, ordering: .relaxed)
        var known = Open(
            call: call, id: DeliveryID(position: position, handler: world.handlers[lane]),
            event: String(event.pointee.id), subject: String(event.pointee.subject), lane: lane,
            part: world.part(of: world.handlers[lane]), version: version, begunAt: clock.now, endsAt: 0)
        let running = open.count { $0.lane == lane } + 1
        if running > limits[lane] {
            world.fail("\(running) calls of lane \(lane) are open, and \(limits[lane]) may be")
        }
        let current = versions[world.names[known.id.handler] ?? ""] ?? 0
        if version != current {
            world.fail("a call of \(known.id) starts with code \(version), and \(current) is there")
        }
        world.start(known.id, event: known.event, attempt: info.attempt)
        world.delivers(known.event, type: String(event.pointee.type), to: known.id.handler)
        world.breakers.start(world, known.part, now: clock.now)
        if known.part == .counting, let entry = state.get(known.subject, of: Self.counting, now: clock.unixNow) {
            known.revision = entry.revision
            known.count = Counted(entry.value)?.count ?? 0
        }
        if known.part == .streaming, random.upTo(3) != 0 {
            let last = streams[World.stream(of: known.subject)]?.revision
            known.expected = last.map { random.upTo(5) == 0 ? .streamExists : .exact($0) } ?? .noStream
        }
        play(&known)
        open.append(known)
        guard known.endsAt <= clock.now else { return .pending }
        finish(known, known.outcome)
        hasFailed = known.outcome == .retry || known.outcome == .fail
        return .pending
    }

    private static let counting = HandlerScope(instance: "sim", handler: "counting")

    /// Before a worker goes on.
    func takeBreath() { hasFailed = false }

    /// Decides how a call goes.
    private func play(_ call: inout Open) {
        let takes =
            switch random.upTo(9) {
            case 0...3: UInt64(0)
            case 4: random.upTo(20_000_000)
            default: 1 + random.upTo(1_000_000)
            }
        call.endsAt = clock.now + takes
        let luck = random.upTo(100)
        switch call.part {
        case .fragile where clock.now / 30_000_000 & 1 == 0: if luck < 90 { call.outcome = .retry }
        case .dying: if luck < 25 { call.outcome = luck < 20 ? .retry : .fail }
        default:
            switch luck {
            case 0..<10: call.outcome = .retry
            case _ where world.counters.hangs == 0 && world.counters.calls > 200: hang(&call)
            case 10..<12: call.outcome = .fail
            case 12..<14: call.outcome = .skip
            case 14..<16: call.outcome = .busy
            case 16: hang(&call)
            case 17:
                // Comes back long after the host has given it up.
                call.heedsCancel = false
                call.endsAt = clock.now + 200_000_000
            default: break
            }
        }
    }

    private func hang(_ call: inout Open) {
        call.endsAt = .max
        world.counters.hangs += 1
    }

    // MARK: Ends

    private func finish(_ call: Open, _ outcome: OutcomeKind) {
        open.removeAll { $0.call == call.call }
        var word: World.Said?
        switch outcome {
        case .done: word = effects(of: call)
        case .skip: word = World.Said(end: .skipped)
        default: break
        }
        var details: ResultDetails?
        if outcome == .retry || outcome == .fail { world.counters.failures += 1 }
        if outcome == .retry || outcome == .fail || outcome == .cancelled {
            details = ResultDetails(reason: "\(outcome.name): scripted")
        }
        if outcome == .busy { world.counters.busy += 1 }
        let status = table.complete(call.call, outcome, details)
        if mutation == .releasesAPermitTwice, let lane = shared?.lanes[call.lane], random.upTo(9) == 0 {
            lane.open.pointee.wrappingSubtract(1, ordering: .relaxed)
        }
        world.breakers.end(call.part, begunAt: call.begunAt)
        guard status == .ok else {
            world.counters.late += 1
            return
        }
        if let word { world.say(call.id, word) }
    }

    /// What a call asks for beside being done.
    private func effects(of call: Open) -> World.Said {
        var said = World.Said(end: .done)
        switch call.part {
        case .emitting: emit(call, &said)
        case .counting: count(call, &said)
        case .streaming: append(call, &said)
        case .subscribing: if call.event.hasPrefix("e") { subscribe(call, &said) }
        case .timed: if !call.event.hasPrefix("tick-") { time(call, &said) }
        default: break
        }
        return said
    }

    private func emit(_ call: Open, _ said: inout World.Said) {
        for number in 0..<random.upTo(3) {
            let isLater = random.upTo(2) == 0
            // Those that come in later may have one id; the others' tell where they come from.
            let id = isLater ? "late-\(call.subject)" : "c\(number)-\(call.event)"
            let event = Event(id: id, source: "/sim/emitting", type: Scenario.Part.child.rawValue)
            if isLater { said.later.append(id) } else { said.children.append(id) }
            let due = isLater ? clock.unixNow + 1_000_000 + random.upTo(50_000_000) : 0
            _ = table.withEffects(call.call) { $0.emits.append(EmittedEvent(event: event, notBefore: due)) }
        }
    }

    private func count(_ call: Open, _ said: inout World.Said) {
        let isGone = random.upTo(19) == 0 && call.revision != 0
        said.counted = (call.subject, isGone ? nil : call.count + 1)
        let write = StateWrite(
            key: call.subject,
            value: isGone ? nil : Counted(count: call.count + 1, position: call.id.position).bytes,
            expectedRevision: call.revision, timeToLive: 0)
        let note = StateWrite(
            key: World.byKey + call.subject, value: Counted(count: 0, position: call.id.position).bytes,
            expectedRevision: .max, timeToLive: 0)
        _ = table.withEffects(call.call) { $0.stateWrites += [write, note] }
    }

    private func append(_ call: Open, _ said: inout World.Said) {
        guard streams[World.stream(of: call.subject)]?.isDeleted != true else { return }
        let events = (0...random.upTo(2)).map { number in
            var event = Event(
                id: World.streamed(call.id, number: number), source: "/sim/streaming",
                type: World.streamedType(number: number))
            event.extensions = [Event.Extension("correlationid", World.streamedCorrelation(call.id.position))]
            return event
        }
        let append = StreamAppend(
            stream: World.stream(of: call.subject), expected: call.expected, events: events)
        said.appended = (append.stream, append.expected, events.map(\.id))
        _ = table.withEffects(call.call) { $0.streamAppends.append(append) }
    }

    /// A few names, so that they are made, changed, moved and ended.
    private func subscribe(_ call: Open, _ said: inout World.Said) {
        said.subscriptions = (0...random.upTo(1)).map { _ in
            let name = "w\(random.upTo(3))"
            guard random.upTo(3) != 0 else { return .unsubscribe(name: name) }
            var wish = StreamWish(stream: World.stream(of: "k\(random.upTo(7))"))
            wish.from = [0, StreamWish.fromEnd, random.upTo(10)][Int(random.upTo(2))]
            wish.type = World.types[Int(random.upTo(4))]
            wish.correlation = random.upTo(3) == 0 ? World.streamedCorrelation(random.upTo(2)) : ""
            return .subscribe(name: name, wish)
        }
        let changes = said.subscriptions
        _ = table.withEffects(call.call) { $0.subscriptions += changes }
    }

    private func time(_ call: Open, _ said: inout World.Said) {
        if random.upTo(3) == 0, let set = world.timers.sorted().first {
            said.cancels.append(set)
            _ = table.withEffects(call.call) { $0.timers.append(.cancel(id: set)) }
            return
        }
        said.sets.append(call.event)
        let event = Event(id: "tick-\(call.event)", source: "/sim/timed", type: Scenario.Part.timed.rawValue)
        let due = clock.unixNow + 1_000_000 + random.upTo(100_000_000)
        _ = table.withEffects(call.call) {
            $0.timers.append(.set(id: call.event, event: EmittedEvent(event: event, notBefore: due)))
        }
    }
}
