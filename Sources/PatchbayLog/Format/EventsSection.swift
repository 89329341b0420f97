package import PatchbayEvents
import CPatchbayJSON

/// The events of a frame with their deliveries, as they lie in the log.
///
/// Lines are structured CloudEvents in JSON, one after the other with a line end between them; deliveries name routes
/// and handlers by the numbers of the log's name table.
package struct EventsSection {
    package let count: Int
    package let deliveryCount: Int
    /// Unix nanoseconds when the events were read.
    package let receivedAt: UInt64
    /// The number of the configuration that decided the deliveries; `nil` when it was not named.
    package let configuration: UInt16?
    /// A replay's, whose calls have no effects but their outcomes.
    package let isMuted: Bool
    /// Ends of the lines in `text`, little-endian, 4 bytes each.
    private let ends: UnsafeRawBufferPointer
    /// Hashes of id and source, 8 bytes each; see `EventKey`.
    private let keys: UnsafeRawBufferPointer
    private let traces: UnsafeRawBufferPointer
    private let deliveries: UnsafeRawBufferPointer
    package let text: UnsafeRawBufferPointer

    /// A delivery as recorded.
    package struct Delivery: Equatable, Sendable {
        /// Index of the event in the frame.
        package var event: Int
        package var route: UInt16
        package var handler: UInt16
        package var keyHash: UInt64 = 0
        package var rateKeyHash: UInt64 = 0
        package var priority: UInt8 = 0
    }

    /// Bytes before the arrays.
    private static let headBytes = 40
    private static let traceBytes = 40
    /// In the flags.
    private static let muted: UInt32 = 1

    package init(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        count = Int(try reader.next(UInt32.self))
        deliveryCount = Int(try reader.next(UInt32.self))
        let deliveryBytes = Int(try reader.next(UInt32.self))
        let textBytes = Int(try reader.next(UInt32.self))
        let traceCount = Int(try reader.next(UInt32.self))
        let configuration = try reader.next(UInt32.self)
        self.configuration = configuration == 0 ? nil : UInt16(clamping: configuration - 1)
        receivedAt = try reader.next()
        isMuted = try reader.next(UInt32.self) & Self.muted != 0
        _ = try reader.take(4)
        guard count <= EventBatch.eventsMax, traceCount <= count else {
            throw LogFormatError("a section of \(count) events")
        }
        keys = try reader.take(count * 8)
        traces = try reader.take(traceCount * Self.traceBytes)
        deliveries = try reader.take(deliveryBytes)
        ends = try reader.take(count * 4)
        text = try reader.take(textBytes)
        var last = 0
        for index in 0..<count {
            let end = Int(Self.load(ends, index, as: UInt32.self))
            guard end >= last, end <= textBytes else { throw LogFormatError("an event's line lies outside the text") }
            last = end + 1
        }
    }

    /// The line of an event.
    package func line(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: text[(index == 0 ? 0 : lineEnd(index - 1) + 1)..<lineEnd(index)])
    }

    /// Where an event's line ends in `text`.
    package func lineEnd(_ index: Int) -> Int { Int(Self.load(ends, index, as: UInt32.self)) }

    /// The hash of an event's id and source.
    package func key(_ index: Int) -> UInt64 { Self.load(keys, index, as: UInt64.self) }

    /// Traces that were kept: of sampled events and of those that came with one.
    package func forEachTrace(_ body: (_ event: Int, EventTrace) -> Void) throws(LogFormatError) {
        var reader = ByteReader(traces)
        while !reader.isAtEnd {
            let event = Int(try reader.next(UInt16.self))
            let flags = try reader.next(UInt16.self)
            _ = try reader.take(4)
            var trace = EventTrace()
            trace.traceHigh = try reader.next()
            trace.traceLow = try reader.next()
            trace.creator = try reader.next()
            trace.receive = try reader.next()
            trace.sampled = flags & 1 != 0
            guard event < count else { throw LogFormatError("a trace of no event") }
            body(event, trace)
        }
    }

    /// The deliveries in recorded order.
    package func forEachDelivery(_ body: (Delivery) -> Void) throws(LogFormatError) {
        var reader = ByteReader(deliveries)
        for _ in 0..<deliveryCount {
            let event = Int(try reader.next(UInt16.self))
            var delivery = Delivery(event: event, route: try reader.next(), handler: try reader.next())
            delivery.priority = try reader.next()
            let flags = try reader.next(UInt8.self)
            if flags & 1 != 0 { delivery.keyHash = try reader.next() }
            if flags & 2 != 0 { delivery.rateKeyHash = try reader.next() }
            guard event < count else { throw LogFormatError("a delivery of no event") }
            body(delivery)
        }
    }

    private static func load<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ index: Int, as: T.Type) -> T {
        T(littleEndian: bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self))
    }

    // MARK: Writing

    /// Writes a batch. `routes` and `handlers` give the log's numbers of the plan's routes and lanes, `configuration`
    /// that of the configuration of batches that do not say.
    package static func write(
        _ batch: EventBatch, routes: UnsafePointer<UInt16>, handlers: UnsafePointer<UInt16>, configuration: UInt16?,
        to writer: inout ByteWriter
    ) {
        let view = BatchView(batch)
        let start = writer.skip(headBytes)
        writer.set(UInt32(batch.count), at: start)
        if let configuration = batch.configuration ?? configuration, !batch.isGiven {
            writer.set(UInt32(configuration) + 1, at: start + 20)
        }
        if batch.isMuted { writer.set(muted, at: start + 32) }
        writer.set(batch.receivedAt, at: start + 24)
        for index in 0..<batch.count {
            let record = view.events[index]
            writer.append(EventKey.hash(source: view.bytes(record.source).raw, id: view.bytes(record.id).raw))
        }
        var traceCount: UInt32 = 0
        for index in 0..<batch.count {
            let trace = view.traces[index]
            guard trace.sampled || trace.creator != 0 else { continue }
            traceCount += 1
            writer.append(UInt16(index))
            writer.append(UInt16(trace.sampled ? 1 : 0))
            writer.append(UInt32(0))
            writer.append(trace.traceHigh)
            writer.append(trace.traceLow)
            writer.append(trace.creator)
            writer.append(trace.receive)
        }
        writer.set(traceCount, at: start + 16)
        let deliveriesStart = writer.count
        writer.reserve(batch.deliveryCount * 24)
        for index in 0..<batch.deliveryCount {
            let delivery = view.deliveries[index]
            writer.append(UInt16(delivery.event))
            writer.append(routes[Int(delivery.route)])
            writer.append(handlers[Int(delivery.lane)])
            writer.append(delivery.priority)
            writer.append(UInt8(delivery.keyHash != 0 ? 1 : 0) | UInt8(delivery.rateKeyHash != 0 ? 2 : 0))
            if delivery.keyHash != 0 { writer.append(delivery.keyHash) }
            if delivery.rateKeyHash != 0 { writer.append(delivery.rateKeyHash) }
        }
        writer.set(UInt32(batch.deliveryCount), at: start + 4)
        writer.set(UInt32(writer.count - deliveriesStart), at: start + 8)
        let ends = writer.skip(batch.count * 4)
        let textStart = writer.count
        for index in 0..<batch.count {
            append(view, index, isEnveloped: batch.isEnveloped, to: &writer)
            writer.set(UInt32(writer.count - textStart), at: ends + index * 4)
            writer.append(UInt8(ascii: "\n"))
        }
        writer.set(UInt32(writer.count - textStart), at: start + 12)
    }

    /// A line as it came; what was plain JSON in an envelope becomes a CloudEvent.
    private static func append(_ view: BatchView, _ index: Int, isEnveloped: Bool, to writer: inout ByteWriter) {
        if isEnveloped {
            writer.append(view.event(index).json)
        } else {
            writer.append(view.bytes(view.events[index].line).raw)
        }
    }
}

