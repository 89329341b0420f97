import CPatchbayJSON
import PatchbayConfiguration
import Logging
import PatchbayEvents
import PatchbayResilience
import PatchbayRouting
import PatchbayTelemetry
import Synchronization

@testable import PatchbayDispatch
@testable import PatchbayLog
@testable import PatchbayModules
@testable import PatchbayRuntime

/// One process from its start to its end: the host's intake, log, dispatcher and workers, put together as a host does,
/// and run in turns by one thread in the place of theirs.
final class Life {
    /// How a process ends.
    enum End { case powerCut, killed, drained, finished }

    private let scenario: Scenario
    private let world: World
    private let source: Source
    private let mutation: Mutation?
    private var random: SeededRandom
    private let clock: SimulatedClock
    private let dispatcher: Dispatcher
    private let pools: Pools
    private let hands: Hands
    private let port: IntakePort
    private let intake: Intake
    private let emitted = IntakeCounters(name: "handlers")
    private let folder: DataFolder
    private let subscriptions: SubscriptionStore
    private let writer: CommitterBox
    private let log: WatchedLog
    private let requests: Requests
    private let operations: Operator
    private let streamRequests: StreamRequests
    private let reloads: Reloads
    private let codeChanges: CodeChanges
    private var loop: DispatchLoop
    private var writerDue: UInt64 = 0
    /// Nothing was submitted when it last looked.
    private var writerIsIdle = true

    /// Opens the log and takes over what is pending; throws what the disk or the log's bytes are the reason of.
    ///
    /// - Parameter doubtful: what the last process gave to the log without hearing of it again.
    init(
        _ scenario: Scenario, _ configurations: Configurations, _ variation: Variation, _ settings: LogSettings,
        _ storage: any LogStorage, _ world: World, _ source: Source,
        _ mutation: Mutation?, doubtful: [LogSubmission], random: SeededRandom, time: SimulatedClock.Time
    ) throws {
        let compiled = try configurations.first(variation)
        let blueprint = compiled.blueprint
        self.scenario = scenario
        self.world = world
        self.source = source
        self.mutation = mutation
        var random = random
        clock = SimulatedClock(time)
        let doorbell = Doorbell()
        let table = CallTable(capacity: 2048, doorbell: doorbell)
        let (state, timers, streams) = (StateStore(), TimerStore(), StreamStore())
        subscriptions = SubscriptionStore(unsettledMax: Scenario.unsettledMax)
        let wishes = World.followed.map { stream in
            // Those of some streams change from process to process.
            let type = stream < World.followed[2] ? World.types[Int(random.upTo(4))] : ""
            return StreamWish(stream: stream, type: type)
        }
        subscriptions.declare(wishes.map { .subscribe(name: $0.stream, $0) }, of: World.following)
        hands = Hands(world, table, state, streams, clock, mutation, random: SeededRandom(seed: random.next()))
        let tracer = Tracer.off(ids: IDGenerator(seed: scenario.seed))
        var options = Dispatcher.Options()
        options.endsWhenIdle = true
        options.seed = random.next()
        dispatcher = Dispatcher(
            plan: try Self.plan(blueprint, hands), table: table, doorbell: doorbell, tracer: tracer, options: options)
        hands.attach(dispatcher)
        port = dispatcher.makePort()
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        var settings = settings
        if mutation == .acceptsBeforeTheSync { settings.sync = .never }
        folder = try DataFolder.open(
            storage, lock: nil, settings: settings, names: dispatcher.names, fingerprint: compiled.fingerprint,
            state: state,
            timers: timers, streams: streams, subscriptions: subscriptions,
            deduplicator: Deduplicator(dispatcher.plan), doorbell: doorbell, logger: logger, now: time.now,
            unixNow: time.unixNow)
        guard let writer = folder.writer.takeCommitter() else { preconditionFailure("a writer has one committer") }
        self.writer = writer
        world.recover(folder, writer.committer.ledger, state, timers, streams, subscriptions, doubtful: doubtful)
        world.declare(wishes)
        Self.mutate(subscriptions, mutation)
        try subscriptions.open(streams, typeMatcher: TypePattern.matcher, hasThread: false, logger: logger)
        world.begin(with: compiled)
        log = WatchedLog(folder.log, world, source, mutation)
        let unmatched = Host.unmatched(blueprint.configuration.unmatched)
        let live = LiveRouting(Routing(table: blueprint.table, plan: blueprint.plan, unmatched: unmatched))
        let setup = Self.setup(blueprint, tracer, live)
        intake = Intake(setup, name: "source", number: 0, counters: IntakeCounters(name: "source"))
        requests = Requests(dispatcher)
        operations = Operator(
            dispatcher, requests, folder, blueprint, setup, clock, random: SeededRandom(seed: random.next()))
        streamRequests = StreamRequests(
            requests, streams, subscriptions, world, random: SeededRandom(seed: random.next()))
        reloads = try Reloads(
            configurations, variation, live, requests, world, random: SeededRandom(seed: random.next()))
        codeChanges = CodeChanges(dispatcher, hands, world, random: SeededRandom(seed: random.next()))
        let reentry = ReentryIntake(setup, number: 1, counters: emitted, logger: logger)
        var host = DispatchHost(
            state: state, timers: timers, streams: streams, subscriptions: subscriptions,
            scopes: blueprint.lanes.map(\.scope), reenter: { reentry.batches(of: $0) }, notice: { _ in },
            attemptFailed: { _ in })
        host.keep(
            in: folder, blueprint, routes: dispatcher.names.routes, state: state, timers: timers,
            subscriptions: subscriptions, tracer: tracer, logger: logger)
        loop = DispatchLoop(
            dispatcher: dispatcher, ports: [port], log: log,
            host: Seams(world, mutation, clock, scopes: blueprint.lanes.map(\.scope)).watched(host),
            pools: try Pools(plan: dispatcher.plan, shared: dispatcher.shared, sharedThreads: 1, hasThreads: false),
            deduplicator: mutation == .forgetsDuplicates ? Deduplicator(dispatcher.plan) : folder.deduplicator,
            clock: clock)
        pools = loop.pools
        self.random = random
        resume()
    }

