import CPatchbaySystem

/// The header of a frame: the unit that is written, checked and recovered whole or not at all.
///
/// 64 bytes, little-endian, followed by sections; the whole is padded to 8 bytes. `docs/log-format.md` has it byte by
/// byte.
package struct FrameHeader: Equatable, Sendable {
    package static let magic: UInt32 = 0x3146_4250  // "PBF1"
    package static let byteCount = 64
    /// Longer frames are not written, and not believed when read.
    package static let lengthMax = 1 << 30
    static let versions: ClosedRange<UInt8> = 1...3

    package var checksum: UInt32 = 0
    /// Of the whole frame with this header, in bytes.
    package var length: UInt32 = 0
    package var version: UInt8 = 1
    /// 0: as it is. 1 is reserved for zstd.
    package var codec: UInt8 = 0
    /// How many of the frames right before it were not known to be on disk when it was made: every frame before those
    /// was. Recovery tells by it what may be missing after a crash from what must not be.
    package var unsyncedBefore: UInt16 = 0
    /// Consecutive over the whole log, from 1.
    package var sequence: UInt64 = 0
    /// Position of its first event; of the next event when it has none.
    package var firstPosition: UInt64 = 0
    package var eventCount: UInt32 = 0
    /// Counts up with each writer that opened the log.
    package var epoch: UInt32 = 0
    /// Unix nanoseconds.
    package var writtenAt: UInt64 = 0
    /// 0: not encrypted. Reserved.
    package var key: UInt32 = 0
    /// Of the frame before: a chain.
    package var previousChecksum: UInt32 = 0
    /// Reserved for a cryptographic chain.
    package var reserved: UInt64 = 0

    package init() {}

    /// Reads the fixed fields; says nothing about the frame's bytes.
    package init(_ reader: inout ByteReader) throws(LogFormatError) {
        guard try reader.next(UInt32.self) == Self.magic else { throw LogFormatError("no frame starts here") }
        checksum = try reader.next()
        length = try reader.next()
        version = try reader.next()
        codec = try reader.next()
        unsyncedBefore = try reader.next()
        sequence = try reader.next()
        firstPosition = try reader.next()
        eventCount = try reader.next()
        epoch = try reader.next()
        writtenAt = try reader.next()
        key = try reader.next()
        previousChecksum = try reader.next()
        reserved = try reader.next()
        guard length >= UInt32(Self.byteCount), length <= UInt32(Self.lengthMax), length % 8 == 0 else {
            throw LogFormatError("a frame's length of \(length) bytes is impossible")
        }
    }

    fileprivate func write(to writer: inout ByteWriter, at offset: Int) {
        writer.set(Self.magic, at: offset)
        writer.set(length, at: offset + 8)
        writer.set(version, at: offset + 12)
        writer.set(codec, at: offset + 13)
        writer.set(unsyncedBefore, at: offset + 14)
        writer.set(sequence, at: offset + 16)
        writer.set(firstPosition, at: offset + 24)
        writer.set(eventCount, at: offset + 32)
        writer.set(epoch, at: offset + 36)
        writer.set(writtenAt, at: offset + 40)
        writer.set(key, at: offset + 48)
        writer.set(previousChecksum, at: offset + 52)
        writer.set(reserved, at: offset + 56)
    }
}

/// What a part of a frame holds. Readers skip kinds that they do not know.
package struct SectionKind: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Accepted events and the deliveries that they were given.
    package static let events = SectionKind(rawValue: 1)
    /// Deliveries that ended as done or skipped.
    package static let outcomes = SectionKind(rawValue: 2)
    /// Failed attempts: repeated at a time, or given up.
    package static let failures = SectionKind(rawValue: 3)
    /// Routes and handlers that later sections name by number.
    package static let names = SectionKind(rawValue: 4)
    /// Dead letters as they are kept.
    package static let deadLetters = SectionKind(rawValue: 5)
    /// Changes of handlers' state, without where they come from: as frames of version 1 have them.
    package static let stateWithoutOrigin = SectionKind(rawValue: 6)
    /// Timers and delayed events: set, cancelled, fired.
    package static let timers = SectionKind(rawValue: 7)
    /// Appends to streams.
    package static let streams = SectionKind(rawValue: 8)
    /// What operators did: edits, redrives, purges.
    package static let operations = SectionKind(rawValue: 9)
    /// Keys of events that routes take only once.
    package static let deduplication = SectionKind(rawValue: 10)
    /// Changes of handlers' state.
    package static let state = SectionKind(rawValue: 11)
    /// Handlers' subscriptions to streams, with how far they are.
    package static let subscriptions = SectionKind(rawValue: 12)

    /// The format version that a frame with such a section has: what an older program must not skip has a new one.
    var version: UInt8 {
        switch self {
        case .subscriptions: 3
        case .state: 2
        default: 1
        }
    }
}

