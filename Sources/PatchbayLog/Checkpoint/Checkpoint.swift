import CPatchbaySystem

/// What the log's frames up to one of them amount to, so that a start reads only the frames behind it.
///
/// A header of 64 bytes (see `CheckpointHeader`), then sections: the length of the name (1 byte), the name, padding to
/// 8, the length (8 bytes), the bytes, padding to 8. The sections "ledger" and "streams" are the ledger's; the others are
/// of whoever has to fold frames, too.
package struct Checkpoint: Sendable {
    package var ledger: Ledger
    /// Unix nanoseconds.
    package var writtenAt: UInt64
    /// In the order in which they were added; names are unique.
    package var extras: [(name: String, bytes: [UInt8])]

    static let ledgerName = "ledger"
    static let streamsName = "streams"

    /// The frame up to which everything is folded in.
    package var sequence: UInt64 { ledger.sequence }

    /// The bytes of an extra; `nil` when the checkpoint has none of this name.
    package func extra(_ name: String) -> [UInt8]? { extras.first { $0.name == name }?.bytes }

    /// The extra of handlers' state, as records; and the one of version 1, whose records have no origin.
    package static let stateName = "state/2"
    package static let stateWithoutOriginName = "state"
    /// The extra of handlers' subscriptions.
    package static let subscriptionsName = "subscriptions"

    /// Visits handlers' keys as they stood, of either version.
    package func forEachState(_ body: (StateRecord) throws(LogFormatError) -> Void) throws(LogFormatError) {
        for (name, bytes) in extras where name == Self.stateName || name == Self.stateWithoutOriginName {
            try bytes.withUnsafeBufferPointer { bytes throws(LogFormatError) in
                var reader = ByteReader(UnsafeRawBufferPointer(bytes))
                while !reader.isAtEnd {
                    try body(try StateRecord(&reader, hasOrigin: name == Self.stateName))
                }
            }
        }
    }

    /// Reads a whole checkpoint; whatever the bytes are, the result is right or an error.
    package init(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        let header = try CheckpointHeader(bytes)
        var reader = ByteReader(bytes)
        _ = try reader.take(CheckpointHeader.byteCount)
        var ledger: Ledger?
        var streams: Streams?
        var extras: [(name: String, bytes: [UInt8])] = []
        for _ in 0..<header.sectionCount {
            let name = try reader.text(Int(try reader.next(UInt8.self)))
            try reader.skipPadding(to: 8)
            guard let length = Int(exactly: try reader.next(UInt64.self)) else { throw LogFormatError.short }
            let section = try reader.take(length)
            try reader.skipPadding(to: 8)
            if name == Self.ledgerName, ledger == nil {
                ledger = try Ledger(checkpoint: section, header)
            } else if name == Self.streamsName, streams == nil {
                streams = try Streams(checkpoint: section)
            } else if name != Self.ledgerName, name != Self.streamsName, !extras.contains(where: { $0.name == name }) {
                extras.append((name, [UInt8](section)))
            } else {
                throw LogFormatError("a checkpoint has two sections \"\(name)\"")
            }
        }
        guard reader.isAtEnd else { throw LogFormatError("a checkpoint has bytes behind its sections") }
        guard var ledger else { throw LogFormatError("a checkpoint has no ledger") }
        if let streams { ledger.streams = streams }
        self.ledger = ledger
        self.extras = extras
        writtenAt = header.writtenAt
    }
}

/// The first 64 bytes of a checkpoint, little-endian.
struct CheckpointHeader: Equatable {
    static let magic: UInt32 = 0x3143_4250  // "PBC1"
    private static let versions: ClosedRange<UInt16> = 1...3
    static let byteCount = 64

    // Offset 0: magic, 4 bytes. 4: CRC32C of everything from offset 8 on. 8: version, 2 bytes; 6 reserved.
    // 16: length of the whole, 8 bytes.
    /// A program that reads version 1 alone would leave out handlers' state, and one that reads up to 2 their
    /// subscriptions: 3 is written where there are any.
    var version: UInt16 = 2
    /// Offset 24: of the last frame that is folded in.
    var sequence: UInt64 = 0
    /// Offset 32: position of the next event.
    var nextPosition: UInt64 = 0
    /// Offset 40: Unix nanoseconds.
    var writtenAt: UInt64 = 0
    /// Offset 48: of the last frame.
    var lastChecksum: UInt32 = 0
    /// Offset 52: of the last frame's writer.
    var epoch: UInt32 = 0
    /// Offset 56; 4 bytes reserved behind it.
    var sectionCount: UInt32 = 0

