import Foundation
import PatchbayLog
import PatchbayResilience
import Testing

/// A log on a disk that fails and loses power, against a model of what must be in it.
struct CrashRun {
    let seed: UInt64
    let storage: MemoryStorage
    private var random: SeededRandom
    private var writer: TestWriter
    private var options = SegmentStore.Options()
    /// On disk: what must be found, the first is frame 1.
    private(set) var synced: [TestFrame] = []
    /// Appended, or tried to, since the last sync that went well: what may be found behind, by sequence.
    private var attempted: [UInt64: [TestFrame]] = [:]
    private var checkpoint: UInt64 = 0
    var seen = Seen()

    /// What the runs went through.
    struct Seen {
        var cuts = 0
        var removedSegments = 0
        var superseded = 0
        var moves = 0
        var survivors = 0
        var noSpace = 0
        var failures = 0
        var drops = 0
        var indexesRead = 0
        var counts = FaultCounts()
    }

    init(seed: UInt64) {
        self.seed = seed
        storage = MemoryStorage(seed: seed)
        random = SeededRandom(seed: seed &+ 1_000_000)
        writer = TestWriter(seed: seed &+ 2_000_000)
        options.segmentBytes = 4_000 + Int(random.upTo(30_000))
        options.unsyncedBytesMax = random.next() & 1 == 0 ? 16 << 20 : 6_000
        options.identity = seed
    }

    private mutating func chance(_ percent: UInt64) -> Bool { random.upTo(99) < percent }

    mutating func run() throws {
        for _ in 0..<4 {
            storage.plan = faults()
            try life()
            // A power cut, or only the process.
            if chance(70) { storage.crash() }
            storage.plan = FaultPlan()
            storage.restart()
            try check()
        }
        seen.counts = storage.counts
    }

    private mutating func faults() -> FaultPlan {
        var plan = FaultPlan()
        if chance(60) { plan.at[storage.counts.operations + 1 + Int(random.upTo(120))] = .crash }
        if chance(50) { plan.writeFailure = 0.02 }
        if chance(50) { plan.syncFailure = 0.05 }
        if chance(50) { plan.writeNoSpace = 0.03 }
        if chance(30) { plan.otherFailure = 0.03 }
        if chance(20) { plan.capacityBytes = 40_000 + Int(random.upTo(100_000)) }
        return plan
    }

    /// Opens the log and uses it until something ends it.
    private mutating func life() throws {
        do throws(LogError) {
            var found: [TestFrame] = []
            var store = try SegmentStore.open(storage, options: options, after: checkpoint) {
                view, _ throws(LogError) in
                found.append(TestFrame(header: view.header, bytes: [UInt8](view.bytes)))
            }
            accept(found, store.report)
            try use(&store)
        } catch {
            #expect(error.code == .io || error.code == .noSpace, "seed \(seed): \(error)")
        }
    }

    private mutating func use(_ store: inout SegmentStore) throws(LogError) {
        let always = chance(50)
        for _ in 0..<Int(20 + random.upTo(60)) {
            if storage.isDown { return }
            if chance(4) { try drop(&store) }
            append(to: &store, syncs: always || chance(30))
        }
    }

    /// Appends one group, again and again while the disk is full or fails, or gives it up for another.
    private mutating func append(to store: inout SegmentStore, syncs: Bool) {
        let isBig = chance(20)
        let group = writer.group(
            store.nextHeader, frames: 1 + Int(random.upTo(isBig ? 12 : 3)), eventsMax: isBig ? 12 : 4,
            textMax: isBig ? 900 : 60)
        for frame in group { attempted[frame.header.sequence, default: []].append(frame) }
        var isAppended = false
        for _ in 0..<4 where !storage.isDown {
            do throws(LogError) {
                if !isAppended { _ = try store.append(group) }
                isAppended = true
                if syncs {
                    if try store.sync() != nil { seen.moves += 1 }
                    didSync(store.syncedSequence)
                }
                return
            } catch {
                if error.code == .noSpace { seen.noSpace += 1 } else { seen.failures += 1 }
                #expect(error.code == .io || error.code == .noSpace, "seed \(seed): \(error)")
                // Somebody made room.
                storage.plan.capacityBytes = .max
            }
        }
    }

    /// Everything up to `sequence` is safe now: it is what was tried last.
    private mutating func didSync(_ sequence: UInt64) {
        while UInt64(synced.count) < sequence {
            guard let frame = attempted[UInt64(synced.count) + 1]?.last else {
                Issue.record("seed \(seed): synced frame \(synced.count + 1), which was never appended")
                return
            }
            synced.append(frame)
        }
        attempted = attempted.filter { $0.key > sequence }
    }