    /// What a process holds goes with it; here it has to be given back.
    deinit {
        for slot in 1..<max(1, loop.core.batches.highWater) where loop.core.batches.base[slot].holds > 0 {
            loop.core.batches.base[slot].batch.release()
        }
        for node in 1..<max(1, loop.core.deliveries.highWater) where loop.core.deliveries.base[node].state != .free {
            loop.core.deliveries.base[node].history?.release()
        }
        _ = port.unread()
        while port.recycled() != nil {}
        _ = folder.writer.end()
        while folder.writer.takeCommitted() != nil {}
    }

    /// Forgets a part of what subscriptions were in the process before.
    private static func mutate(_ subscriptions: SubscriptionStore, _ mutation: Mutation?) {
        guard mutation == .losesFilters || mutation == .losesPlaces else { return }
        for record in subscriptions.records {
            guard var wish = record.wish else { continue }
            if mutation == .losesFilters { (wish.type, wish.correlation) = ("", "") }
            if mutation == .losesPlaces, wish.from > 0 { wish.from -= 1 }
            subscriptions.restore(SubscriptionRecord(scope: record.scope, name: record.name, wish: wish))
        }
    }

    private static func plan(_ blueprint: Blueprint, _ hands: Hands) throws -> DispatchPlan {
        let handlers = Dictionary(uniqueKeysWithValues: blueprint.handlers.map { ($0, hands.handler($0)) })
        var plan = try blueprint.dispatchPlan(handlers: handlers)
        plan.cancelGrace = 10_000_000
        return plan
    }

    private static func setup(_ blueprint: Blueprint, _ tracer: Tracer, _ live: LiveRouting) -> Intake.Setup {
        Intake.Setup(
            table: blueprint.table, plan: blueprint.plan, limits: pbj_limits(event_bytes: 1 << 20, nesting: 64),
            unmatched: live.current.routing.unmatched, laneHandlers: blueprint.lanes.map(\.handler), tracer: tracer,
            continuesTrace: false, live: live)
    }

