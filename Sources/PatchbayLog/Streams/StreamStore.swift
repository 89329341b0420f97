package import PatchbayEvents
import Synchronization

/// The streams of a running host: in memory alone, or over a log in files.
///
/// Changes are the dispatcher's and are seen at once; questions come from any thread. With a log, what was changed is
/// read from memory until the log has it, and from the log then. Without one everything is in memory.
package final class StreamStore: Sendable {
    private struct Contents {
        var streams = Streams()
        /// Events by their run's first number and snapshots, that are not in a log, or not yet.
        var records: [UInt64: StreamRecord] = [:]
        var snapshots: [SnapshotKey: (record: StreamRecord, serial: UInt64)] = [:]
        var serial: UInt64 = 0
        /// With a log: what it has not said that it has, in the order of the records.
        var unplaced: [Unplaced] = []
        var bytes = 0
    }

    private struct SnapshotKey: Hashable {
        var stream: String
        var revision: UInt64
    }

    private enum Unplaced {
        case events(stream: String, revision: UInt64, number: UInt64)
        /// One of the same revision may have taken its place, which has another serial.
        case snapshot(SnapshotKey, serial: UInt64)
        case other
    }

    /// What a call changes, together or not at all: at most one append a stream.
    package struct Changes: Sendable {
        package var appends: [(stream: String, events: [StreamLine], expected: ExpectedRevision)] = []
        package var snapshots: [(stream: String, revision: UInt64, bytes: [UInt8])] = []

        package init() {}
    }

    private let contents: Mutex<Contents>
    private let reader: LogReader?
    /// Bytes that are held in memory, those of open calls included.
    package let room: ByteRoom

    /// In memory alone: at most `bytesMax` bytes of events and snapshots.
    package init(bytesMax: Int = 256 << 20) {
        contents = Mutex(Contents())
        reader = nil
        room = ByteRoom(bytesMax: bytesMax)
    }

    /// Over a log that has these streams.
    package init(_ streams: Streams, reader: LogReader, bytesMax: Int = 256 << 20) {
        contents = Mutex(Contents(streams: streams))
        self.reader = reader
        room = ByteRoom(bytesMax: bytesMax)
    }

    // MARK: Questions

    package subscript(name: String) -> StreamInfo? { contents.withLock { $0.streams[name] } }

    /// Decides about an append as things stand now.
    package func decide(
        _ name: String, expected: ExpectedRevision, keys: [UInt64]
    ) throws(StreamRefusal) -> Streams.Decision {
        try contents.withLock { contents throws(StreamRefusal) in
            try contents.streams.decide(name, expected: expected, keys: keys)
        }
    }

    /// At most `count` events of a stream, in the selection's order; none when there is no such stream.
    package func read(
        _ name: String, _ selection: StreamSelection = StreamSelection(), count: Int
    ) throws(LogError) -> [StreamEvent] {
        do throws(LogError) {
            return try readOnce(name, selection, count)
        } catch {
            // What lay in a segment that has just gone lies elsewhere by now.
            guard error.code == .missing else { throw error }
            return try readOnce(name, selection, count)
        }
    }

    private func readOnce(
        _ name: String, _ selection: StreamSelection, _ count: Int
    ) throws(LogError) -> [StreamEvent] {
        guard count > 0 else { return [] }
        var events: [StreamEvent] = []
        let (runs, held) = contents.withLock { contents in
            let runs = contents.streams.runs(of: name, selection, count: count)
            var held: [UInt64: StreamRecord] = [:]
            for run in runs where run.place.isInMemory {
                held[run.number] = contents.records[run.number - UInt64(run.skipped)]
            }
            return (runs, held)
        }
        let records = reader.map { StreamRecordReader($0) }
        do {
            try Streams.forEachEvent(
                in: runs, byNumber: false, selection,
                record: { run in
                    if let record = held[run.number] { return record }
                    guard let records else { preconditionFailure("a stream's events are nowhere") }
                    return try records.record(of: run)
                },
                body: { event in
                    events.append(event)
                    return events.count < count
                })
        } catch let error as LogError {
            throw error
        } catch {
            throw LogError(.io, "\(error)")
        }
        return events
    }

    /// The latest snapshot at a revision or before; `nil` when there is none.
    package func snapshot(
        of name: String, at revision: UInt64 = .max
    ) throws(LogError) -> (revision: UInt64, time: UInt64, bytes: [UInt8])? {
        let found = contents.withLock { contents -> (StreamSnapshot, [UInt8]?)? in
            guard let snapshot = contents.streams.snapshot(of: name, where: { $0.revision <= revision }) else {
                return nil
            }
            let key = SnapshotKey(stream: name, revision: snapshot.revision)
            return (snapshot, snapshot.place.isInMemory ? contents.snapshots[key]?.record.data : nil)
        }
        guard let (snapshot, held) = found else { return nil }
        if let held { return (snapshot.revision, snapshot.time, held) }
        guard let reader else { preconditionFailure("a stream's snapshot is nowhere") }
        return (snapshot.revision, snapshot.time, try StreamRecordReader(reader).record(at: snapshot.place).data)
    }

    // MARK: Changes

    /// Does all of it, or nothing; what the log has to say of it goes to `recording`. [dispatcher]
    ///
    /// Throws when a stream is at another revision by now.
    package func commit(
        _ changes: Changes, now: UInt64, recording: (StreamRecord) -> Void = { _ in }
    ) throws(StreamRefusal) {
        let records = try contents.withLock { contents throws(StreamRefusal) in
            for append in changes.appends {
                _ = try contents.streams.decide(
                    append.stream, expected: append.expected, keys: append.events.map(\.key))
            }
            var records: [StreamRecord] = []
            for append in changes.appends {
                let change = StreamChange.append(
                    stream: append.stream, events: append.events, expected: append.expected)
                try apply(change, now: now, to: &contents, &records)
            }
            for snapshot in changes.snapshots {
                let change = StreamChange.snapshot(
                    stream: snapshot.stream, revision: snapshot.revision, bytes: snapshot.bytes)
                try apply(change, now: now, to: &contents, &records)
            }
            return records
        }
        for record in records { recording(record) }
    }

    /// Does one thing; what the log has to say of it goes to `recording`. [dispatcher]
    package func apply(
        _ change: StreamChange, now: UInt64, recording: (StreamRecord) -> Void = { _ in }
    ) throws(StreamRefusal) -> StreamAnswer {
        let answer = try contents.withLock { contents throws(StreamRefusal) in
            var records: [StreamRecord] = []
            return try apply(change, now: now, to: &contents, &records)
        }
        if let record = answer.record { recording(record) }
        return answer
    }

    @discardableResult
    private func apply(
        _ change: StreamChange, now: UInt64, to contents: inout Contents, _ records: inout [StreamRecord]
    ) throws(StreamRefusal) -> StreamAnswer {
        let answer = try contents.streams.plan(change, now: now)
        guard let record = answer.record else { return answer }
        let before = contents.bytes
        if record.kind == .truncate || record.kind == .delete { forget(record, &contents) }
        do throws(LogFormatError) {
            try contents.streams.apply(record)
        } catch {
            preconditionFailure("a change that was planned cannot be: \(error)")
        }
        hold(record, &contents)
        room.settle(contents.bytes - before)
        records.append(record)
        return answer
    }

    private func hold(_ record: StreamRecord, _ contents: inout Contents) {
        let key = SnapshotKey(stream: record.name, revision: record.revision)
        var unplaced = Unplaced.other
        switch record.kind {
        case .append:
            contents.records[record.number] = record
            contents.bytes += record.byteCount
            unplaced = .events(stream: record.name, revision: record.revision, number: record.number)
        case .snapshot:
            contents.serial += 1
            if let old = contents.snapshots.updateValue((record, contents.serial), forKey: key) {
                contents.bytes -= old.record.byteCount
            }
            contents.bytes += record.byteCount
            unplaced = .snapshot(key, serial: contents.serial)
            // One more may push the first out.
            let kept = contents.streams[record.name]?.snapshots ?? []
            if reader == nil, let first = kept.first, kept.count == Streams.snapshotsMax {
                for (old, held) in contents.snapshots where old.stream == key.stream && old.revision < first {
                    contents.bytes -= held.record.byteCount
                    contents.snapshots[old] = nil
                }
            }
        default: break
        }
        if reader != nil { contents.unplaced.append(unplaced) }
    }

    /// Gives the memory of what goes back.
    private func forget(_ record: StreamRecord, _ contents: inout Contents) {
        for run in contents.streams.runs(of: record.name) where run.place.isInMemory && run.end <= record.revision {
            let number = run.number - UInt64(run.skipped)
            if let old = contents.records.removeValue(forKey: number) { contents.bytes -= old.byteCount }
        }
        guard record.kind == .delete else { return }
        for revision in contents.streams[record.name]?.snapshots ?? [] {
            let key = SnapshotKey(stream: record.name, revision: revision)
            if let old = contents.snapshots.removeValue(forKey: key) { contents.bytes -= old.record.byteCount }
        }
    }

    // MARK: The log

    /// The log has the next `count` records, in the frame with this sequence. [dispatcher]
    package func placed(_ count: Int, in sequence: UInt64) {
        contents.withLock { contents in
            let before = contents.bytes
            for (index, unplaced) in contents.unplaced.prefix(count).enumerated() {
                let place = StreamPlace(sequence, record: UInt32(index))
                switch unplaced {
                case .events(let stream, let revision, let number):
                    contents.streams.move(stream, revision: revision, number: number, to: place, isNew: false)
                    if let old = contents.records.removeValue(forKey: number) { contents.bytes -= old.byteCount }
                case .snapshot(let key, let serial):
                    guard let held = contents.snapshots[key], held.serial == serial else { continue }
                    contents.streams.moveSnapshot(of: key.stream, at: key.revision, to: place, isNew: false)
                    contents.snapshots[key] = nil
                    contents.bytes -= held.record.byteCount
                case .other: break
                }
            }
            contents.unplaced.removeFirst(min(count, contents.unplaced.count))
            room.settle(contents.bytes - before)
        }
    }

    /// The log has written this once more, and what lay elsewhere goes. [the log's thread]
    package func carried(_ records: [StreamRecord], in sequence: UInt64) {
        contents.withLock { contents in
            for (index, record) in records.enumerated() {
                let place = StreamPlace(sequence, record: UInt32(index))
                if record.kind == .carried {
                    contents.streams.move(
                        record.name, revision: record.revision, number: record.number, to: place, isNew: true)
                } else {
                    contents.streams.moveSnapshot(of: record.name, at: record.revision, to: place, isNew: true)
                }
            }
        }
    }
}
