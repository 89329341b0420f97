import CPatchbayJSON
import Foundation
import PatchbayEvents
import PatchbayLog

/// The log in files by itself: appending, reading, finding, dropping. Floors are measured in the same run.
enum LogBenchmark {
    private static let batchEvents = 500
    /// No fields; what decoders are made with has to outlive them.
    private static let plan = FieldPlan()

    static func run(_ bench: Workbench) throws {
        let batches = try batches(bench)
        let groups = bench.settings.isTiny ? 4 : 1_000
        let folder = bench.folder.appendingPathComponent("log-bench")
        var appended: [Double] = []
        for _ in 0..<bench.settings.runs {
            if FileManager.default.fileExists(atPath: folder.path) { try FileManager.default.removeItem(at: folder) }
            appended.append(try appendGroups(batches, groups, folder.path))
        }
        print(
            "log_append_groups_of_1000: \(Series(values: appended).text(1e6)) M events/s, each group synced (bar 0.8)")
        try read(batches, groups * 2 * batchEvents, folder.path, bench)
        try drop(batches, groups, folder.path, bench)
        try FileManager.default.removeItem(at: folder)
        try single(bench)
    }

    // MARK: Events

    /// Lines of the workbench's events as batches.
    private static func batches(_ bench: Workbench) throws -> [EventBatch] {
        let text = try Data(contentsOf: bench.events).prefix(80 << 20)
        var batches: [EventBatch] = []
        let decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle)
        defer { pbj_decoder_free(decoder) }
        var lines = text.split(separator: 0x0A, maxSplits: 200_000)[...]
        while lines.count > batchEvents, batches.count < 400 {
            let part = lines.prefix(batchEvents)
            lines = lines.dropFirst(batchEvents)
            batches.append(try batch(Array(part), decoder))
        }
        guard batches.count >= 2 else { throw BenchmarkError("there are too few events") }
        return batches
    }

    private static func batch(_ lines: [Data], _ decoder: OpaquePointer?) throws -> EventBatch {
        let batch = EventBatch(source: 0, textCapacity: lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines {
            for byte in line {
                batch.text[batch.textCount] = CChar(bitPattern: byte)
                batch.textCount += 1
            }
            batch.text[batch.textCount] = 0x0A
            batch.textCount += 1
        }
        var request = batch.request(upTo: batch.textCount)
        pbj_decode(decoder, &request)
        batch.count = Int(request.count)
        guard batch.count == lines.count else {
            throw BenchmarkError("\(lines.count) lines gave \(batch.count) events")
        }
        return batch
    }

    private static func committer(_ folder: String, _ change: (inout LogSettings) -> Void = { _ in }) throws
        -> LogCommitter
    {
        var settings = LogSettings()
        settings.identity = 7
        change(&settings)
        let opened = try OpenedLog(
            FileStorage(folder, create: true), lock: nil, settings: settings
        ) { (_, _) throws(LogFormatError) in
        } other: { (_, _) throws(LogFormatError) in
        }
        return try opened.committer(routes: ["r"], handlers: ["h"], unixNow: 1)
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = DispatchTime.now().uptimeNanoseconds
        try body()
        return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }

    // MARK: Appending

    private static func appendGroups(_ batches: [EventBatch], _ groups: Int, _ folder: String) throws -> Double {
        var log = try committer(folder)
        let submission = LogSubmission()
        let time = try seconds {
            for group in 0..<groups {
                submission.batches = [batches[2 * group % batches.count], batches[(2 * group + 1) % batches.count]]
                try log.commit([submission], unixNow: UInt64(group) + 2)
            }
        }
        return Double(groups * 2 * batchEvents) / time
    }

    /// One event, one sync, against the same bytes written and synced without a log, in turn.
    private static func single(_ bench: Workbench) throws {
        let count = bench.settings.isTiny ? 5 : 300
        let folder = bench.folder.appendingPathComponent("single").path
        var log = try committer(folder)
        let line = try Data(contentsOf: bench.events).prefix { $0 != 0x0A }
        let decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle)
        defer { pbj_decoder_free(decoder) }
        let submission = LogSubmission()
        submission.batches = [try batch([Data(line)], decoder)]
        try log.commit([submission], unixNow: 2)
        let bytes = [UInt8](repeating: 7, count: Int(submission.location.length))
        let bare = try FileStorage(folder).open("bare", create: true)
        var ratios: [Double] = []
        var rates: [Double] = []
        var offset = 0
        for _ in 0..<bench.settings.runs {
            let logged = try seconds { for _ in 0..<count { try log.commit([submission], unixNow: 3) } }
            let floor = try seconds {
                for _ in 0..<count {
                    try bytes.withUnsafeBytes { try bare.write($0, at: offset) }
                    try bare.sync()
                    offset += bytes.count
                }
            }
            rates.append(Double(count) / logged)
            ratios.append(floor / logged)
        }
        print(
            "log_append_single: \(Series(values: rates).text(1)) a second, each synced; ratio to bare fdatasync "
                + "\(Series(values: ratios).text(1)) (bar 0.85)")
    }

    // MARK: Reading

    private static func read(_ batches: [EventBatch], _ count: Int, _ folder: String, _ bench: Workbench) throws {
        let storage = try FileStorage("\(folder)/log")
        let reader = try LogReader.open(storage)
        var scans: [Double] = []
        for _ in 0..<bench.settings.runs {
            var events = 0
            let time = try seconds {
                var cursor = reader.frames(fromSequence: reader.sequences.lowerBound)
                while let frame = try cursor.next() {
                    _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
                        if kind == .events { events += try EventsSection(bytes).count }
                    }
                }
            }
            guard events == count else { throw BenchmarkError("scanned \(events) of \(count) events") }
            scans.append(Double(events) / time)
        }
        print("log_scan: \(Series(values: scans).text(1e6)) M events/s (bar 5)")
        var wanted: [(source: String, id: String)] = []
        for number in 0..<(bench.settings.isTiny ? 50 : 20_000) {
            let batch = batches[number * 7919 % batches.count]
            let event = BatchView(batch).event(number * 104_729 % batch.count)
            wanted.append((event.source, event.id))
        }
        var gets: [Double] = []
        for _ in 0..<bench.settings.runs {
            var found = 0
            let time = try seconds {
                for key in wanted where try reader.find(source: key.source, id: key.id) != nil { found += 1 }
            }
            guard found == wanted.count else { throw BenchmarkError("found \(found) of \(wanted.count) events") }
            gets.append(Double(found) / time)
        }
        print("log_get_by_id: \(Series(values: gets).text(1e6)) M/s (bar 0.5)")
        let sealed = try reader.segments.filter(\.isSealed)
        let events = sealed.reduce(0) { $0 + $1.endPosition - $1.firstPosition }
        let bytes = try sealed.reduce(0) { try $0 + storage.openToRead(SegmentName.index($1.number)).size() }
        if events > 0 { print("log_index: \(bytes / Int(events)) bytes an event (bound 64)") }
    }

    // MARK: Dropping

    /// Half of the events go, once two checkpoints do without them.
    private static func drop(_ batches: [EventBatch], _ groups: Int, _ folder: String, _ bench: Workbench) throws {
        let bytes = try LogReader.open(FileStorage("\(folder)/log")).segments.reduce(0) { $0 + $1.bytes }
        let begun = DispatchTime.now().uptimeNanoseconds
        var log = try committer(folder) { $0.retentionBytes = bytes / 2 }
        let open = Double(DispatchTime.now().uptimeNanoseconds - begun) / 1e9
        for time in [5, 6] as [UInt64] {
            let submission = LogSubmission()
            submission.batches = [batches[0]]
            try log.commit([submission], unixNow: time)
            try log.checkpoint([], unixNow: time)
        }
        var dropped = 0
        let time = try seconds { dropped = try log.retain(unixNow: 9) }
        print(
            "log_drop_half: \(dropped) segments in \(String(format: "%.1f", time * 1e3)) ms (bar 100); reopened in "
                + "\(String(format: "%.2f", open)) s without a checkpoint")
    }
}