/// The hash by which the log finds an event: equal hashes are compared by what they stand for.
package enum EventKey {
    /// FNV-like over 8 bytes a step, well mixed at the end; a part of the log's format.
    package static func hash(source: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        mix(source, &hash)
        mix(id, &hash)
        hash ^= hash >> 32
        hash &*= 0xD6E8_FEB8_6659_FD93
        hash ^= hash >> 32
        return hash
    }

    private static func mix(_ bytes: UnsafeRawBufferPointer, _ hash: inout UInt64) {
        var offset = 0
        hash = (hash ^ UInt64(bytes.count)) &* 0xFF51_AFD7_ED55_8CCD
        while offset + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            hash = (hash ^ word) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 29
            offset += 8
        }
        var tail: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count {
            tail |= UInt64(bytes[offset]) << shift
            shift += 8
            offset += 1
        }
        hash = (hash ^ tail) &* 0xC4CE_B9FE_1A85_EC53
        hash ^= hash >> 31
    }
}

extension EventKey {
    package static func hash(source: String, id: String) -> UInt64 {
        var (source, id) = (source, id)
        return source.withUTF8 { source in
            id.withUTF8 { hash(source: UnsafeRawBufferPointer(source), id: UnsafeRawBufferPointer($0)) }
        }
    }
}
