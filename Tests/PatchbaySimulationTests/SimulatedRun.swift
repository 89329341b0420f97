import PatchbayDispatch
import PatchbayLog
import PatchbayResilience

@testable import PatchbayRuntime

/// Runs what a seed stands for to its end, through crashes, and says what broke a promise.
struct SimulatedRun {
    private let scenario: Scenario
    private let mutation: Mutation?
    private let disk: MemoryStorage
    private let storage: any LogStorage
    private let world = World()
    private let source: Source
    private var random: SeededRandom
    private var time = SimulatedClock.Time(now: 1, unixNow: 1_800_000_000_000_000_000)
    private var crashes = 0
    private var turns = 0
    private var lives = 0
    /// Of the process that runs, and of the one before it.
    private var losesPower = true
    private var lostPower = true
    private var doubtful: [LogSubmission] = []
    /// Of the last process.
    private var variation = Variation()
    private let configurations: Configurations

    init(seed: UInt64, mutation: Mutation? = nil) throws {
        scenario = try Scenario(seed: seed)
        configurations = Configurations(scenario)
        random = scenario.random
        source = Source(&random)
        self.mutation = mutation
        let disk = MemoryStorage(seed: seed)
        self.disk = disk
        storage = mutation.map { MutantStorage(disk, $0) } ?? disk
    }

    /// Ordinary runs take some thousands.
    private static let turnsMax = 200_000
    /// And about ten processes.
    private static let livesMax = 100

    /// What went wrong, `nil` when nothing did, and what was met on the way.
    mutating func run() throws -> (violation: String?, counters: Counters) {
        var isOver = false
        while !isOver, world.violation == nil, let life = try open() {
            isOver = source.isDone && crashes >= Scenario.crashesMin && wanted.isEmpty && world.isSettled
            if !isOver { live(life) }
            lives += 1
            if lives > Self.livesMax {
                // With a mistake in it that is no sign of anything.
                guard mutation == nil else { return (nil, world.counters) }
                world.fail("its faults are not met in \(lives) processes: \(wanted)")
            }
            source.reconnect()
            doubtful = life.doubtful
            variation = life.variation
            time.unixNow = life.time.unixNow + random.upTo(10_000_000)
        }
        if world.violation == nil { checkEvents() }
        world.counters.runs = 1
        world.counters.crashes = crashes
        if world.violation == nil { checkPlan() }
        return (world.violation, world.counters)
    }

    /// A run that was spared something shows less than is said of it.
    private func checkPlan() {
        if world.counters.events < Scenario.eventCountMin {
            world.fail("only \(world.counters.events) events were sent")
        }
        if crashes < Scenario.crashesMin { world.fail("only \(crashes) crashes") }
        if !wanted.isEmpty { world.fail("it was without \(wanted.map(\.rawValue).joined(separator: ", "))") }
    }

    /// Kinds of faults that are still to come.
    private var missing: [Fault] {
        world.counters.events = source.sent.count
        world.counters.resent = source.resent
        world.counters.duplicates = source.duplicates
        world.counters.disk = disk.counts
        return Fault.missing(in: world.counters)
    }

    /// Those of them that the run goes on for. A disk whose user leaves out syncs may never meet them.
    private var wanted: [Fault] { mutation == nil ? missing : [] }

    /// What was acknowledged is there.
    private func checkEvents() {
        let accepted = Set(world.accepted)
        for number in source.sent.indices where !accepted.contains(source.sent[number].id) {
            world.fail("event \(source.sent[number].id) was sent until it was acknowledged, and is not in the log")
        }
    }

    // MARK: Opening

    private var mayCrash: Bool { crashes < Scenario.crashesMin + 1 || wanted.contains(where: \.isOfDisk) }

    /// A process that has opened the log; disks that fail and crashes on the way are met with another try.
    private mutating func open() throws -> Life? {
        for _ in 0..<200 {
            if disk.isDown { disk.restart() }
            losesPower = true
            try operate()
            try flipABit()
            losesPower = !scenario.isLazy || random.next() & 1 == 0
            var plan = scenario.faults
            if !losesPower || !lostPower { plan.syncFailure = 0 }
            if mayCrash, losesPower, lostPower, random.upTo(3) == 0 {
                plan.at[disk.counts.operations + 1 + Int(random.upTo(8))] = .crash
            }
            disk.plan = plan
            do {
                let life = try life()
                world.counters.lives += 1
                // What it found is on the disk by now.
                lostPower = losesPower
                return world.violation == nil ? life : nil
            } catch let error as LogError {
                if disk.isDown {
                    world.counters.crashesWhileOpening += 1
                    crashes += 1
                } else if error.code != .io, error.code != .noSpace {
                    world.fail("the log cannot be opened: \(error)")
                    return nil
                }
            }
        }
        world.fail("the log could not be opened in 200 tries")
        return nil
    }

