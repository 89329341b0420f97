import PatchbayLog
import Testing

@Suite struct SegmentStoreTests {
    private static func options(_ segmentBytes: Int) -> SegmentStore.Options {
        var options = SegmentStore.Options()
        options.segmentBytes = segmentBytes
        options.identity = 77
        return options
    }

    /// Appends and syncs groups until `count` frames are in.
    private static func fill(_ store: inout SegmentStore, _ writer: inout TestWriter, frames count: Int) throws
        -> [TestFrame]
    {
        var all: [TestFrame] = []
        while all.count < count {
            let group = writer.group(store.nextHeader, frames: min(3, count - all.count), eventsMax: 5)
            _ = try store.append(group)
            try store.sync()
            all += group
        }
        return all
    }

    @Test(arguments: [false, true]) func `visits every frame again, in order, over many segments`(onDisk: Bool) throws {
        let folder = try TestFolder()
        let storage: any LogStorage = onDisk ? try FileStorage(folder.path) : MemoryStorage()
        var store = try SegmentStore.open(storage, options: Self.options(4096))
        var writer = TestWriter(seed: 1)
        let frames = try Self.fill(&store, &writer, frames: 100)
        let segments = try store.segments
        #expect(segments.count > 5)
        #expect(segments.dropLast().allSatisfy { $0.isSealed })
        #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.lastSequence + 1 == $1.firstSequence })
        #expect(segments.dropLast().allSatisfy { $0.bytes <= 4096 })

        let again = try reopened(storage)
        #expect(again.frames == frames)
        #expect(again.report.cuts == [])
        #expect(try reopened(storage, after: 40).frames == Array(frames[40...]))
        #expect(try reopened(storage, after: 100).frames == [])
    }

    @Test func `goes on where the last writer ended`() throws {
        let storage = MemoryStorage()
        var writer = TestWriter(seed: 2)
        var all: [TestFrame] = []
        for epoch in 1...5 {
            var store = try SegmentStore.open(storage, options: Self.options(2048))
            #expect(store.nextSequence == UInt64(all.count + 1))
            #expect(store.epoch == UInt32(epoch))
            all += try Self.fill(&store, &writer, frames: 7)
        }
        #expect(try reopened(storage).frames == all)
    }

    @Test func `says that frames are missing when the log ends before its checkpoint or begins behind it`() throws {
        let storage = MemoryStorage()
        var store = try SegmentStore.open(storage, options: Self.options(1024))
        var writer = TestWriter(seed: 3)
        _ = try Self.fill(&store, &writer, frames: 30)
        #expect(throws: LogError.self) { try reopened(storage, after: 31) }
        try store.drop(through: 2)
        let first = try #require(try store.segments.first)
        #expect(first.number == 3)
        do {
            _ = try reopened(storage)
            Issue.record("opened a log whose beginning is gone")
        } catch {
            #expect(error.code == .missing)
        }
        #expect(try reopened(storage, after: first.firstSequence - 1).frames.count == 31 - Int(first.firstSequence))
    }
}
