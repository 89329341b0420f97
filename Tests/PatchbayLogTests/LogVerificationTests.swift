import Testing

@testable import PatchbayLog

@Suite struct LogVerificationTests {
    /// A sound log of several segments: groups of one frame, each synced. Outcomes are left out: no delivery is theirs.
    private static func log(frames: Int = 30, segmentBytes: Int = 1_500) throws -> (MemoryStorage, [TestFrame]) {
        let storage = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = segmentBytes
        var store = try SegmentStore.open(storage, options: options)
        var writer = TestWriter(seed: 11)
        writer.addsOutcomes = false
        var all: [TestFrame] = []
        for number in 0..<frames {
            let frame = writer.frame(store.nextHeader, events: number % 4)
            _ = try store.append([frame])
            try store.sync()
            all.append(frame)
        }
        return (storage, all)
    }

    private static func verify(_ storage: MemoryStorage) throws -> LogVerification {
        try LogVerification(log: storage, checkpoints: nil)
    }

    @Test func `finds nothing wrong with a log that is right, and counts what is in it`() throws {
        let (storage, frames) = try Self.log()
        let result = try Self.verify(storage)
        #expect(result.faults == [])
        #expect(result.notes == [])
        #expect(result.frames == frames.count)
        #expect(result.events == frames.reduce(0) { $0 + Int($1.header.eventCount) })
        #expect(result.indexes == result.segments - 1)
        #expect(result.segments > 3)
        #expect(result.sequences == 1..<31)
        #expect(result.counts?.events == UInt64(result.events))
    }

    @Test func `tells how far it is, up to the end`() throws {
        let (storage, frames) = try Self.log()
        var told: [(read: Int, all: Int)] = []
        let result = try LogVerification(log: storage, checkpoints: nil) { told.append(($0, $1)) }
        #expect(told.count == frames.count)
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.read < $1.read })
        #expect(told.allSatisfy { $0.all == result.bytes } && told.last?.read == result.bytes)
    }

    @Test func `names every damaged frame with its segment and offset, and reads the rest`() throws {
        let (storage, frames) = try Self.log(segmentBytes: 1 << 20)
        var offset = 64
        var offsets: [Int] = []
        for frame in frames {
            offsets.append(offset)
            offset += frame.bytes.count
        }
        for index in [5, 6, 21] { storage.flip("0000000000000001.seg", offset: offsets[index] + 66, bit: 5) }
        let before = storage.contents("0000000000000001.seg")
        let result = try Self.verify(storage)
        // Frames 6 and 7 lie side by side and are one gap.
        #expect(result.faults.map(\.offset) == [offsets[5], offsets[21]])
        #expect(result.faults.allSatisfy { $0.segment == 1 && $0.path == "/0000000000000001.seg" })
        #expect(result.frames == frames.count - 3)
        #expect(storage.contents("0000000000000001.seg") == before)
    }

    @Test func `notices every flipped bit but those of a tail that may be torn`() throws {
        let (storage, _) = try Self.log(frames: 8, segmentBytes: 700)
        let names = try storage.list()
        #expect(names.count > 4)
        for name in names {
            for offset in 0..<(storage.contents(name)?.count ?? 0) {
                storage.flip(name, offset: offset, bit: offset)
                do {
                    let result = try Self.verify(storage)
                    #expect(!result.isSound || !result.notes.isEmpty, "a flip at \(offset) of \(name)")
                } catch {
                    #expect((error as? LogError)?.code == .format)
                }
                storage.flip(name, offset: offset, bit: offset)
            }
        }
        #expect(try Self.verify(storage).isSound)
    }

    @Test func `says that a segment is missing`() throws {
        let (storage, _) = try Self.log()
        try storage.remove("0000000000000002.seg")
        let result = try Self.verify(storage)
        #expect(result.faults.first?.message == "segment 0000000000000002 before it is missing")
    }

    @Test func `an index that is whole and says something else is a fault`() throws {
        let (storage, _) = try Self.log()
        let name = "0000000000000002.idx"
        var bytes = try #require(storage.contents(name))
        // The first event's line, with a checksum that is right.
        bytes[SegmentIndex.headerBytes + 60] ^= 1
        let checksum = bytes.withUnsafeBytes { SegmentIndex.checksum(of: $0) }
        for byte in 0..<4 { bytes[8 + byte] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * byte)) }
        try write(bytes, to: storage.open(name, create: false), at: 0)
        #expect(try Self.verify(storage).faults.map(\.message).contains { $0.contains("does not agree") })
    }

    @Test func `takes what a crash leaves for no fault`() throws {
        let (storage, _) = try Self.log()
        let name = try #require(try storage.list().filter { $0.hasSuffix(".seg") }.max())
        let length = try #require(storage.contents(name)).count
        try write([UInt8](repeating: 7, count: 100), to: storage.open(name, create: false), at: length)
        try storage.remove("0000000000000001.idx")
        let result = try Self.verify(storage)
        #expect(result.faults == [])
        #expect(result.notes.map(\.offset) == [nil, length])
        // Regression: an index that was not written out when the power went was called a fault.
        try storage.open("0000000000000002.idx", create: false).truncate(to: 200)
        #expect(try Self.verify(storage).faults == [])
        #expect(try Self.verify(storage).notes.contains { $0.message.contains("its index is not whole") })
        // A segment that was not begun.
        try write([1, 2, 3], to: storage.open("0000000000000063.seg", create: true), at: 0)
        let number = try #require(UInt32(name.prefix(16), radix: 16))
        try storage.rename("0000000000000063.seg", to: "000000000000000\(String(number + 1, radix: 16)).seg")
        #expect(try Self.verify(storage).notes.contains { $0.message.contains("was not begun") })
    }
}
