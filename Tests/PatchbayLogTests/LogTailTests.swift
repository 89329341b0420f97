import PatchbayResilience
import Testing

@testable import PatchbayLog

/// Following a log that somebody writes.
@Suite struct `a log's tail` {
    private final class Writer {
        var store: SegmentStore
        var frames = TestWriter(seed: 5)
        init(_ store: consuming SegmentStore) { self.store = store }

        /// Appends and syncs a group; what the disk refuses is tried again.
        func append(_ count: Int) throws -> [TestFrame] {
            let group = frames.group(store.nextHeader, frames: count, eventsMax: 3)
            var isAppended = false
            for _ in 0..<3 {
                do throws(LogError) {
                    if !isAppended { _ = try store.append(group) }
                    isAppended = true
                    try store.sync()
                    return group
                } catch {
                    #expect(error.code == .io)
                }
            }
            throw LogError(.io, "the disk is told to fail once at a time")
        }
    }

    private func read(_ tail: inout LogTail) throws -> [TestFrame] {
        var found: [TestFrame] = []
        while let frame = try tail.next() {
            found.append(TestFrame(header: frame.view.header, bytes: [UInt8](frame.view.bytes)))
        }
        return found
    }

    @Test(arguments: 0..<8) func `gives each frame once, whatever segments and failures of the disk are between`(
        _ seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        let storage = MemoryStorage(seed: seed)
        var options = SegmentStore.Options()
        options.segmentBytes = 2_000
        let writer = Writer(try SegmentStore.open(storage, options: options))
        _ = try writer.append(2)
        var tail = try #require(try LogTail(after: LogReader.open(storage)))
        let (mine, start) = (tail.sequence, UInt64(3))
        #expect(mine == start)
        for _ in 0..<40 {
            // A sync that fails puts what was written into a new segment.
            if random.upTo(4) == 0 { storage.plan.at = [storage.counts.operations + 2: .io] }
            var wanted: [TestFrame] = []
            for _ in 0..<random.upTo(3) { wanted += try writer.append(1 + Int(random.upTo(4))) }
            let found = try read(&tail)
            #expect(found == wanted, "seed \(seed): \(found.count) of \(wanted.count) frames")
        }
        #expect(try writer.store.segments.count > 3)
    }

    @Test func `says so when what it has to read next was dropped`() throws {
        let storage = MemoryStorage()
        var options = SegmentStore.Options()
        options.segmentBytes = 2_000
        let writer = Writer(try SegmentStore.open(storage, options: options))
        _ = try writer.append(1)
        var tail = try #require(try LogTail(after: LogReader.open(storage)))
        while try writer.store.segments.count < 4 { _ = try writer.append(4) }
        try writer.store.drop(through: 3)
        var failure: LogError?
        do throws(LogError) {
            while try tail.next() != nil {}
        } catch {
            failure = error
        }
        #expect(failure?.code == .missing)
    }
}