    /// Goes on where the last process ended.
    private func resume() {
        if mutation == .retriesBeforeTheRecord { loop.core.isRecording = false }
        loop.reach = MemoryReach(
            spillAbove: scenario.reachMin, spillAboveWhenFull: scenario.reachMin,
            reloadBelow: scenario.reachMin / 4 + 1)
        var backlog = folder.pending.backlog
        if mutation == .losesABacklog, let first = backlog.keys.sorted().first { backlog[first]?.removeFirst() }
        loop.resume(backlog: backlog, delayed: folder.pending.delayed)
    }

    /// What the log was given and has not answered for.
    var doubtful: [LogSubmission] { log.underWay }
    var time: SimulatedClock.Time { clock.time }
    /// The configuration that is in force, and how many steps were made to take others over.
    var variation: Variation { reloads.present }
    var reloadSteps: Int { reloads.steps }
    var ledger: Ledger { writer.committer.ledger }

    /// An operator's work on the log that this process has opened and leaves alone: some of its dead letters are
    /// redriven, others thrown away. What the log is read with after that.
    func operate(_ storage: any LogStorage) throws -> LogReader {
        let reader = LetterReader(folder.writer.reader)
        var (redriven, purged): ([StoredLetter], [StoredLetter]) = ([], [])
        for kept in ledger.letters(limit: 100) {
            let letter = try reader.read(kept)
            let canGo = dispatcher.names.handlers.contains(letter.handler) && !letter.handler.isEmpty
            switch random.upTo(5) {
            case 0 where canGo: redriven.append(letter)
            case 1: purged.append(letter)
            default: break
            }
        }
        var operations = try LetterOperations(
            storage, lock: nil, routes: Set(redriven.map(\.redriveRoute)).sorted(), handlers: dispatcher.names.handlers,
            who: "operator")
        try operations.redrive(redriven)
        try operations.purge(purged)
        return try LogReader.open(storage.folder("log"))
    }

    // MARK: Turns

    /// Lets everyone do what they have to do now, in an order of chance; false when that is nothing.
    func turn() -> Bool {
        var progress = false
        if writerDue <= clock.now { progress = write() }
        progress = hands.end(now: clock.now) || progress
        progress = send() || progress
        progress = requests.hear() || progress
        progress = operations.turn(world) { ledger.letters(limit: 30) } || progress
        progress = streamRequests.turn() || progress
        progress = reloads.turn { ledger.names } || progress
        progress = subscriptions.read(now: clock.now) || progress
        codeChanges.offer()
        progress = loop.turn() || progress
        codeChanges.settle()
        wakeWriter()
        acknowledge()
        return work() || progress
    }

    /// When something happens by itself; monotonic nanoseconds.
    var due: UInt64 {
        let source = port.incoming.isFull ? .max : max(source.due, clock.now + 1)
        let reader = subscriptions.readDue.map { max($0, clock.now + 1) } ?? .max
        return min(loop.nextDue, hands.due, writerIsIdle ? .max : writerDue, source, reader)
    }

    /// Nothing is under way, and nothing comes by itself.
    var isIdle: Bool { due == .max && log.underWay.isEmpty }

    func pass(to time: UInt64) {
        guard time > clock.now else { return }
        clock.time.unixNow += time - clock.time.now
        clock.time.now = time
    }

    private func write() -> Bool {
        writerIsIdle = false
        let step = folder.writer.step(writer, now: clock.now, unixNow: clock.unixNow)
        switch step {
        case .goesOn: writerDue = clock.now + 1 + random.upTo(scenario.latencyMax)
        case .idles(let time):
            writerIsIdle = true
            writerDue = clock.now + time
        case .waitsForDisk:
            world.counters.refusedGroups += 1
            writerDue = clock.now + 1_000_000
        case .ends: writerDue = .max
        }
        if let failure = folder.writer.status.failure, failure.code == .corrupt {
            world.fail("the writer gave up: \(failure)")
        }
        return step == .goesOn
    }