/// Builds frames one after the other in one buffer.
package struct FrameBuilder: ~Copyable {
    private var writer: ByteWriter
    private var frame = 0
    private var section = 0
    /// Of the frame, as far as it is built.
    private var version: UInt8 = 1

    package init(capacity: Int = 1 << 20) { writer = ByteWriter(capacity: capacity) }

    /// The finished frames; valid until the next change.
    package var bytes: UnsafeRawBufferPointer { writer.bytes }

    package mutating func removeAll() { writer.removeAll(keeping: 4 << 20) }

    /// Of the frame that is being built, so far. Whoever ends a frame makes sure that it is not above
    /// `FrameHeader.lengthMax`.
    package var frameLength: Int { writer.count - frame }

    /// Starts a frame; where it lies in `bytes`.
    package mutating func begin() -> Int {
        frame = writer.skip(FrameHeader.byteCount)
        version = 1
        return frame
    }

    /// Adds a section with what `body` writes.
    package mutating func add<E: Error>(
        _ kind: SectionKind, _ body: (inout ByteWriter) throws(E) -> Void
    ) throws(E) {
        section = writer.count
        version = max(version, kind.version)
        writer.append(kind.rawValue)
        writer.append(UInt32(0))
        try body(&writer)
        // A section beyond that makes its frame too long, which is not written.
        writer.set(UInt32(clamping: writer.count - section - 8), at: section + 4)
        writer.pad(to: 8)
    }

    package mutating func add(_ kind: SectionKind, _ bytes: UnsafeRawBufferPointer) {
        add(kind) { $0.append(bytes) }
    }

    /// Completes the frame's header, length and checksum; the header as written.
    package mutating func end(_ header: FrameHeader) -> FrameHeader {
        precondition(frameLength <= FrameHeader.lengthMax, "a frame is longer than a frame may be")
        var header = header
        header.version = max(header.version, version)
        header.length = UInt32(frameLength)
        header.write(to: &writer, at: frame)
        header.checksum = Self.checksum(of: UnsafeRawBufferPointer(rebasing: writer.bytes[frame...]))
        writer.set(header.checksum, at: frame + 4)
        return header
    }

    /// CRC32C of a frame's bytes from `length` on.
    static func checksum(of frame: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = frame.baseAddress, frame.count > 8 else { return 0 }
        return pbs_crc32c(0, base + 8, UInt64(frame.count - 8))
    }
}

/// A frame as read: its checksum was right when this was made.
package struct FrameView {
    package let header: FrameHeader
    /// The whole frame, as long as whoever read it keeps it.
    package let bytes: UnsafeRawBufferPointer

    /// Checks the frame that starts at the first of `bytes`, which may hold more.
    package init(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        header = try FrameHeader(&reader)
        guard Int(header.length) <= bytes.count else { throw LogFormatError("a frame is cut short") }
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[..<Int(header.length)])
        guard FrameBuilder.checksum(of: self.bytes) == header.checksum else {
            throw LogFormatError("a frame's checksum is wrong")
        }
        guard FrameHeader.versions.contains(header.version) else {
            throw LogFormatError(
                "a frame has format version \(header.version); this program reads "
                    + "\(FrameHeader.versions.lowerBound) to \(FrameHeader.versions.upperBound)", isUnsupported: true)
        }
        guard header.codec == 0, header.key == 0 else {
            throw LogFormatError(
                "a frame is compressed or encrypted; this program reads plain ones", isUnsupported: true)
        }
    }

    /// Takes the frame that starts at the first of `bytes` without comparing its checksum: for frames that this
    /// process built just now.
    init(unchecked bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        header = try FrameHeader(&reader)
        guard Int(header.length) <= bytes.count else { throw LogFormatError("a frame is cut short") }
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[..<Int(header.length)])
    }

    /// Visits the sections in order.
    package func forEachSection<E: Error>(
        _ body: (SectionKind, UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) -> Bool {
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.byteCount...]))
        while !reader.isAtEnd {
            guard let (kind, section) = Self.section(&reader) else { return false }
            try body(kind, section)
        }
        return true
    }

    private static func section(_ reader: inout ByteReader) -> (SectionKind, UnsafeRawBufferPointer)? {
        do {
            let kind = SectionKind(rawValue: try reader.next())
            let length = Int(try reader.next(UInt32.self))
            let section = try reader.take(length)
            try reader.skipPadding(to: 8)
            return (kind, section)
        } catch {
            return nil
        }
    }
}
