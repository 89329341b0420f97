import CPatchbaySystem

/// The first 64 bytes of a segment. `docs/log-format.md` has it byte by byte.
package struct SegmentHeader: Equatable, Sendable {
    package static let magic: UInt64 = 0x3147_4553_474F_4C50  // "PLOGSEG1"
    package static let byteCount = 64

    /// Consecutive; the file's name.
    package var number: UInt32
    /// Of the first frame; everything before it was on disk when the segment was made.
    package var firstSequence: UInt64
    package var firstPosition: UInt64
    /// Unix nanoseconds.
    package var createdAt: UInt64
    /// Of the frame before the first.
    package var previousChecksum: UInt32
    /// The same in all segments of a log, so that one of another log is noticed.
    package var identity: UInt64

    package init(
        number: UInt32, firstSequence: UInt64, firstPosition: UInt64, createdAt: UInt64, previousChecksum: UInt32,
        identity: UInt64
    ) {
        self.number = number
        self.firstSequence = firstSequence
        self.firstPosition = firstPosition
        self.createdAt = createdAt
        self.previousChecksum = previousChecksum
        self.identity = identity
    }

    package init(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        guard try reader.next(UInt64.self) == Self.magic else { throw LogFormatError("no segment starts here") }
        let checksum = try reader.next(UInt32.self)
        let version = try reader.next(UInt16.self)
        _ = try reader.next(UInt16.self)
        number = try reader.next()
        _ = try reader.next(UInt32.self)
        firstSequence = try reader.next()
        firstPosition = try reader.next()
        createdAt = try reader.next()
        previousChecksum = try reader.next()
        _ = try reader.next(UInt32.self)
        identity = try reader.next()
        guard Self.checksum(of: bytes) == checksum else {
            throw LogFormatError("the checksum of the segment's header is wrong")
        }
        guard version == 1 else {
            throw LogFormatError(
                "the segment has format version \(version); this program reads 1", isUnsupported: true)
        }
    }

    package func write(to writer: inout ByteWriter) {
        let start = writer.count
        writer.append(Self.magic)
        writer.append(UInt32(0))
        writer.append(UInt16(1))
        writer.append(UInt16(0))
        writer.append(number)
        writer.append(UInt32(0))
        writer.append(firstSequence)
        writer.append(firstPosition)
        writer.append(createdAt)
        writer.append(previousChecksum)
        writer.append(UInt32(0))
        writer.append(identity)
        let header = UnsafeRawBufferPointer(rebasing: writer.bytes[start...])
        writer.set(Self.checksum(of: header), at: start + 8)
    }

    /// CRC32C of the header's bytes from the version on.
    private static func checksum(of header: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = header.baseAddress, header.count >= byteCount else { return 0 }
        return pbs_crc32c(0, base + 12, UInt64(byteCount - 12))
    }
}

/// The names of a segment's files: its number in sixteen hexadecimal digits.
package enum SegmentName {
    package static func segment(_ number: UInt32) -> String { "\(text(number)).seg" }
    package static func index(_ number: UInt32) -> String { "\(text(number)).idx" }

    /// Of a segment's file until it is whole, where it takes another one's place.
    static let unfinishedEnding = ".tmp"

    static func text(_ number: UInt32) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The number of a file with this ending; `nil` for any other name.
    package static func number(_ name: String, ending: String) -> UInt32? {
        guard name.hasSuffix(ending), name.utf8.count == 16 + ending.utf8.count else { return nil }
        guard let number = UInt32(name.dropLast(ending.count), radix: 16), number > 0 else { return nil }
        return text(number) + ending == name ? number : nil
    }
}

/// Where a frame lies.
package struct FrameLocation: Hashable, Sendable {
    package var segment: UInt32
    /// Bytes from the segment's start.
    package var offset: UInt32
    package var length: UInt32

    package init(segment: UInt32, offset: UInt32, length: UInt32) {
        self.segment = segment
        self.offset = offset
        self.length = length
    }
}

/// What is known of a segment without reading it.
package struct SegmentInfo: Equatable, Sendable {
    package var number: UInt32
    package var firstSequence: UInt64
    /// `firstSequence - 1` while it has no frame.
    package var lastSequence: UInt64
    package var firstPosition: UInt64
    /// Of the event after the segment's last.
    package var endPosition: UInt64
    /// Of the file.
    package var bytes: Int
    /// Nothing is appended any more.
    package var isSealed: Bool
    /// Unix nanoseconds.
    package var createdAt: UInt64
    /// Not before the last frame was written; of a sealed segment, when the next was made.
    package var writtenAt: UInt64
}