    private mutating func life() throws -> Life {
        // Each process has another idea of when its clock began.
        time.now = 1 + random.upTo(1_000_000_000)
        let before = variation
        if random.upTo(2) != 0 { variation = Variation(rawValue: Int(random.upTo(Variation.count - 1))) }
        if world.counters.lives == 0 || !mayCrash { variation.subtract(.reducing) }
        if !variation.isDisjoint(with: .reducing) { world.counters.reducedLives += 1 }
        if variation != before { world.counters.changes += 1 }
        return try Life(
            scenario, configurations, variation, losesPower ? scenario.settings : scenario.lazySettings, storage, world,
            source, mutation, doubtful: doubtful, random: SeededRandom(seed: random.next()), time: time)
    }

    /// Lets an operator work on the dead letters; the disk is as good as new for that long.
    private mutating func operate() throws {
        guard mayCrash, world.counters.lives > 0, random.upTo(5) == 0, world.violation == nil else { return }
        disk.plan = FaultPlan()
        let life = try life()
        world.counters.lives += 1
        doubtful = []
        guard world.violation == nil else { return }
        try world.operate(try life.operate(storage))
    }

    /// Flips a bit of a sealed segment or a checkpoint for the time of one opening, which must say so or lose nothing.
    private mutating func flipABit() throws {
        let isWanted = mutation == .skipsTheChecksum || (crashes > 1 && missing.contains(.bitRot))
        guard random.upTo(7) == 0 || isWanted, world.counters.lives > 0 else { return }
        disk.plan = FaultPlan()
        let segments = try disk.folder("log").list().filter { $0.hasSuffix(".seg") }.sorted().dropLast(2)
        // The mutation that takes checksums for right is about segments.
        let checkpoints = try mutation == nil ? disk.folder("checkpoint").list().filter { $0.hasSuffix(".ckpt") } : []
        let names = segments.map { "log/\($0)" } + checkpoints.map { "checkpoint/\($0)" }
        guard !names.isEmpty else { return }
        let name = names[Int(random.upTo(UInt64(names.count - 1)))]
        let size = disk.contents(name)?.count ?? 0
        guard size > 0 else { return }
        let (offset, bit) = (Int(random.upTo(UInt64(size - 1))), Int(random.upTo(7)))
        world.counters.flips += 1
        disk.flip(name, offset: offset, bit: bit)
        world.hasFlippedBit = true
        defer {
            disk.flip(name, offset: offset, bit: bit)
            world.hasFlippedBit = false
        }
        do {
            doubtful = try life().doubtful
            world.counters.lives += 1
        } catch is LogError {
            world.counters.flipsSeen += 1
        }
    }

    // MARK: Living

    /// Has the disk fail in this process: in a way that this run has not met as a rule. Whether the power goes.
    private mutating func arm() -> Bool {
        guard mayCrash else { return false }
        for fault in missing where fault.isOfDisk && !fault.isCrash && (losesPower || fault != .syncError) {
            fault.arm(&disk.plan, disk.counts, distance: 1 + Int(random.upTo(30)))
        }
        guard losesPower else { return false }
        let crashes = missing.filter(\.isCrash)
        if !crashes.isEmpty, random.upTo(3) != 0 {
            let crash = crashes[Int(random.upTo(UInt64(crashes.count - 1)))]
            crash.arm(&disk.plan, disk.counts, distance: 1 + Int(random.upTo(40)))
            return true
        }
        guard random.next() & 1 == 0 else { return false }
        disk.plan.at[disk.counts.operations + 1 + Int(random.upTo(200))] = .crash
        return true
    }

    private mutating func live(_ life: Life) {
        if losesPower { disk.plan.syncFailure = scenario.faults.syncFailure }
        let isArmed = arm()
        var killAt = mayCrash && !isArmed && random.next() & 1 == 0 ? turns + Int(random.upTo(400)) : .max
        let drainAt = mayCrash && random.upTo(3) == 0 ? turns + Int(random.upTo(400)) : .max
        // A part of the events is for the processes after the next crashes.
        let parts = Scenario.crashesMin + 1
        let left = max(parts - 1 - crashes, wanted.contains(where: \.isOfDisk) ? 1 : 0)
        source.holdBack(left * Scenario.eventCountMin / parts, &random)
        var reload = (steps: 0, turn: Int.min)
        while world.violation == nil {
            turns += 1
            if turns > Self.turnsMax { return world.fail("it does not end") }
            let progress = life.turn()
            if life.reloadSteps != reload.steps {
                reload = (life.reloadSteps, turns)
                if mayCrash, random.upTo(5) == 0 { killAt = min(killAt, turns + Int(random.upTo(5))) }
            }
            if disk.isDown {
                world.counters.powerCuts += 1
                return crashed(behind: reload.turn)
            }
            if turns >= killAt || (source.heldBack > 0 && life.isIdle) {
                if losesPower, random.next() & 1 == 0 { disk.crash() }
                world.counters.kills += 1
                return crashed(behind: reload.turn)
            }
            if turns == drainAt { life.drain() }
            if let reason = life.endReason() {
                world.counters.count(reason)
                if reason == .stuck || reason == .stopped { return world.fail("it ends \(reason)") }
                return life.end(reason)
            }
            if !progress {
                if life.due == .max { return world.fail("nothing happens any more") }
                life.pass(to: life.due)
            }
        }
    }

    /// - Parameter turn: of the last step of a reload.
    private mutating func crashed(behind turn: Int) {
        crashes += 1
        if turns - 5 <= turn { world.counters.reloadCrashes += 1 }
    }
}
