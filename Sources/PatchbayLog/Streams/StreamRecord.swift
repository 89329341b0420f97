/// What a frame says of one stream: the section "streams" is these one after the other.
package struct StreamRecord: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// Events are appended: `revision` is the first one's.
        case append = 1
        /// The same events as an earlier record's, or its last ones: that one is not needed any more.
        case carried = 2
        /// Events before `revision` are gone.
        case truncate = 3
        /// The stream is closed for ever; `revision` is the one that would have come next.
        case delete = 4
        /// `data` is what the events up to `revision`, that one included, amount to.
        case snapshot = 5
        /// The same as an earlier snapshot: that one is not needed any more.
        case carriedSnapshot = 6
        /// A subscription has had everything before `revision` (of a stream) or `number` (of all).
        case subscription = 7
    }

    package var kind: Kind
    /// The stream's name; of a subscription, its own.
    package var name: String
    package var revision: UInt64
    /// Of the first event, over all streams.
    package var number: UInt64
    /// Unix nanoseconds; never less than that of an earlier append.
    package var time: UInt64
    /// Keys of the events; see `EventKey`.
    package var keys: [UInt64]
    /// Where each event's line ends in `data`.
    package var ends: [UInt32]
    /// The events in structured JSON, each with a line end; a snapshot's bytes; the name of a subscription's stream,
    /// empty for all of them.
    package var data: [UInt8]

    package init(
        _ kind: Kind, _ name: String, revision: UInt64, number: UInt64 = 0, time: UInt64, data: [UInt8] = []
    ) {
        self.kind = kind
        self.name = name
        self.revision = revision
        self.number = number
        self.time = time
        self.data = data
        keys = []
        ends = []
    }

    package var eventCount: Int { keys.count }

    /// Adds an event: a line of structured JSON without a line end.
    package mutating func add(_ line: [UInt8], key: UInt64) {
        keys.append(key)
        data += line
        ends.append(UInt32(data.count))
        data.append(UInt8(ascii: "\n"))
    }

    /// The line of an event, without its end.
    package func line(_ index: Int) -> ArraySlice<UInt8> {
        data[(index == 0 ? 0 : Int(ends[index - 1]) + 1)..<Int(ends[index])]
    }

    /// What it is about alone.
    var withoutData: StreamRecord {
        StreamRecord(kind, name, revision: revision, number: number, time: time)
    }

    /// About what it takes in the log.
    package var byteCount: Int { StreamRecordHead.byteCount + name.utf8.count + 12 * keys.count + data.count + 16 }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        let head = try StreamRecordHead(&reader)
        self.init(head.kind, head.name, revision: head.revision, number: head.number, time: head.time)
        keys.reserveCapacity(head.eventCount)
        ends.reserveCapacity(head.eventCount)
        for _ in 0..<head.eventCount { keys.append(try reader.next()) }
        for _ in 0..<head.eventCount { ends.append(try reader.next()) }
        data = [UInt8](try reader.take(head.dataLength))
        try reader.skipPadding(to: 8)
        var start = 0
        for end in ends {
            guard Int(end) >= start, Int(end) < data.count, data[Int(end)] == UInt8(ascii: "\n") else {
                throw LogFormatError("an event of stream '\(name)' lies outside its record")
            }
            start = Int(end) + 1
        }
        guard keys.isEmpty || start == data.count else {
            throw LogFormatError("a record of stream '\(name)' has bytes behind its events")
        }
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        writer.append(UInt16(clamping: name.utf8.count))
        writer.append(UInt32(keys.count))
        writer.append(revision)
        writer.append(number)
        writer.append(time)
        writer.append(UInt32(clamping: data.count))
        writer.append(UInt32(0))
        writer.append(name)
        writer.pad(to: 8)
        for key in keys { writer.append(key) }
        for end in ends { writer.append(end) }
        writer.append(data)
        writer.pad(to: 8)
    }
}

/// A record's fixed fields and name, for passing over the rest.
struct StreamRecordHead {
    static let byteCount = 40

    let kind: StreamRecord.Kind
    let name: String
    let eventCount: Int
    let revision: UInt64
    let number: UInt64
    let time: UInt64
    let dataLength: Int

    /// Reads up to the first event's key.
    init(_ reader: inout ByteReader) throws(LogFormatError) {
        guard let kind = StreamRecord.Kind(rawValue: try reader.next()) else {
            throw LogFormatError("an unknown kind of stream record")
        }
        self.kind = kind
        _ = try reader.next(UInt8.self)
        let nameLength = Int(try reader.next(UInt16.self))
        eventCount = Int(try reader.next(UInt32.self))
        revision = try reader.next()
        number = try reader.next()
        time = try reader.next()
        dataLength = Int(try reader.next(UInt32.self))
        _ = try reader.take(4)
        name = try reader.text(nameLength)
        try reader.skipPadding(to: 8)
        let hasEvents = kind == .append || kind == .carried
        guard hasEvents == (eventCount > 0), eventCount <= Streams.eventsMax else {
            throw LogFormatError("a record of stream '\(name)' with \(eventCount) events")
        }
    }

    /// The keys of its events; the rest is passed over.
    func keys(_ reader: inout ByteReader) throws(LogFormatError) -> [UInt64] {
        var keys: [UInt64] = []
        keys.reserveCapacity(eventCount)
        for _ in 0..<eventCount { keys.append(try reader.next()) }
        _ = try reader.take(eventCount * 4)
        return keys
    }
}
