import PatchbayLog
import PatchbayResilience
import Testing

@Suite struct LogReaderTests {
    /// A log with `events` events in frames of up to 20, all synced; ids are e0, e1, … in order of their positions.
    private static func log(
        _ storage: any LogStorage, events: Int, segmentBytes: Int, frameEvents: Int = 20
    ) throws -> SegmentStore {
        var options = SegmentStore.Options()
        options.segmentBytes = segmentBytes
        var store = try SegmentStore.open(storage, options: options)
        var writer = TestWriter(seed: 31)
        while store.nextPosition < UInt64(events) {
            let left = events - Int(store.nextPosition)
            let count = min(left, Int(writer.random.upTo(UInt64(frameEvents))))
            _ = try store.append([writer.frame(store.nextHeader, events: count)])
        }
        try store.sync()
        return store
    }

    private static func isEvent(_ event: LogEvent?, _ number: Int) -> Bool {
        guard let event else { return false }
        return event.position == UInt64(number)
            && String(decoding: event.line, as: UTF8.self).contains(#""id":"e\#(number)","#)
    }

    @Test func `finds every event by position and by id, in sealed segments and in the one that grows`() throws {
        let storage = MemoryStorage()
        let store = try Self.log(storage, events: 700, segmentBytes: 20_000)
        let reader = store.reader
        #expect(try store.segments.count > 3)
        for number in 0..<700 {
            #expect(Self.isEvent(try reader.event(at: UInt64(number)), number))
            #expect(Self.isEvent(try reader.find(source: "/test", id: "e\(number)"), number))
        }
        #expect(try reader.event(at: 700) == nil)
        #expect(try reader.find(source: "/test", id: "e700") == nil)
        #expect(try reader.find(source: "/other", id: "e1") == nil)
        #expect(reader.positions == 0..<700)
    }

    @Test func `gives the newest of events with the same source and id`() throws {
        let storage = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = 1_000
        var store = try SegmentStore.open(storage, options: options)
        for round in 0..<4 {
            // Each writer counts its ids from 0.
            var writer = TestWriter(seed: UInt64(round))
            _ = try store.append([writer.frame(store.nextHeader, events: 5)])
            try store.sync()
            for id in 0..<5 {
                let event = try store.reader.find(source: "/test", id: "e\(id)")
                #expect(event?.position == UInt64(round * 5 + id))
            }
        }
    }

    @Test func `makes an index anew when its file is missing, damaged, or of another segment`() throws {
        let storage = MemoryStorage()
        _ = try Self.log(storage, events: 300, segmentBytes: 10_000)
        let indexes = try storage.list().filter { $0.hasSuffix(".idx") }
        #expect(indexes.count > 3)
        try storage.remove(indexes[0])
        for offset in [3, 9, 30, 50, 200] { storage.flip(indexes[1], offset: offset, bit: 2) }
        try storage.rename(indexes[2], to: indexes[3])
        let reader = try SegmentStore.open(storage).reader
        for number in 0..<300 {
            #expect(Self.isEvent(try reader.event(at: UInt64(number)), number))
            #expect(Self.isEvent(try reader.find(source: "/test", id: "e\(number)"), number))
        }
        #expect(try storage.list().filter { $0.hasSuffix(".idx") }.count == indexes.count)
    }

    @Test func `takes at most 16 bytes an event in index files`() throws {
        let storage = MemoryStorage()
        _ = try Self.log(storage, events: 3_000, segmentBytes: 60_000, frameEvents: 40)
        let bytes = try storage.list().filter { $0.hasSuffix(".idx") }.reduce(0) {
            $0 + (storage.contents($1)?.count ?? 0)
        }
        #expect(bytes > 0)
        #expect(bytes <= 3_000 * 16)
    }

    @Test func `says where a frame is damaged, and reads the others`() throws {
        let storage = MemoryStorage()
        let store = try Self.log(storage, events: 300, segmentBytes: 10_000)
        let reader = store.reader
        let location = try #require(try reader.location(ofSequence: 3))
        storage.flip("0000000000000001.seg", offset: Int(location.offset) + 80, bit: 0)
        do {
            _ = try reader.read(location)
            Issue.record("read a damaged frame")
        } catch {
            #expect(error.code == .corrupt)
            #expect(error.message.contains("segment 0000000000000001, offset \(location.offset):"))
        }
        var cursor = reader.frames(fromSequence: 4)
        #expect(try cursor.next()?.view.header.sequence == 4)
        cursor = reader.frames(fromSequence: 3)
        #expect(throws: LogError.self) { _ = try cursor.next() }
        _ = consume store
    }

    @Test func `reads what is appended while it reads, and not before it was synced`() throws {
        let storage = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = 2_000
        var store = try SegmentStore.open(storage, options: options)
        let reader = store.reader
        var writer = TestWriter(seed: 8)
        var cursor = reader.frames(fromSequence: 1)
        #expect(try cursor.next() == nil)
        for round in 1...30 {
            _ = try store.append([writer.frame(store.nextHeader, events: 2)])
            #expect(try cursor.next() == nil)
            #expect(try reader.event(at: UInt64(round * 2 - 1)) == nil)
            if round % 2 == 0 { store.publish() } else { try store.sync() }
            #expect(try cursor.next()?.view.header.sequence == UInt64(round))
            #expect(try reader.event(at: UInt64(round * 2 - 1)) != nil)
            #expect(try cursor.next() == nil)
        }
    }

    @Test func `begins at the frame that holds a position`() throws {
        let storage = MemoryStorage()
        let store = try Self.log(storage, events: 200, segmentBytes: 6_000)
        let reader = store.reader
        for position in UInt64(0)..<200 {
            var cursor = try reader.frames(fromPosition: position)
            let header = try #require(try cursor.next()).view.header
            #expect(header.firstPosition <= position)
            #expect(position < header.firstPosition + UInt64(header.eventCount))
        }
        var cursor = try reader.frames(fromPosition: 200)
        #expect(try cursor.next() == nil)
        #expect(try cursor.previous()?.view.header.sequence == store.nextSequence - 1)
    }

    @Test func `says that dropped frames are missing`() throws {
        let storage = MemoryStorage()
        var store = try Self.log(storage, events: 300, segmentBytes: 10_000)
        let reader = store.reader
        let location = try #require(try reader.location(ofSequence: 1))
        var cursor = reader.frames(fromSequence: 1)
        try store.drop(through: 1)
        #expect(try storage.list().allSatisfy { !$0.hasPrefix("0000000000000001") })
        for read in [{ _ = try reader.read(location) }, { _ = try cursor.next() }] as [() throws -> Void] {
            do {
                try read()
                Issue.record("read a dropped frame")
            } catch let error as LogError {
                #expect(error.code == .missing)
            }
        }
        #expect(try reader.event(at: 0) == nil)
        #expect(try reader.find(source: "/test", id: "e0") == nil)
        #expect(reader.positions.lowerBound > 0)
    }

    @Test func `reads a folder that a writer has open, without changing it`() throws {
        let storage = MemoryStorage()
        var store = try Self.log(storage, events: 300, segmentBytes: 10_000)
        var writer = TestWriter(seed: 1)
        // Half a frame, as a write that goes on at this moment.
        let last = try #require(try store.segments.last)
        let name = try #require(try storage.list().filter { $0.hasSuffix(".seg") }.max())
        let frame = writer.frame(store.nextHeader, events: 3)
        let file = try storage.open(name, create: false)
        try write(Array(frame.bytes[..<100]), to: file, at: last.bytes)
        for index in try storage.list() where index.hasSuffix(".idx") { try storage.remove(index) }
        let before = storage.counts.operations
        let reader = try LogReader.open(storage)
        #expect(reader.positions == 0..<300)
        #expect(Self.isEvent(try reader.find(source: "/test", id: "e7"), 7))
        #expect(storage.counts.operations == before)
        _ = try store.append([frame])
    }
}
