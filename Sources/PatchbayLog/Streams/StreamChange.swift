package import PatchbayEvents

/// What somebody wants done to a stream.
package enum StreamChange: Equatable, Sendable {
    /// All of the events or none, in this order.
    case append(stream: String, events: [StreamLine], expected: ExpectedRevision)
    /// Events before a revision are not needed any more.
    case truncate(stream: String, before: UInt64)
    /// Closes a stream for ever and forgets its events and snapshots.
    case delete(stream: String, expected: ExpectedRevision)
    /// Keeps what the events up to a revision amount to.
    case snapshot(stream: String, revision: UInt64, bytes: [UInt8])
    /// A subscription has had everything before `next`; `nil` forgets the subscription. An empty stream is all of them.
    case subscription(name: String, stream: String, next: UInt64?)
}

/// An event to append.
package struct StreamLine: Equatable, Sendable {
    /// Structured JSON on one line, without its end.
    package var bytes: [UInt8]
    package var key: UInt64

    package init(_ event: Event) {
        bytes = event.json
        key = EventKey.hash(source: event.source, id: event.id)
    }
}

/// What a change comes to.
package struct StreamAnswer: Equatable, Sendable {
    /// What the log has to say of it; `nil` when it is so already.
    package var record: StreamRecord?
    /// Revisions of the events of an append.
    package var revisions: Range<UInt64>?

    /// The append was done before.
    package var isRepeat: Bool { record == nil && revisions != nil }
}

extension Streams {
    /// Bytes of one append's events, or of a snapshot.
    package static let bytesMax = 64 << 20

    /// Decides about a change; nothing is changed. `now` is Unix nanoseconds.
    package func plan(_ change: StreamChange, now: UInt64) throws(StreamRefusal) -> StreamAnswer {
        switch change {
        case .append(let stream, let events, let expected): return try append(events, to: stream, expected, now)
        case .truncate(let stream, let before):
            let info = try existing(stream)
            guard before <= info.next else {
                throw .missing(
                    "stream '\(stream)' ends with revision \(info.next - 1); it has nothing before \(before)")
            }
            guard before > info.first else { return StreamAnswer() }
            return StreamAnswer(record: StreamRecord(.truncate, stream, revision: before, time: now))
        case .delete(let stream, let expected):
            let info = try existing(stream)
            switch expected {
            case .any, .streamExists: break
            case .exact(let revision) where revision == info.revision: break
            default: throw .wrongRevision(stream: stream, expected: expected, actual: info.revision)
            }
            return StreamAnswer(record: StreamRecord(.delete, stream, revision: info.next, time: now))
        case .snapshot(let stream, let revision, let bytes):
            let info = try existing(stream)
            guard revision < info.next else {
                throw .missing("stream '\(stream)' has no revision \(revision); its last is \(info.next - 1)")
            }
            guard bytes.count <= Self.bytesMax else {
                throw .impossible("a snapshot has at most \(Self.bytesMax >> 20) MiB")
            }
            return StreamAnswer(record: StreamRecord(.snapshot, stream, revision: revision, time: now, data: bytes))
        case .subscription(let name, let stream, let next):
            try Self.check(name: name)
            if !stream.isEmpty { try Self.check(name: stream) }
            let known = subscriptions[name]
            if let known, let next, known.stream == stream, known.next == next { return StreamAnswer() }
            if known == nil, next == nil { throw .missing("there is no subscription '\(name)'") }
            return StreamAnswer(
                record: StreamRecord(
                    .subscription, name, revision: next ?? .max, time: now, data: Array(stream.utf8)))
        }
    }

    private func append(
        _ events: [StreamLine], to stream: String, _ expected: ExpectedRevision, _ now: UInt64
    ) throws(StreamRefusal) -> StreamAnswer {
        let count = UInt64(events.count)
        switch try decide(stream, expected: expected, keys: events.map(\.key)) {
        case .isRepeat(of: let first): return StreamAnswer(revisions: first..<(first + count))
        case .appends(at: let first):
            guard events.reduce(0, { $0 + $1.bytes.count + 1 }) <= Self.bytesMax else {
                throw .impossible("the events of one append have at most \(Self.bytesMax >> 20) MiB")
            }
            var record = StreamRecord(.append, stream, revision: first, number: nextNumber, time: time(now))
            for event in events { record.add(event.bytes, key: event.key) }
            return StreamAnswer(record: record, revisions: first..<(first + count))
        }
    }
}