    init(_ ledger: Ledger, writtenAt: UInt64, sectionCount: UInt32) {
        sequence = ledger.sequence
        nextPosition = ledger.nextPosition
        lastChecksum = ledger.lastChecksum
        epoch = ledger.epoch
        self.writtenAt = writtenAt
        self.sectionCount = sectionCount
    }

    /// Checks length, version and checksum of a whole checkpoint.
    init(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        guard try reader.next(UInt32.self) == Self.magic else { throw LogFormatError("this is no checkpoint") }
        let checksum = try reader.next(UInt32.self)
        version = try reader.next(UInt16.self)
        guard Self.versions.contains(version) else {
            throw LogFormatError(
                "a checkpoint has format version \(version); this program reads \(Self.versions.lowerBound) to "
                    + "\(Self.versions.upperBound)", isUnsupported: true)
        }
        _ = try reader.take(6)
        guard try reader.next(UInt64.self) == UInt64(bytes.count) else {
            throw LogFormatError("a checkpoint is cut short, or has bytes behind its end")
        }
        guard Self.checksum(of: bytes) == checksum else { throw LogFormatError("a checkpoint's checksum is wrong") }
        sequence = try reader.next()
        nextPosition = try reader.next()
        writtenAt = try reader.next()
        lastChecksum = try reader.next()
        epoch = try reader.next()
        sectionCount = try reader.next()
        _ = try reader.take(4)
    }

    /// Writes the header over the first bytes, the checksum last.
    func write(to writer: inout ByteWriter) {
        writer.set(Self.magic, at: 0)
        writer.set(version, at: 8)
        writer.set(UInt64(writer.count), at: 16)
        writer.set(sequence, at: 24)
        writer.set(nextPosition, at: 32)
        writer.set(writtenAt, at: 40)
        writer.set(lastChecksum, at: 48)
        writer.set(epoch, at: 52)
        writer.set(sectionCount, at: 56)
        writer.set(Self.checksum(of: writer.bytes), at: 4)
    }

    private static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress, bytes.count > 8 else { return 0 }
        return pbs_crc32c(0, base + 8, UInt64(bytes.count - 8))
    }
}

/// Encodes a checkpoint: the ledger first, then what others add.
package struct CheckpointBuilder: ~Copyable {
    private var writer = ByteWriter(capacity: 1 << 16)
    private var header: CheckpointHeader
    private var names: Set<String> = []

    /// `writtenAt` is in Unix nanoseconds.
    package init(_ ledger: Ledger, writtenAt: UInt64) {
        header = CheckpointHeader(ledger, writtenAt: writtenAt, sectionCount: 0)
        _ = writer.skip(CheckpointHeader.byteCount)
        section(Checkpoint.ledgerName) { ledger.encode(to: &$0) }
        if !ledger.streams.isEmpty { section(Checkpoint.streamsName) { ledger.streams.encode(to: &$0) } }
    }

    /// Adds what `body` writes. Names are unique, and have 1 to 255 bytes.
    package mutating func add(_ name: String, _ body: (inout ByteWriter) -> Void) {
        if name == Checkpoint.subscriptionsName { header.version = 3 }
        section(name, body)
    }

    /// Completes the header; the whole checkpoint, valid while the builder is.
    package mutating func finish() -> UnsafeRawBufferPointer {
        header.write(to: &writer)
        return writer.bytes
    }

    /// The frame up to which everything is folded in.
    package var sequence: UInt64 { header.sequence }

    private mutating func section(_ name: String, _ body: (inout ByteWriter) -> Void) {
        precondition((1...255).contains(name.utf8.count) && names.insert(name).inserted, "a section has its own name")
        writer.append(UInt8(name.utf8.count))
        writer.append(name)
        writer.pad(to: 8)
        let length = writer.skip(8)
        body(&writer)
        writer.set(UInt64(writer.count - length - 8), at: length)
        writer.pad(to: 8)
        header.sectionCount += 1
    }
}