    private mutating func drop(_ store: inout SegmentStore) throws(LogError) {
        guard synced.count > 20 else { return }
        checkpoint = max(checkpoint, UInt64(synced.count) - 10)
        let old = try store.segments.last { $0.isSealed && $0.lastSequence <= checkpoint }
        guard let old, chance(50) else { return }
        seen.drops += 1
        try store.drop(through: old.number)
    }

    /// What opening found is all that must be there, in order, and nothing that was not tried.
    private mutating func accept(_ found: [TestFrame], _ report: RecoveryReport) {
        seen.cuts += report.cuts.count
        seen.removedSegments += report.cuts.count { $0.isWholeSegment }
        seen.superseded += report.supersededBytes > 0 ? 1 : 0
        let required = Array(synced.dropFirst(Int(checkpoint)))
        #expect(found.count >= required.count, "seed \(seed): synced frames are missing")
        #expect(Array(found.prefix(required.count)) == required, "seed \(seed): synced frames changed")
        for frame in found.dropFirst(required.count) {
            seen.survivors += 1
            let variants = attempted[frame.header.sequence] ?? []
            #expect(variants.contains(frame), "seed \(seed): frame \(frame.header.sequence) was never appended")
            synced.append(frame)
        }
        attempted = [:]
    }

    /// Opens the log on a disk that works, and reads all of it in every way.
    private mutating func check() throws {
        var found: [TestFrame] = []
        let store = try SegmentStore.open(storage, options: options, after: checkpoint) { view, _ throws(LogError) in
            found.append(TestFrame(header: view.header, bytes: [UInt8](view.bytes)))
        }
        accept(found, store.report)
        let reader = store.reader
        let first = Int(reader.sequences.lowerBound)
        #expect(reader.sequences.upperBound == UInt64(synced.count + 1), "seed \(seed)")
        var forward: [TestFrame] = []
        var cursor = reader.frames(fromSequence: UInt64(first))
        while let frame = try cursor.next() {
            forward.append(TestFrame(header: frame.view.header, bytes: [UInt8](frame.view.bytes)))
        }
        #expect(forward == Array(synced[(first - 1)...]), "seed \(seed): reading forward")
        var backward: [TestFrame] = []
        while let frame = try cursor.previous() {
            backward.append(TestFrame(header: frame.view.header, bytes: [UInt8](frame.view.bytes)))
        }
        #expect(backward.reversed() == forward, "seed \(seed): reading backward")
        for position in reader.positions {
            let event = try reader.event(at: position)
            let frame = try reader.frames(fromPosition: position)
            #expect(event?.position == position, "seed \(seed)")
            #expect(frame.sequence <= reader.sequences.upperBound, "seed \(seed)")
            seen.indexesRead += 1
        }
    }
}

@Suite struct CrashTests {
    /// More by `PATCHBAY_LOG_SEEDS=n`.
    private static let seeds = ProcessInfo.processInfo.environment["PATCHBAY_LOG_SEEDS"].flatMap { UInt64($0) } ?? 80

    @Test func `keeps what was synced, and nothing that was never appended, through crashes and failing disks`() throws
    {
        var total = CrashRun.Seen()
        for seed in 1...max(80, Self.seeds) {
            var run = CrashRun(seed: seed)
            do {
                try run.run()
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
            total.cuts += run.seen.cuts
            total.removedSegments += run.seen.removedSegments
            total.superseded += run.seen.superseded
            total.moves += run.seen.moves
            total.survivors += run.seen.survivors
            total.noSpace += run.seen.noSpace
            total.failures += run.seen.failures
            total.drops += run.seen.drops
            total.counts.phantomPages += run.seen.counts.phantomPages
            total.counts.lostPages += run.seen.counts.lostPages
            total.counts.tornPages += run.seen.counts.tornPages
            total.counts.lostEntries += run.seen.counts.lostEntries
            total.counts.crashes += run.seen.counts.crashes
        }
        // What these runs are for was really met.
        #expect(total.cuts > 20)
        #expect(total.removedSegments > 0)
        #expect(total.superseded > 0)
        #expect(total.moves > 15)
        #expect(total.survivors > 15)
        #expect(total.noSpace > 15)
        #expect(total.failures > 5)
        #expect(total.drops > 5)
        #expect(total.counts.crashes > 150)
        #expect(total.counts.phantomPages > 15)
        #expect(total.counts.lostPages > 15)
        #expect(total.counts.tornPages > 1)
        #expect(total.counts.lostEntries > 5)
    }
}
