import PatchbayLog
import Testing

@Suite struct DiskFailureTests {
    /// A store with one synced group, and what it holds.
    private static func store(_ storage: MemoryStorage, segmentBytes: Int = 1 << 20) throws -> (Holder, [TestFrame]) {
        var options = SegmentStore.Options()
        options.segmentBytes = segmentBytes
        let holder = Holder(try SegmentStore.open(storage, options: options))
        return (holder, try holder.group(2))
    }

    /// A store, its writer and the frames it took.
    final class Holder {
        var store: SegmentStore
        var writer = TestWriter(seed: 21)
        init(_ store: consuming SegmentStore) { self.store = store }

        /// Appends and syncs a group.
        func group(_ frames: Int) throws -> [TestFrame] {
            let group = writer.group(store.nextHeader, frames: frames, eventsMax: 3)
            _ = try store.append(group)
            try store.sync()
            return group
        }
    }

    private static func code(_ body: () throws -> Void) throws -> LogError.Code? {
        do {
            try body()
            return nil
        } catch let error as LogError {
            return error.code
        }
    }

    @Test func `refuses a group while the disk is full, and takes the same one when there is room`() throws {
        let storage = MemoryStorage()
        let (holder, first) = try Self.store(storage)
        storage.plan.capacityBytes = 700
        let group = holder.writer.group(holder.store.nextHeader, frames: 4, eventsMax: 20, textMax: 200)
        let before = storage.contents("0000000000000001.seg")
        for _ in 0..<3 {
            #expect(try Self.code { _ = try holder.store.append(group) } == .noSpace)
            #expect(storage.contents("0000000000000001.seg") == before)
        }
        storage.plan.capacityBytes = .max
        _ = try holder.store.append(group)
        try holder.store.sync()
        #expect(try reopened(storage).frames == first + group)
    }

    @Test func `writes what was not synced to a new segment after a failed sync, and says where it went`() throws {
        let storage = MemoryStorage()
        let (holder, first) = try Self.store(storage)
        let group = holder.writer.group(holder.store.nextHeader, frames: 3, eventsMax: 3)
        let location = try holder.store.append(group)
        storage.plan.at = [storage.counts.operations + 1: .io]
        let move = try #require(try holder.store.sync())
        #expect(move.sequences == 3...5)
        let moved = move(location)
        #expect(location.segment == 1 && moved.segment == 2)
        let frame = try holder.store.reader.read(moved)
        #expect([UInt8](frame.view.bytes) == group[0].bytes)
        #expect(move(FrameLocation(segment: 1, offset: 64, length: 64)).segment == 1)
        let second = try holder.group(1)
        storage.crash()
        storage.restart()
        #expect(try reopened(storage).frames == first + group + second)
    }

    @Test func `keeps what was appended while the disk fails, and goes on when it works again`() throws {
        let storage = MemoryStorage()
        let (holder, first) = try Self.store(storage)
        let group = holder.writer.group(holder.store.nextHeader, frames: 3, eventsMax: 3)
        _ = try holder.store.append(group)
        storage.plan.syncFailure = 1
        for _ in 0..<3 { #expect(try Self.code { try holder.store.sync() } == .io) }
        #expect(holder.store.syncedSequence == 2)
        #expect(holder.store.nextSequence == 6)
        storage.plan.syncFailure = 0
        try holder.store.sync()
        #expect(holder.store.syncedSequence == 5)
        storage.crash()
        storage.restart()
        #expect(try reopened(storage).frames == first + group)
    }

    @Test func `takes a group in a new segment when a write fails, and reads both`() throws {
        let storage = MemoryStorage()
        let (holder, first) = try Self.store(storage)
        let group = holder.writer.group(holder.store.nextHeader, frames: 3, eventsMax: 3)
        storage.plan.at = [storage.counts.operations + 1: .io]
        let location = try holder.store.append(group)
        #expect(location.segment == 2)
        try holder.store.sync()
        let segments = try holder.store.segments
        #expect(segments.map(\.lastSequence) == [2, 5])
        #expect(segments.map(\.isSealed) == [true, false])
        storage.crash()
        storage.restart()
        #expect(try reopened(storage).frames == first + group)
    }

    @Test func `leaves no trace of a segment that could not be made`() throws {
        let storage = MemoryStorage()
        let (holder, first) = try Self.store(storage, segmentBytes: 600)
        var all = first
        for fault in [FaultPlan.Fault.io, .noSpace] {
            for offset in 1...6 {
                storage.plan.at = [storage.counts.operations + offset: fault]
                let group = holder.writer.group(holder.store.nextHeader, frames: 2, eventsMax: 3)
                while try Self.code({ _ = try holder.store.append(group) }) != nil {}
                while try Self.code({ try holder.store.sync() }) != nil {}
                all += group
                storage.plan.at = [:]
                #expect(try reopened(storage).frames == all)
            }
        }
    }

    @Test func `writes again at opening what a failed sync may have lost without saying so`() throws {
        for seed in UInt64(1)...40 {
            let storage = MemoryStorage(seed: seed)
            let (holder, first) = try Self.store(storage)
            let group = holder.writer.group(holder.store.nextHeader, frames: 2, eventsMax: 3)
            _ = try holder.store.append(group)
            storage.plan.syncFailure = 1
            #expect(try Self.code { try holder.store.sync() } == .io)
            storage.plan.syncFailure = 0
            // The process goes, the power stays: the system still has the bytes in memory.
            let found = try reopened(storage).frames
            #expect(found.starts(with: first), "seed \(seed)")
            storage.crash()
            storage.restart()
            #expect(try reopened(storage).frames == found, "seed \(seed)")
        }
    }

    @Test func `says what failed, where, and what to do`() throws {
        let full = LogError(StorageError(.write, "/data/log/1.seg", errno: 28))
        #expect(full.code == .noSpace)
        #expect(full.message.contains("cannot write /data/log/1.seg: No space left on device; free space"))
        let bad = LogError(StorageError(.sync, "/data/log/1.seg", errno: 5))
        #expect(bad.code == .io)
        #expect(bad.message.contains("check the disk"))
    }
}
