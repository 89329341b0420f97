/// An event of a stream as the log has it.
package struct StreamEvent: Equatable, Sendable {
    package var stream: String
    package var revision: UInt64
    /// Over all streams.
    package var number: UInt64
    /// When it was appended, Unix nanoseconds.
    package var time: UInt64
    /// A structured CloudEvent in JSON, without a line end.
    package var line: [UInt8]

    package init(stream: String, revision: UInt64, number: UInt64, time: UInt64, line: [UInt8]) {
        self.stream = stream
        self.revision = revision
        self.number = number
        self.time = time
        self.line = line
    }
}

/// Which events of a stream, or of all of them, in which order.
package struct StreamSelection: Equatable, Sendable {
    package enum Direction: Sendable {
        case forward
        case backward
    }

    package var direction: Direction
    /// Begin with this revision (of all streams: number); `nil` begins at the end where reading starts.
    package var from: UInt64?
    /// Only what was appended then or later, Unix nanoseconds.
    package var since: UInt64?
    /// Only what was appended then or before: the stream as it was at that time, but for what was truncated since.
    package var asOf: UInt64?

    package init(
        _ direction: Direction = .forward, from: UInt64? = nil, since: UInt64? = nil, asOf: UInt64? = nil
    ) {
        self.direction = direction
        self.from = from
        self.since = since
        self.asOf = asOf
    }
}

extension Streams {
    /// Visits events, of one stream by revision or of all by number, until `body` says false.
    ///
    /// - Parameters:
    ///   - name: `nil` is all streams. One that does not exist has no events.
    ///   - record: reads what lies at a place.
    package func forEachEvent(
        of name: String?, _ selection: StreamSelection,
        record: (StreamRun) throws -> StreamRecord, body: (StreamEvent) throws -> Bool
    ) throws {
        let isForward = selection.direction == .forward
        let runs = name.map { self.runs(of: $0, selection) } ?? (isForward ? self.runs : self.runs.reversed())
        try Self.forEachEvent(in: runs, byNumber: name == nil, selection, record: record, body: body)
    }

    /// Visits the events of runs that are in the selection's order, until `body` says false; `byNumber` is what
    /// `selection.from` counts.
    static func forEachEvent(
        in runs: [StreamRun], byNumber: Bool, _ selection: StreamSelection,
        record: (StreamRun) throws -> StreamRecord, body: (StreamEvent) throws -> Bool
    ) throws {
        let isForward = selection.direction == .forward
        for run in runs {
            if let since = selection.since, run.time < since { continue }
            if let asOf = selection.asOf, run.time > asOf { continue }
            let first = byNumber ? run.number : run.revision
            let range = first..<(first + (run.end - run.revision))
            if let from = selection.from, isForward ? range.upperBound <= from : range.lowerBound > from { continue }
            let record = try record(run)
            let lower = isForward ? max(range.lowerBound, selection.from ?? 0) : range.lowerBound
            let last = isForward ? range.upperBound - 1 : min(range.upperBound - 1, selection.from ?? .max)
            let upper = last + 1
            for step in 0..<Int(upper - lower) {
                let place = isForward ? lower + UInt64(step) : upper - 1 - UInt64(step)
                let offset = place - range.lowerBound
                let event = StreamEvent(
                    stream: run.stream, revision: run.revision + offset, number: run.number + offset, time: run.time,
                    line: Array(record.line(run.skipped + Int(offset))))
                guard try body(event) else { return }
            }
        }
    }
}

/// Reads records of streams from a log. One thread; the frame that was read last is kept.
package final class StreamRecordReader {
    private let reader: LogReader
    /// Of the frame; 0 before the first.
    private var sequence: UInt64 = 0
    private var records: [StreamRecord] = []

    package init(_ reader: LogReader) { self.reader = reader }

    /// - Throws: `.missing` when it was dropped since, `.corrupt` when it is not what was written.
    package func record(at place: StreamPlace) throws(LogError) -> StreamRecord {
        if sequence != place.sequence {
            guard let location = try reader.location(ofSequence: place.sequence) else {
                throw LogError(.missing, "frame \(place.sequence) is not in the log any more")
            }
            let frame = try reader.read(location)
            sequence = 0
            records.removeAll(keepingCapacity: true)
            do throws(LogFormatError) {
                try frame.view.forEachRecord { record throws(LogFormatError) in
                    if case .stream(let record) = record { records.append(record) }
                }
            } catch {
                throw .corrupt(location.segment, at: Int(location.offset), "\(error)")
            }
            sequence = place.sequence
        }
        guard records.indices.contains(Int(place.record)) else {
            throw LogError(.corrupt, "frame \(place.sequence) has no record \(place.record) of a stream")
        }
        return records[Int(place.record)]
    }

    /// The record of a run, which must hold its events.
    package func record(of run: StreamRun) throws(LogError) -> StreamRecord {
        let record = try record(at: run.place)
        guard record.name == run.stream, record.eventCount == run.skipped + Int(run.end - run.revision) else {
            throw LogError(
                .corrupt,
                "frame \(run.place.sequence): record \(run.place.record) of a stream is not that of '\(run.stream)' "
                    + "from revision \(run.revision) on")
        }
        return record
    }
}
