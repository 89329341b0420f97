import ArgumentParser
import CPatchbaySystem
import Glibc
import PatchbayEvents
import PatchbayLog

extension LogCommand {
    struct StatCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stat",
            abstract: "Show segments, sizes, positions and ages.",
            discussion: """
                Reads the headers of the segments, and the frames of the last one only.

                EXAMPLES
                  patchbay log stat
                  patchbay log stat ./data
                  patchbay log stat -c patchbay.yaml --json
                """)

        @OptionGroup var options: DataFolderOptions

        @Flag(help: "Print JSON: totals and segments.")
        var json = false

        func run() throws {
            let folder = try options.folder()
            do {
                let statistics = try LogStatistics(folder, now: pbs_unix_now())
                Output.line(json ? String(decoding: statistics.value.json, as: UTF8.self) : statistics.text)
            } catch let error as LogError {
                throw DataFolder.failure(error)
            }
        }
    }
}

/// What `patchbay log stat` shows.
private struct LogStatistics {
    private let path: String
    private let segments: [SegmentInfo]
    private var indexBytes = 0
    /// Events of the segments that have an index file.
    private var indexedEvents: UInt64 = 0
    private let checkpoints: [UInt64]
    private let now: UInt64

    init(_ folder: DataFolder, now: UInt64) throws {
        path = folder.path
        self.now = now
        segments = try LogReader.open(folder.log).segments
        for segment in segments where segment.isSealed {
            guard let bytes = try Self.size(SegmentName.index(segment.number), folder.log) else { continue }
            indexBytes += bytes
            indexedEvents += segment.endPosition - segment.firstPosition
        }
        let found = try folder.checkpoints.map { folder in
            try logged { () throws(StorageError) in try CheckpointStore(folder).loadAll() }
        }
        checkpoints = found?.whole.map(\.sequence) ?? []
    }

    private static func size(_ name: String, _ folder: FileStorage) throws(LogError) -> Int? {
        do throws(StorageError) {
            return try folder.openToRead(name).size()
        } catch {
            guard error.isMissing else { throw LogError(error) }
            return nil
        }
    }

    private var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
    private var events: UInt64 { (segments.last?.endPosition ?? 0) - (segments.first?.firstPosition ?? 0) }
    private var frames: UInt64 {
        guard let first = segments.first, let last = segments.last else { return 0 }
        return last.lastSequence + 1 - first.firstSequence
    }
    private var bytesPerEvent: Double? { events > 0 ? Double(bytes) / Double(events) : nil }
    private var indexBytesPerEvent: Double? {
        indexedEvents > 0 ? Double(indexBytes) / Double(indexedEvents) : nil
    }

    private static func tenths(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

    private func age(_ time: UInt64) -> String {
        let seconds = now > time ? (now - time) / 1_000_000_000 : 0
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7_200 { return "\(seconds / 60) min" }
        return seconds < 172_800 ? "\(seconds / 3600) h" : "\(seconds / 86_400) d"
    }

    /// For people.
    var text: String {
        guard let first = segments.first, let last = segments.last else { return "\(path): no segments yet" }
        let perEvent = bytesPerEvent.map { ", \(Self.tenths($0)) bytes an event" } ?? ""
        let perIndex = indexBytesPerEvent.map { ", index \(Self.tenths($0)) bytes an event" } ?? ""
        var rows = [["segment", "frames", "positions", "bytes", "begun", "state"]]
        for segment in segments {
            rows.append([
                String(segment.number, radix: 16), "\(segment.firstSequence)–\(segment.lastSequence)",
                segment.endPosition > segment.firstPosition
                    ? "\(segment.firstPosition)–\(segment.endPosition - 1)" : "none",
                "\(segment.bytes)", "\(age(segment.createdAt)) ago", segment.isSealed ? "sealed" : "open",
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let table = rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        }
        let saved = checkpoints.map { "\($0)" }.joined(separator: ", ")
        return """
            \(path): \(String.count(segments.count, "segment")), \(bytes) bytes\(perEvent)\(perIndex)
              frames \(first.firstSequence)–\(last.lastSequence), positions \(first.firstPosition)–\(last.endPosition) \
            (\(events) events), from \(age(first.createdAt)) to \(age(last.writtenAt)) ago
              checkpoints at frames: \(saved.isEmpty ? "none" : saved)
            \(table.map { "  " + $0 }.joined(separator: "\n"))
            """
    }

    /// For scripts.
    var value: Value {
        .object([
            ("path", .string(path)), ("bytes", .int(Int64(bytes))), ("frames", .uint(frames)),
            ("events", .uint(events)), ("bytesPerEvent", bytesPerEvent.map { .double($0) } ?? .null),
            ("indexBytesPerEvent", indexBytesPerEvent.map { .double($0) } ?? .null),
            ("checkpoints", .list(checkpoints.map { .uint($0) })),
            (
                "segments",
                .list(
                    segments.map { segment in
                        .object([
                            ("number", .uint(UInt64(segment.number))), ("firstSequence", .uint(segment.firstSequence)),
                            ("lastSequence", .uint(segment.lastSequence)),
                            ("firstPosition", .uint(segment.firstPosition)),
                            ("endPosition", .uint(segment.endPosition)), ("bytes", .int(Int64(segment.bytes))),
                            ("createdAt", .string(LogText.time(segment.createdAt))),
                            ("writtenAt", .string(LogText.time(segment.writtenAt))),
                            ("sealed", .bool(segment.isSealed)),
                        ])
                    })
            ),
        ])
    }
}
