import PatchbayLog
import Testing

/// A frame as a test wants it, with made-up events.
struct LedgerFrame {
    struct Delivery {
        /// Index in the section.
        var event: Int
        var route: UInt16 = 0
        var handler: UInt16
    }

    struct Section {
        var eventCount: Int
        var deliveries: [Delivery] = []
    }

    var names: [NameRecord] = []
    /// One events section each.
    var events: [Section] = []
    var outcomes: [OutcomeRecord] = []
    var failures: [FailureRecord] = []
    var deadLetters: [DeadLetterRecord] = []
    var operations: [OperationRecord] = []
    var state: [UInt8] = []
    var eventCount: Int { events.reduce(0) { $0 + $1.eventCount } }
}

/// Writes frames that continue each other and folds them into ledgers.
struct LedgerLog {
    var sequence: UInt64 = 0
    var position: UInt64 = 0
    var checksum: UInt32 = 0
    var epoch: UInt32 = 1
    /// All frames, one after the other, and where each starts.
    var frames: [[UInt8]] = []

    /// Writes a frame; its bytes.
    @discardableResult mutating func append(_ frame: LedgerFrame) -> [UInt8] {
        var builder = FrameBuilder(capacity: 4096)
        _ = builder.begin()
        if !frame.names.isEmpty { builder.add(.names) { for record in frame.names { record.write(to: &$0) } } }
        for section in frame.events { builder.add(.events) { Self.write(section, to: &$0) } }
        if !frame.outcomes.isEmpty { builder.add(.outcomes) { for record in frame.outcomes { record.write(to: &$0) } } }
        if !frame.failures.isEmpty { builder.add(.failures) { for record in frame.failures { record.write(to: &$0) } } }
        if !frame.deadLetters.isEmpty {
            builder.add(.deadLetters) { for record in frame.deadLetters { record.write(to: &$0) } }
        }
        if !frame.operations.isEmpty {
            builder.add(.operations) { for record in frame.operations { record.write(to: &$0) } }
        }
        if !frame.state.isEmpty { builder.add(.state) { $0.append(frame.state) } }
        var header = FrameHeader()
        sequence += 1
        header.sequence = sequence
        header.firstPosition = position
        header.eventCount = UInt32(frame.eventCount)
        header.epoch = epoch
        header.previousChecksum = checksum
        checksum = builder.end(header).checksum
        position += UInt64(frame.eventCount)
        let bytes = [UInt8](builder.bytes)
        frames.append(bytes)
        return bytes
    }

    static func location(_ sequence: UInt64) -> FrameLocation {
        FrameLocation(
            segment: UInt32(truncatingIfNeeded: sequence / 10 + 1), offset: UInt32(sequence % 10 * 4096), length: 4096)
    }

    /// An events section as `EventsSection` reads it, with empty lines.
    static func write(_ section: LedgerFrame.Section, to writer: inout ByteWriter) {
        var deliveries = ByteWriter()
        for delivery in section.deliveries {
            deliveries.append(UInt16(delivery.event))
            deliveries.append(delivery.route)
            deliveries.append(delivery.handler)
            deliveries.append(UInt16(0))
        }
        writer.append(UInt32(section.eventCount))
        writer.append(UInt32(section.deliveries.count))
        writer.append(UInt32(deliveries.count))
        writer.append(UInt32(section.eventCount))
        for _ in 0..<6 { writer.append(UInt32(0)) }
        for _ in 0..<section.eventCount { writer.append(UInt64(0)) }
        writer.append(deliveries.bytes)
        for event in 0..<section.eventCount { writer.append(UInt32(event)) }
        for _ in 0..<section.eventCount { writer.append(UInt8(ascii: "\n")) }
    }
}

extension Ledger {
    /// Folds a frame's bytes.
    mutating func fold(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { raw in
            let frame = try FrameView(raw)
            try fold(frame, at: LedgerLog.location(frame.header.sequence)) { _, _ in }
        }
    }

    /// What the ledger says is pending for a handler in frames.
    func pendingIDs(_ handler: UInt16, from position: UInt64 = 0) -> [DeliveryID] {
        pending(handler, from: position).flatMap { found in
            var ids: [DeliveryID] = []
            found.events.forEach {
                ids.append(DeliveryID(position: found.firstPosition + UInt64($0), handler: handler))
            }
            return ids
        }
    }
}

/// A small generator for tests: SplitMix64.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
