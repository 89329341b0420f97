package import PatchbayEvents
import Synchronization

/// The streams of a running host: in memory alone, or over a log in files.
///
/// Changes are the dispatcher's and are seen at once; questions come from any thread. With a log, what was changed is
/// read from memory until the log has it, and from the log then. Without one everything is in memory.
package final class StreamStore: Sendable {
    private struct Contents {
        var streams = Streams()
        /// `nil`: everything stays in memory.
        var reader: LogReader?
        /// Events by their run's first number and snapshots, that are not in a log, or not yet.
        var records: [UInt64: StreamRecord] = [:]
        var snapshots: [SnapshotKey: (record: StreamRecord, serial: UInt64)] = [:]
        var serial: UInt64 = 0
        /// With a log: what it has not said that it has, in the order of the records.
        var unplaced: [Unplaced] = []
        var bytes = 0
        var observer: (@Sendable (_ stream: String) -> Void)?
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

    private let contents = Mutex(Contents())
    private static let looks = 16
    /// Bytes that are held in memory, those of open calls included.
    package let room: ByteRoom

    /// In memory alone: at most `bytesMax` bytes of events and snapshots.
    package init(bytesMax: Int = 256 << 20) { room = ByteRoom(bytesMax: bytesMax) }

    /// From now on over a log, which has these streams. Before anything else is asked or changed.
    package func open(_ streams: Streams, reader: LogReader) {
        contents.withLock { contents in
            contents.streams = streams
            contents.reader = reader
        }
    }

    /// Tells one observer of each change of a stream, once it is seen. [dispatcher]
    package func observe(_ changed: @escaping @Sendable (_ stream: String) -> Void) {
        contents.withLock { $0.observer = changed }
    }

    // MARK: Questions

    package subscript(name: String) -> StreamInfo? { contents.withLock { $0.streams[name] } }

    /// Decides about an append as things stand now.
    package func decide(_ append: StreamAppend) throws(StreamRefusal) -> Streams.Decision {
        try contents.withLock { contents throws(StreamRefusal) in
            try contents.streams.decide(append.stream, expected: append.expected, keys: append.keys)
        }
    }

    /// At most `count` events of a stream, in the selection's order; none when there is no such stream. No more follow
    /// once they have `bytesMax` bytes.
    package func read(
        _ name: String, _ selection: StreamSelection = StreamSelection(), count: Int, bytesMax: Int = .max
    ) throws(LogError) -> [StreamEvent] {
        try whereItLies { () throws(LogError) in try readOnce(name, selection, count, bytesMax) }
    }

    /// Looks again where what is asked for lay in a segment that has just gone, and lies elsewhere by now: more than once
    /// for a reader that the system keeps waiting while segments go.
    private func whereItLies<R>(_ look: () throws(LogError) -> R) throws(LogError) -> R {
        for _ in 0..<Self.looks {
            do throws(LogError) {
                return try look()
            } catch {
                guard error.code == .missing else { throw error }
            }
        }
        return try look()
    }

    private func readOnce(
        _ name: String, _ selection: StreamSelection, _ count: Int, _ bytesMax: Int
    ) throws(LogError) -> [StreamEvent] {
        guard count > 0 else { return [] }
        var events: [StreamEvent] = []
        var bytes = 0
        let (runs, held, reader) = contents.withLock { contents in
            let runs = contents.streams.runs(of: name, selection, count: count)
            var held: [UInt64: StreamRecord] = [:]
            for run in runs where run.place.isInMemory {
                held[run.number] = contents.records[run.number - UInt64(run.skipped)]
            }
            return (runs, held, contents.reader)
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
                    bytes += event.line.count
                    return events.count < count && bytes < bytesMax
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
        try whereItLies { () throws(LogError) in try snapshotOnce(name, revision) }
    }

    private func snapshotOnce(
        _ name: String, _ revision: UInt64
    ) throws(LogError) -> (revision: UInt64, time: UInt64, bytes: [UInt8])? {
        let found = contents.withLock { contents -> (StreamSnapshot, [UInt8]?, LogReader?)? in
            guard let snapshot = contents.streams.snapshot(of: name, where: { $0.revision <= revision }) else {
                return nil
            }
            let key = SnapshotKey(stream: name, revision: snapshot.revision)
            return (
                snapshot, snapshot.place.isInMemory ? contents.snapshots[key]?.record.data : nil, contents.reader
            )
        }
        guard let (snapshot, held, reader) = found else { return nil }
        if let held { return (snapshot.revision, snapshot.time, held) }
        guard let reader else { preconditionFailure("a stream's snapshot is nowhere") }
        return (snapshot.revision, snapshot.time, try StreamRecordReader(reader).record(at: snapshot.place).data)
    }

    // MARK: Changes

    /// Whether streams take all of this as they stand now. [dispatcher]
    package func takes(_ appends: [StreamAppend], _ snapshots: [StreamSnapshotWrite]) -> Bool {
        contents.withLock { contents in
            do throws(StreamRefusal) {
                var next: [String: UInt64] = [:]
                for append in appends {
                    let first: UInt64
                    switch try contents.streams.decide(append.stream, expected: append.expected, keys: append.keys) {
                    case .appends(let revision), .isRepeat(let revision): first = revision
                    }
                    next[append.stream] = first + UInt64(append.events.count)
                }
                for snapshot in snapshots {
                    let info = contents.streams[snapshot.stream]
                    guard info?.isDeleted != true else { return false }
                    guard snapshot.revision < max(info?.next ?? 0, next[snapshot.stream] ?? 0) else { return false }
                }
                return true
            } catch {
                return false
            }
        }
    }

    /// Does what it `takes`; what the log has to say of it goes to `recording`. [dispatcher]
    package func commit(
        _ appends: [StreamAppend], _ snapshots: [StreamSnapshotWrite], now: UInt64,
        recording: (StreamRecord) -> Void = { _ in }
    ) {
        let changes =
            appends.map {
                StreamChange.append(
                    stream: $0.stream, events: $0.events.map { StreamLine($0) }, expected: $0.expected)
            } + snapshots.map { .snapshot(stream: $0.stream, revision: $0.revision, bytes: $0.bytes) }
        for change in changes {
            do throws(StreamRefusal) {
                _ = try apply(change, now: now, recording: recording)
            } catch {
                preconditionFailure("streams refuse what they took: \(error)")
            }
        }
    }

    /// Does one thing; what the log has to say of it goes to `recording`. [dispatcher]
    package func apply(
        _ change: StreamChange, now: UInt64, recording: (StreamRecord) -> Void = { _ in }
    ) throws(StreamRefusal) -> StreamAnswer {
        let (answer, observer) = try contents.withLock { contents throws(StreamRefusal) in
            (try apply(change, now: now, to: &contents), contents.observer)
        }
        if let record = answer.record {
            recording(record)
            if record.kind != .subscription { observer?(record.name) }
        }
        return answer
    }

    private func apply(
        _ change: StreamChange, now: UInt64, to contents: inout Contents
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
            if contents.reader == nil, let first = kept.first, kept.count == Streams.snapshotsMax {
                for (old, held) in contents.snapshots where old.stream == key.stream && old.revision < first {
                    contents.bytes -= held.record.byteCount
                    contents.snapshots[old] = nil
                }
            }
        default: break
        }
        if contents.reader != nil { contents.unplaced.append(unplaced) }
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

extension StreamAppend {
    var keys: [UInt64] { events.map { EventKey.hash(source: $0.source, id: $0.id) } }
}