    private func wakeWriter() {
        guard writerIsIdle, !log.underWay.isEmpty else { return }
        writerIsIdle = false
        writerDue = min(writerDue, clock.now + 1 + random.upTo(scenario.latencyMax))
    }

    private func send() -> Bool {
        guard source.due <= clock.now, !port.incoming.isFull else { return false }
        let numbers = source.take(now: clock.now, &random)
        let text = Array(numbers.map { source.sent[$0].line + "\n" }.joined().utf8)
        let batch = EventBatch(source: 0, textCapacity: text.count)
        UnsafeMutableRawPointer(batch.text).copyMemory(from: text, byteCount: text.count)
        batch.textCount = text.count
        let taken = intake.take(batch, end: batch.textCount)
        precondition(taken == batch.textCount && batch.count == numbers.count, "an event of the simulation is not one")
        world.comesIn(batch)
        if mutation == .forgetsTheConfiguration { batch.configuration = nil }
        source.left(numbers, in: batch)
        return port.offer(batch)
    }

    /// Batches that came back: those that were not accepted before held nothing new.
    private func acknowledge() {
        while let batch = port.recycled() { source.acknowledge(batch) }
        if source.isDone { port.end() }
    }

    private func work() -> Bool {
        var worked = false
        for _ in 0..<(1 + random.upTo(15)) {
            if mutation == .letsABreakerThrough { letThrough() }
            guard let pool = pools.all.first, pool.runNext() else { break }
            worked = true
            if hands.hasFailed { break }
        }
        hands.takeBreath()
        return worked
    }

    /// Makes calls that were let through before their breaker changed look as if they had been after.
    private func letThrough() {
        guard let ring = pools.all.first?.ring else { return }
        for _ in 0..<ring.count {
            guard let call = ring.take() else { return }
            let info = dispatcher.shared.infos[Int(call)]
            dispatcher.shared.generations[Int(info.breaker)].store(info.generation, ordering: .relaxed)
            _ = ring.push(call)
        }
    }

    // MARK: Ends

    /// Whether the dispatcher's run is over, and why.
    func endReason() -> DispatchEnd.Reason? { loop.endReason() }

    /// Ends as a host does: what is open is waited for, and what happened is written.
    func end(_ reason: DispatchEnd.Reason) {
        port.end()
        clock.pass = { [unowned self] until, hasWork in
            while !hasWork(), clock.now < until {
                wakeWriter()
                pass(to: min(until, max(writerDue, clock.now + 1), max(hands.due, clock.now + 1)))
                if writerDue <= clock.now { _ = write() }
                _ = hands.end(now: clock.now)
            }
        }
        let end = loop.end(reason)
        clock.pass = { _, _ in }
        folder.writer.askToEnd()
        while writerDue != .max {
            pass(to: writerDue)
            _ = write()
        }
        guard log.underWay.isEmpty else { return }
        _ = requests.hear()
        let orphaned = folder.pending.orphaned.reduce(0) { $0 + $1.count }
        let pending = ledger.counts.pending
        if pending != UInt64(end.pendingDeliveries + orphaned) {
            world.fail(
                "\(pending) deliveries are pending in the log, \(end.pendingDeliveries) and \(orphaned) in the report")
        }
        if let drift = report(end).drift { world.fail("the report drifts: \(drift)") }
    }

    private func report(_ end: DispatchEnd) -> RunReport {
        let status = end.status
        var report = RunReport(status: status)
        report.end = "ended"
        report.sources = [RunReport.Source(intake.counters, duplicate: status.duplicates[0])]
        report.sources.append(RunReport.Source(operations.counters, duplicate: 0))
        report.emits = RunReport.Source(emitted, duplicate: status.duplicates[1])
        report.lanes = zip(dispatcher.plan.lanes, status.lanes).map { RunReport.Lane(name: $0.name, counts: $1) }
        report.unread = UInt64(end.unread + port.unread().reduce(0) { $0 + $1.count })
        report.pendingDeliveries = UInt64(end.pendingDeliveries)
        return report
    }

    func drain() {
        port.end()
        dispatcher.drain(deadline: clock.now + 50_000_000)
    }
}
