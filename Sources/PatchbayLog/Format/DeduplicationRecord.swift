/// A key that a route has admitted: in the frame of its event. 32 bytes.
package struct DeduplicationRecord: Equatable, Sendable {
    package var key: DeduplicationKey
    /// Unix nanoseconds.
    package var time: UInt64
    /// The route's number.
    package var route: UInt16

    package init(_ key: DeduplicationKey, time: UInt64, route: UInt16) {
        self.key = key
        self.time = time
        self.route = route
    }

    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        key = DeduplicationKey(high: try reader.next(), low: try reader.next())
        time = try reader.next()
        route = try reader.next()
        _ = try reader.take(6)
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(key.high)
        writer.append(key.low)
        writer.append(time)
        writer.append(route)
        _ = writer.skip(6)
    }
}
