/// The streams' part of a checkpoint. Numbers are variable-length unless said otherwise; streams are in the order of
/// their first append, subscriptions by name.
extension Streams {
    func encode(to writer: inout ByteWriter) {
        writer.append(varint: nextNumber)
        writer.append(varint: lastTime)
        writer.append(varint: table.count)
        for stream in table {
            writer.append(counted: stream.name)
            writer.append(varint: stream.isDeleted ? 1 : 0)
            writer.append(varint: stream.first)
            writer.append(varint: stream.next)
            writer.append(varint: stream.runs.count)
            for run in stream.runs {
                writer.append(varint: run.revision)
                writer.append(varint: run.number)
                writer.append(varint: run.time)
                writer.append(run.place)
            }
            let keys = stream.keys.suffix(Self.repeatWindow)
            writer.append(varint: keys.count)
            for key in keys { writer.append(key) }
            writer.append(varint: stream.snapshots.count)
            for snapshot in stream.snapshots {
                writer.append(varint: snapshot.revision)
                writer.append(varint: snapshot.time)
                writer.append(snapshot.place)
            }
        }
        writer.append(varint: subscriptions.count)
        for (name, subscription) in subscriptions.sorted(by: { $0.key < $1.key }) {
            writer.append(counted: name)
            writer.append(counted: subscription.stream)
            writer.append(varint: subscription.next)
            writer.append(varint: subscription.time)
        }
    }

    /// Reads what `encode` wrote, and believes nothing of it.
    init(checkpoint bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        nextNumber = try reader.nextVarint()
        lastTime = try reader.nextVarint()
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let stream = try Self.stream(&reader, nextNumber)
            guard indexes.updateValue(table.count, forKey: stream.name) == nil else {
                throw Self.wrong("'\(stream.name)' is there twice")
            }
            eventCount += stream.next - stream.first
            table.append(stream)
        }
        rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            subscriptions[try reader.nextCountedText()] = StreamSubscription(
                stream: try reader.nextCountedText(), next: try reader.nextVarint(), time: try reader.nextVarint())
        }
        guard reader.isAtEnd else { throw Self.wrong("there are bytes behind their end") }
    }

    private static func wrong(_ reason: String) -> LogFormatError {
        LogFormatError("a checkpoint's streams: \(reason)")
    }

    private static func stream(_ reader: inout ByteReader, _ nextNumber: UInt64) throws(LogFormatError) -> Stream {
        var stream = Stream(try reader.nextCountedText())
        stream.isDeleted = try reader.nextVarint() != 0
        stream.first = try reader.nextVarint()
        stream.next = try reader.nextVarint()
        guard stream.first <= stream.next, stream.next <= nextNumber else { throw wrong("'\(stream.name)' cannot be") }
        var rest = try reader.nextVarint()
        var revision: UInt64?
        while rest > 0 {
            rest -= 1
            let run = Stream.Run(
                revision: try reader.nextVarint(), number: try reader.nextVarint(), time: try reader.nextVarint(),
                place: try reader.nextPlace())
            guard revision.map({ $0 < run.revision }) ?? (run.revision <= stream.first), run.revision < stream.next,
                run.number < nextNumber
            else { throw wrong("the events of '\(stream.name)' are out of order") }
            revision = run.revision
            stream.runs.append(run)
        }
        guard stream.runs.isEmpty == (stream.first == stream.next) else {
            throw wrong("events of '\(stream.name)' are missing")
        }
        rest = try reader.nextVarint()
        guard rest <= UInt64(repeatWindow), rest <= stream.next else { throw wrong("keys of '\(stream.name)'") }
        for _ in 0..<rest { stream.keys.append(try reader.next()) }
        rest = try reader.nextVarint()
        guard rest <= UInt64(snapshotsMax) else { throw wrong("snapshots of '\(stream.name)'") }
        for _ in 0..<rest {
            let snapshot = StreamSnapshot(
                revision: try reader.nextVarint(), time: try reader.nextVarint(), place: try reader.nextPlace())
            guard snapshot.revision < stream.next, (stream.snapshots.last?.revision ?? 0) <= snapshot.revision else {
                throw wrong("snapshots of '\(stream.name)'")
            }
            stream.snapshots.append(snapshot)
        }
        return stream
    }
}

extension ByteWriter {
    fileprivate mutating func append(_ place: StreamPlace) {
        append(varint: place.sequence)
        append(varint: UInt64(place.record))
    }
}

extension ByteReader {
    fileprivate mutating func nextPlace() throws(LogFormatError) -> StreamPlace {
        StreamPlace(try nextVarint(), record: try nextVarint(as: UInt32.self))
    }
}
