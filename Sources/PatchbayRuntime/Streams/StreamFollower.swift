import PatchbayEvents
import PatchbayLog

/// Reads the events of one stream, or of all, from one on: those that are there, then those that come. Takes no lock and
/// changes nothing, so a host may have the folder. One thread.
package final class StreamFollower {
    private let folder: String
    private let stream: String?
    private let filter: StreamFilter
    private let codec = CloudEventsCodec.ofStored()
    /// The revision (of all streams: number) that comes next.
    package private(set) var next: UInt64
    private var tail: LogTail?

    /// - Parameter from: the first revision that is wanted; of all streams (`nil`), the first number.
    package init(folder: String, stream: String?, from: UInt64, filter: StreamFilter = StreamFilter()) {
        self.folder = folder
        self.stream = stream
        self.filter = filter
        next = from
    }

    /// Shows what is there and was not shown; how many events there were.
    ///
    /// Truncated events are passed over. Throws `.deleted` once the stream is, and what reading a log throws.
    package func poll(_ body: (StoredStreamEvent) throws -> Void) throws -> Int {
        if tail == nil { return try catchUp(body) }
        var count = 0
        do {
            while let frame = try tail?.next() { count += try show(frame, body) }
        } catch let error as LogError where error.code == .missing {
            // Too far behind for the log's end: the streams themselves still have it.
            tail = nil
        }
        return count
    }

    private func catchUp(_ body: (StoredStreamEvent) throws -> Void) throws -> Int {
        let stored = try StoredStreams(folder: folder)
        if let stream, stored.streams[stream]?.isDeleted == true { throw StreamRefusal.deleted(stream: stream) }
        var count = 0
        try stored.forEach(of: stream, StreamSelection(from: next), filter) { event in
            count += 1
            next = place(event.place) + 1
            try body(event)
            return true
        }
        let streams = stored.streams
        next = max(next, stream.map { streams[$0]?.next ?? 0 } ?? streams.nextNumber)
        tail = try stored.tail()
        return count
    }

    private func place(_ event: StreamEvent) -> UInt64 { stream == nil ? event.number : event.revision }

    private func show(_ frame: LogFrame, _ body: (StoredStreamEvent) throws -> Void) throws -> Int {
        var records: [StreamRecord] = []
        try frame.view.forEachRecord { record throws(LogFormatError) in
            if case .stream(let record) = record, stream == nil || record.name == stream { records.append(record) }
        }
        var count = 0
        for record in records {
            if record.kind == .delete, let stream { throw StreamRefusal.deleted(stream: stream) }
            guard record.kind == .append else { continue }
            for index in 0..<record.eventCount {
                let found = StreamEvent(
                    stream: record.name, revision: record.revision + UInt64(index),
                    number: record.number + UInt64(index), time: record.time, line: Array(record.line(index)))
                guard place(found) >= next else { continue }
                next = place(found) + 1
                let event = try codec.event(found.line)
                guard filter.takes(event) else { continue }
                count += 1
                try body(StoredStreamEvent(place: found, event: event))
            }
        }
        return count
    }
}
