/// A live part of a stream that lies in a segment which is to go.
enum StreamRest {
    case events(StreamRun)
    case snapshot(stream: String, StreamSnapshot)

    var place: StreamPlace {
        switch self {
        case .events(let run): run.place
        case .snapshot(_, let snapshot): snapshot.place
        }
    }
}

extension Streams {
    /// What is live in the frames up to `sequence`, in the order of the log.
    func rest(through sequence: UInt64) -> [StreamRest] {
        var found: [StreamRest] = []
        for stream in table {
            if stream.runs.contains(where: { $0.place.sequence <= sequence }) {
                found += runs(of: stream.name).filter { $0.place.sequence <= sequence }.map { .events($0) }
            }
            for snapshot in stream.snapshots where snapshot.place.sequence <= sequence {
                found.append(.snapshot(stream: stream.name, snapshot))
            }
        }
        return found.sorted { $0.place < $1.place }
    }
}

extension StreamRecordReader {
    /// The record that says the same once more.
    func carried(_ rest: StreamRest) throws(LogError) -> StreamRecord {
        switch rest {
        case .events(let run):
            let old = try record(of: run)
            var record = StreamRecord(.carried, run.stream, revision: run.revision, number: run.number, time: run.time)
            for index in run.skipped..<old.eventCount { record.add(Array(old.line(index)), key: old.keys[index]) }
            return record
        case .snapshot(let stream, let snapshot):
            var record = try record(at: snapshot.place)
            guard record.name == stream, record.revision == snapshot.revision else {
                throw LogError(
                    .corrupt,
                    "frame \(snapshot.place.sequence): record \(snapshot.place.record) of a stream is not the snapshot "
                        + "of '\(stream)' at \(snapshot.revision)")
            }
            record.kind = .carriedSnapshot
            return record
        }
    }
}

extension Streams {
    /// The run that held these events lies elsewhere now, from that revision on; nothing happens when it is gone, nor,
    /// unless the place is newer than any that is known, when it was moved before.
    mutating func move(_ name: String, revision: UInt64, number: UInt64, to place: StreamPlace, isNew: Bool) {
        guard let index = indexes[name],
            let run = table[index].lastRun(upTo: revision),
            table[index].runs[run].number + (revision - table[index].runs[run].revision) == number,
            isNew || table[index].runs[run].place.isInMemory
        else { return }
        table[index].runs[run].revision = revision
        table[index].runs[run].number = number
        table[index].runs[run].place = place
    }

    /// The same for a snapshot.
    mutating func moveSnapshot(of name: String, at revision: UInt64, to place: StreamPlace, isNew: Bool) {
        guard let index = indexes[name],
            let snapshot = table[index].snapshots.firstIndex(where: { $0.revision == revision }),
            isNew || table[index].snapshots[snapshot].place.isInMemory
        else { return }
        table[index].snapshots[snapshot].place = place
    }
}
