import Foundation
import PatchbayEvents
import PatchbayLog
import PatchbayResilience

/// A frame as a test made it.
struct TestFrame: Equatable {
    var header: FrameHeader
    var bytes: [UInt8]

    /// Equal bytes are equal frames; comparing arrays costs a call for each byte where nothing is optimized.
    static func == (a: TestFrame, b: TestFrame) -> Bool {
        a.bytes.count == b.bytes.count && memcmp(a.bytes, b.bytes, a.bytes.count) == 0
    }
}

/// Builds groups of frames with events, as the log's writer does.
struct TestWriter {
    var random: SeededRandom
    /// Whether some frames say that deliveries are done.
    var addsOutcomes = true
    private var nextID = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// A group of frames that follow `first`, each with up to `eventsMax` events.
    mutating func group(_ first: FrameHeader, frames: Int, eventsMax: Int, textMax: Int = 60) -> [TestFrame] {
        var group: [TestFrame] = []
        var header = first
        for _ in 0..<frames {
            let frame = frame(header, events: Int(random.upTo(UInt64(eventsMax))), textMax: textMax)
            group.append(frame)
            header = frame.header.following()
        }
        return group
    }

    mutating func frame(_ header: FrameHeader, events: Int, textMax: Int = 60) -> TestFrame {
        var builder = FrameBuilder()
        _ = builder.begin()
        var header = header
        header.eventCount = UInt32(events)
        header.writtenAt = header.sequence * 1_000
        if events > 0 {
            let ids = (0..<events).map { nextID + $0 }
            nextID += events
            let texts = ids.map { _ in Int(random.upTo(UInt64(textMax))) }
            builder.add(.events) { Self.write(ids, texts, to: &$0) }
        }
        if addsOutcomes, random.next() & 3 == 0 || events == 0 {
            builder.add(.outcomes) {
                OutcomeRecord(DeliveryID(position: header.firstPosition, handler: 1), .done, attempts: 1).write(to: &$0)
            }
        }
        header = builder.end(header)
        return TestFrame(header: header, bytes: [UInt8](builder.bytes))
    }

    static func line(_ id: Int, text: Int = 0) -> String {
        #"{"specversion":"1.0","id":"e\#(id)","source":"/test","type":"t","data":"\#(String(repeating: "x", count: text))"}"#
    }

    /// An events section, written from the document's table and not by the code under test.
    private static func write(_ ids: [Int], _ texts: [Int], to writer: inout ByteWriter) {
        let lines = zip(ids, texts).map { [UInt8](line($0, text: $1).utf8) }
        writer.append(UInt32(ids.count))
        writer.append(UInt32(0))
        writer.append(UInt32(0))
        writer.append(UInt32(lines.reduce(0) { $0 + $1.count + 1 }))
        writer.append(UInt32(0))
        writer.append(UInt32(0))
        writer.append(UInt64(0))
        writer.append(UInt64(0))
        for id in ids { writer.append(key(id)) }
        var end = 0
        for line in lines {
            end += line.count
            writer.append(UInt32(end))
            end += 1
        }
        for line in lines {
            writer.append(line)
            writer.append(UInt8(ascii: "\n"))
        }
    }

    static func key(_ id: Int) -> UInt64 {
        [UInt8]("/test".utf8).withUnsafeBytes { source in
            [UInt8]("e\(id)".utf8).withUnsafeBytes { EventKey.hash(source: source, id: $0) }
        }
    }
}

extension SegmentStore {
    /// Appends frames that a test built.
    mutating func append(_ group: [TestFrame]) throws(LogError) -> FrameLocation {
        var writer = ByteWriter()
        for frame in group { writer.append(frame.bytes) }
        return try append(writer.bytes, headers: group.map(\.header))
    }
}

/// Writes a test's bytes.
func write(_ bytes: [UInt8], to file: any LogFile, at offset: Int) throws(StorageError) {
    var writer = ByteWriter()
    writer.append(bytes)
    try file.write(writer.bytes, at: offset)
}

/// All frames of a log behind `checkpoint`, as opening it visits them.
func reopened(
    _ storage: any LogStorage, options: SegmentStore.Options = .init(), after checkpoint: UInt64 = 0
) throws(LogError) -> (frames: [TestFrame], report: RecoveryReport) {
    var frames: [TestFrame] = []
    let store = try SegmentStore.open(storage, options: options, after: checkpoint) { view, _ throws(LogError) in
        frames.append(TestFrame(header: view.header, bytes: [UInt8](view.bytes)))
    }
    return (frames, store.report)
}

/// A folder for one test, removed when the test ends.
final class TestFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("patchbay-log-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }
}
