/// Reads the frames of one segment one after the other, and checks each.
///
/// Reads of up to a mebibyte at a time; memory is reused as long as nobody keeps a frame.
struct FrameScanner {
    /// What comes next.
    enum Step {
        case frame(LogFrame)
        /// Exactly where it was to end.
        case end
        /// Bytes that are no whole frame, at `offset`.
        case broken(LogFormatError)
    }

    private static let windowBytes = 1 << 20

    let segment: UInt32
    private let file: any LogFile
    /// The end of what may be read.
    var end: Int
    /// Of the next frame.
    private(set) var offset: Int
    private var buffer: ReadBuffer?
    /// What of the file the buffer holds.
    private var window = 0..<0

    init(_ file: any LogFile, segment: UInt32, from offset: Int, to end: Int) {
        self.file = file
        self.segment = segment
        self.offset = offset
        self.end = end
    }

    /// The next frame, which was checked. Throws `.io`, and `.format` for frames of another version.
    mutating func next() throws(LogError) -> Step {
        guard offset < end else { return .end }
        do {
            let head = try bytes(FrameHeader.byteCount)
            var reader = ByteReader(head)
            let header = try FrameHeader(&reader)
            let view = try FrameView(try bytes(Int(header.length)))
            guard let buffer else { return .end }
            let location = FrameLocation(segment: segment, offset: UInt32(offset), length: header.length)
            offset += Int(header.length)
            return .frame(LogFrame(view: view, location: location, owner: buffer))
        } catch let error as LogFormatError {
            guard !error.isUnsupported else {
                throw LogError(
                    .format,
                    "segment \(SegmentName.text(segment)), offset \(offset): \(error); use the version of patchbay "
                        + "that wrote it")
            }
            return .broken(error)
        } catch let error as LogError {
            throw error
        } catch {
            throw LogError(.io, "\(error)")
        }
    }

    /// Goes on at another place.
    mutating func seek(to offset: Int) { self.offset = offset }

    /// The first whole frame at or behind the offset; frames begin at multiples of eight. `nil` when there is none.
    mutating func search() throws(LogError) -> LogFrame? {
        offset = (offset + 7) / 8 * 8
        while offset + FrameHeader.byteCount <= end {
            if try isAtMagic(), case .frame(let frame) = try next() { return frame }
            offset += 8
        }
        return nil
    }

    /// Whether the four bytes at the offset are those that frames begin with.
    private mutating func isAtMagic() throws(LogError) -> Bool {
        if offset < window.lowerBound || offset + 4 > window.upperBound { try fill(FrameHeader.byteCount) }
        guard let buffer, offset + 4 <= window.upperBound else { return false }
        let word = buffer.bytes.loadUnaligned(fromByteOffset: offset - window.lowerBound, as: UInt32.self)
        return UInt32(littleEndian: word) == FrameHeader.magic
    }

    /// The next `count` bytes of the file.
    private mutating func bytes(_ count: Int) throws -> UnsafeRawBufferPointer {
        guard offset + count <= end else { throw LogFormatError("a frame is cut short") }
        if offset < window.lowerBound || offset + count > window.upperBound { try fill(count) }
        guard let buffer, offset + count <= window.upperBound else { throw LogFormatError("a frame is cut short") }
        let start = offset - window.lowerBound
        return UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<(start + count)])
    }

    /// Reads a window that begins at the offset and holds at least `count` bytes, if the file does.
    private mutating func fill(_ count: Int) throws(LogError) {
        let wanted = min(max(count, Self.windowBytes), end - offset)
        if buffer.map({ $0.bytes.count < wanted }) ?? true || !isKnownUniquelyReferenced(&buffer) {
            buffer = ReadBuffer(capacity: max(wanted, min(Self.windowBytes, end - offset)))
        }
        guard let buffer else { return }
        let offset = offset
        let file = file
        let read = try logged { () throws(StorageError) in
            try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.room[..<wanted]), at: offset)
        }
        window = offset..<(offset + read)
    }
}

/// Memory that frames were read into.
final class ReadBuffer: @unchecked Sendable {
    // Invariant: written by its scanner, and only while the scanner's is the one reference to it.
    let room: UnsafeMutableRawBufferPointer

    init(capacity: Int) { room = .allocate(byteCount: capacity, alignment: 64) }
    deinit { room.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(room) }
}

/// A frame that was read and checked.
package struct LogFrame: @unchecked Sendable {
    // Invariant: the bytes of `view` are `owner`'s, and are not written while anybody keeps it.

    /// Valid while this is kept.
    package let view: FrameView
    package let location: FrameLocation
    private let owner: AnyObject

    init(view: FrameView, location: FrameLocation, owner: AnyObject) {
        self.view = view
        self.location = location
        self.owner = owner
    }
}
