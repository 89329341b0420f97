extension Streams {
    /// Takes the section of the frame with this sequence in. After an error it is half changed and of no use.
    mutating func fold(_ bytes: UnsafeRawBufferPointer, of sequence: UInt64) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        var record: UInt32 = 0
        while !reader.isAtEnd {
            let head = try StreamRecordHead(&reader)
            let keys = try head.keys(&reader)
            let data = try reader.take(head.dataLength)
            try reader.skipPadding(to: 8)
            let stream = head.kind == .subscription ? try Self.text(data) : ""
            try apply(head, keys, subscribed: stream, at: StreamPlace(sequence, record: record))
            record += 1
        }
    }

    /// Takes a record in that is not in a log, or not yet.
    package mutating func apply(_ record: StreamRecord) throws(LogFormatError) {
        let stream = record.kind == .subscription ? String(decoding: record.data, as: UTF8.self) : ""
        try apply(StreamRecordHead(record), record.keys, subscribed: stream, at: .memory)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .text }
        return text
    }

    private mutating func apply(
        _ head: StreamRecordHead, _ keys: [UInt64], subscribed: String, at place: StreamPlace
    ) throws(LogFormatError) {
        if head.kind == .subscription {
            guard !head.name.isEmpty else { throw LogFormatError("a subscription has no name") }
            subscriptions[head.name] =
                head.revision == .max
                ? nil : StreamSubscription(stream: subscribed, next: head.revision, time: head.time)
            return
        }
        let index = try index(of: head)
        switch head.kind {
        case .append: try append(head, keys, to: index, place)
        case .carried: try carry(head, index, place)
        case .truncate: try truncate(index, before: head.revision)
        case .delete: try delete(index, at: head.revision)
        case .snapshot: try keep(head, index, place)
        case .carriedSnapshot:
            guard let snapshot = table[index].snapshots.firstIndex(where: { $0.revision == head.revision }) else {
                throw LogFormatError("stream '\(head.name)' has no snapshot of revision \(head.revision) to carry")
            }
            table[index].snapshots[snapshot].place = place
        case .subscription: break
        }
    }

    /// The stream that a record is about; a new one for an append.
    private mutating func index(of head: StreamRecordHead) throws(LogFormatError) -> Int {
        if let index = indexes[head.name] {
            guard !table[index].isDeleted else {
                throw LogFormatError("a record of stream '\(head.name)', which is deleted")
            }
            return index
        }
        guard head.kind == .append, !head.name.isEmpty else {
            throw LogFormatError("a record of stream '\(head.name)', which does not exist")
        }
        indexes[head.name] = table.count
        table.append(Stream(head.name))
        return table.count - 1
    }

    private mutating func append(
        _ head: StreamRecordHead, _ keys: [UInt64], to index: Int, _ place: StreamPlace
    ) throws(LogFormatError) {
        guard head.revision == table[index].next, head.number == nextNumber, head.time >= lastTime else {
            throw LogFormatError(
                "an append to stream '\(head.name)' at revision \(head.revision), number \(head.number), where "
                    + "revision \(table[index].next), number \(nextNumber) is next")
        }
        table[index].runs.append(
            Stream.Run(revision: head.revision, number: head.number, time: head.time, place: place))
        table[index].next += UInt64(keys.count)
        table[index].keys += keys
        if table[index].keys.count >= 2 * Self.repeatWindow {
            table[index].keys.removeFirst(table[index].keys.count - Self.repeatWindow)
        }
        nextNumber += UInt64(keys.count)
        eventCount += UInt64(keys.count)
        lastTime = head.time
    }

    private mutating func carry(_ head: StreamRecordHead, _ index: Int, _ place: StreamPlace) throws(LogFormatError) {
        guard let run = table[index].run(of: head.revision) else {
            throw LogFormatError("stream '\(head.name)' has no revision \(head.revision) to carry")
        }
        let skipped = head.revision - table[index].runs[run].revision
        guard head.revision + UInt64(head.eventCount) == table[index].end(ofRun: run),
            head.number == table[index].runs[run].number + skipped, head.time == table[index].runs[run].time,
            skipped == 0 || head.revision == table[index].first
        else {
            throw LogFormatError("what is carried of stream '\(head.name)' from \(head.revision) on is something else")
        }
        table[index].runs[run] = Stream.Run(
            revision: head.revision, number: head.number, time: head.time, place: place)
    }

    private mutating func truncate(_ index: Int, before revision: UInt64) throws(LogFormatError) {
        guard revision > table[index].first, revision <= table[index].next else {
            throw LogFormatError(
                "stream '\(table[index].name)' has \(table[index].first) to \(table[index].next) and is truncated "
                    + "before \(revision)")
        }
        eventCount -= revision - table[index].first
        table[index].first = revision
        let gone = table[index].runs.indices.prefix { table[index].end(ofRun: $0) <= revision }.count
        table[index].runs.removeFirst(gone)
    }

    private mutating func delete(_ index: Int, at next: UInt64) throws(LogFormatError) {
        guard next == table[index].next else {
            throw LogFormatError("stream '\(table[index].name)' is deleted at \(next), not at \(table[index].next)")
        }
        eventCount -= next - table[index].first
        table[index].first = next
        table[index].isDeleted = true
        table[index].runs = []
        table[index].keys = []
        table[index].snapshots = []
    }

    /// One a revision, and of those the newest.
    private mutating func keep(_ head: StreamRecordHead, _ index: Int, _ place: StreamPlace) throws(LogFormatError) {
        guard head.revision < table[index].next else {
            throw LogFormatError("a snapshot of stream '\(head.name)' at \(head.revision), which is not there yet")
        }
        let snapshot = StreamSnapshot(revision: head.revision, time: head.time, place: place)
        table[index].snapshots.removeAll { $0.revision == head.revision }
        let later = table[index].snapshots.firstIndex { $0.revision > head.revision }
        table[index].snapshots.insert(snapshot, at: later ?? table[index].snapshots.count)
        if table[index].snapshots.count > Self.snapshotsMax { table[index].snapshots.removeFirst() }
    }
}

extension StreamRecordHead {
    init(_ record: StreamRecord) {
        kind = record.kind
        name = record.name
        eventCount = record.eventCount
        revision = record.revision
        number = record.number
        time = record.time
        dataLength = record.data.count
    }
}
