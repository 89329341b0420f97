import PatchbayLog
import PatchbayResilience
import Testing

@Suite struct DamageTests {
    /// A log of several segments, with the frames it was given: each group has `group` frames and is synced.
    private static func log(frames: Int, group: Int, segmentBytes: Int = 1500) throws -> (MemoryStorage, [TestFrame]) {
        let storage = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = segmentBytes
        var store = try SegmentStore.open(storage, options: options)
        var writer = TestWriter(seed: 11)
        var all: [TestFrame] = []
        while all.count < frames {
            let frames = writer.group(store.nextHeader, frames: group, eventsMax: 2, textMax: 10)
            _ = try store.append(frames)
            try store.sync()
            all += frames
        }
        return (storage, all)
    }

    private static func names(_ storage: MemoryStorage) throws -> [String] {
        try storage.list().filter { $0.hasSuffix(".seg") }
    }

    @Test func `never gives other frames than were written, whichever bit flips, and loses none but the last group`()
        throws
    {
        let (storage, frames) = try Self.log(frames: 14, group: 2, segmentBytes: 600)
        let names = try Self.names(storage)
        let original = try names.map { try #require(storage.contents($0)) }
        #expect(names.count > 2)
        var random = TestWriter(seed: 5).random
        for (name, bytes) in zip(names, original) {
            for offset in bytes.indices {
                // Opening repairs: each flip gets a disk of its own.
                let copy = MemoryStorage()
                for (name, bytes) in zip(names, original) { try Self.write(bytes, name, copy) }
                copy.flip(name, offset: offset, bit: Int(random.upTo(7)))
                do {
                    let found = try reopened(copy).frames
                    #expect(found == Array(frames.prefix(found.count)))
                    #expect(found.count >= frames.count - 2)
                    #expect(name == names.last, "a flip at \(offset) of \(name) was not noticed")
                } catch {
                    #expect([.corrupt, .missing, .format].contains(error.code))
                }
            }
        }
    }

    private static func write(_ bytes: [UInt8], _ name: String, _ storage: MemoryStorage) throws {
        let file = try storage.open(name, create: true)
        try PatchbayLogTests.write(bytes, to: file, at: 0)
        try file.sync()
        try storage.syncFolder()
    }

    @Test func `names segment and offset of damage in the middle, and changes nothing`() throws {
        let (storage, frames) = try Self.log(frames: 20, group: 1, segmentBytes: 1 << 20)
        let name = try #require(try Self.names(storage).first)
        var offset = 64
        for frame in frames.prefix(9) { offset += frame.bytes.count }
        storage.flip(name, offset: offset + 70, bit: 3)
        let before = storage.contents(name)
        do {
            _ = try reopened(storage)
            Issue.record("opened a damaged log")
        } catch {
            #expect(error.code == .corrupt)
            #expect(error.message.contains("segment 0000000000000001, offset \(offset): frame 10"))
            #expect(error.message.contains("patchbay log verify"))
        }
        #expect(storage.contents(name) == before)
    }

    @Test func `cuts a group that was never synced, in whatever part of it survived`() throws {
        let (storage, frames) = try Self.log(frames: 6, group: 3, segmentBytes: 1 << 20)
        let name = try #require(try Self.names(storage).first)
        // The first frame of the last group is damaged, the two behind it are whole: they were not synced either.
        var offset = 64
        for frame in frames.prefix(3) { offset += frame.bytes.count }
        storage.flip(name, offset: offset + 70, bit: 1)
        let length = try #require(storage.contents(name)).count
        let (found, report) = try reopened(storage)
        #expect(found == Array(frames.prefix(3)))
        #expect(report.cuts.map(\.offset) == [offset])
        #expect(report.cutBytes == length - offset)
        #expect(storage.contents(name)?.count == offset)
        #expect(try reopened(storage).report.cuts == [])
    }

    @Test func `refuses a log with a segment missing in the middle`() throws {
        let (storage, _) = try Self.log(frames: 20, group: 1)
        let names = try Self.names(storage).sorted()
        try storage.remove(names[1])
        do {
            _ = try reopened(storage)
            Issue.record("opened a log with a hole")
        } catch {
            #expect(error.code == .missing)
            #expect(error.message.contains(names[1]))
        }
    }

    @Test func `refuses a segment of another log`() throws {
        let (storage, _) = try Self.log(frames: 20, group: 1)
        let names = try Self.names(storage).sorted()
        let other = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = 1500
        options.identity = 99
        var store = try SegmentStore.open(other, options: options)
        var writer = TestWriter(seed: 11)
        for _ in 0..<20 {
            _ = try store.append(writer.group(store.nextHeader, frames: 1, eventsMax: 2, textMax: 10))
            try store.sync()
        }
        try storage.remove(names[1])
        try Self.write(try #require(other.contents(names[1])), names[1], storage)
        do {
            _ = try reopened(storage)
            Issue.record("opened a mixed log")
        } catch {
            #expect(error.code == .corrupt)
            #expect(error.message.contains("another log"))
        }
    }

    @Test func `does not touch frames of a later version`() throws {
        let storage = MemoryStorage()
        var store = try SegmentStore.open(storage)
        var writer = TestWriter(seed: 1)
        var header = store.nextHeader
        header.version = 4
        _ = try store.append([writer.frame(header, events: 1)])
        try store.sync()
        let name = try #require(try Self.names(storage).first)
        let before = storage.contents(name)
        do {
            _ = try reopened(storage)
            Issue.record("opened a log of a later version")
        } catch {
            #expect(error.code == .format)
            #expect(error.message.contains("format version 4"))
        }
        #expect(storage.contents(name) == before)
    }
}
