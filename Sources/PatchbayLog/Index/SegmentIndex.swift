import CPatchbaySystem

/// The index of a sealed segment: a file that is mapped, or the same bytes in memory. Immutable; any thread.
///
/// Derived from the segment: what does not fit it, or does not check, is made anew. `docs/log-format.md` has the bytes.
final class SegmentIndex: IndexTables, @unchecked Sendable {
    // Invariant: `base` points to what `memory` keeps, and nothing writes there.
    static let magic: UInt64 = 0x3158_4449_474F_4C50  // "PLOGIDX1"
    static let headerBytes = 80

    let runCount: Int
    let frameCount: Int
    let eventCount: Int
    let slotCount: Int
    /// Bytes of the segment up to the end of its last frame.
    let segmentLength: Int
    let lastChecksum: UInt32
    private let memory: any MappedBytes
    private let base: UnsafeRawPointer
    private let linesStart: Int
    private let eventsStart: Int
    private let tagsStart: Int

    /// Takes an index whose checksum was compared, and which must belong to the segment with `header`.
    init(_ memory: any MappedBytes, of header: SegmentHeader) throws(LogFormatError) {
        var reader = ByteReader(memory.bytes)
        guard try reader.next(UInt64.self) == Self.magic else { throw LogFormatError("no index starts here") }
        _ = try reader.next(UInt32.self)
        guard try reader.next(UInt16.self) == 1 else { throw LogFormatError("an index of another version") }
        _ = try reader.next(UInt16.self)
        let number = try reader.next(UInt32.self)
        runCount = Int(try reader.next(UInt32.self))
        let firstSequence = try reader.next(UInt64.self)
        let firstPosition = try reader.next(UInt64.self)
        let identity = try reader.next(UInt64.self)
        segmentLength = Int(try reader.next(UInt32.self))
        lastChecksum = try reader.next()
        frameCount = Int(try reader.next(UInt32.self))
        eventCount = Int(try reader.next(UInt32.self))
        slotCount = Int(try reader.next(UInt32.self))
        _ = try reader.take(Self.headerBytes - reader.offset)
        guard
            number == header.number, firstSequence == header.firstSequence, firstPosition == header.firstPosition,
            identity == header.identity
        else { throw LogFormatError("an index of another segment") }
        linesStart = Self.headerBytes + runCount * IndexRun.byteCount
        eventsStart = linesStart + eventCount * 4
        tagsStart = eventsStart + slotCount * 4
        guard
            memory.bytes.count == tagsStart + slotCount * 2, slotCount > eventCount, frameCount <= runCount,
            let base = memory.bytes.baseAddress
        else { throw LogFormatError("an index whose length is not what its header says") }
        self.memory = memory
        self.base = base
        // Reading the header may have brought in all of it.
        memory.discard(0..<memory.bytes.count)
    }

    var byteCount: Int { memory.bytes.count }

    func run(_ index: Int) -> IndexRun {
        let start = Self.headerBytes + index * IndexRun.byteCount
        return IndexRun(
            frame: load(start), offset: load(start + 4), length: load(start + 8), firstEvent: load(start + 12),
            linesEnd: load(start + 16))
    }

    func line(_ event: Int) -> UInt32 { load(linesStart + event * 4) }

    /// Whether an event has a key with this hash, or one that is alike: no memory but the tags is touched.
    func mayHold(_ hash: UInt64) -> Bool {
        let tag = IndexSlots.tag(hash)
        var slot = IndexSlots.first(hash, of: slotCount)
        for _ in 0..<slotCount {
            let taken: UInt16 = load(tagsStart + slot * 2)
            if taken == tag { return true }
            if taken == 0 { return false }
            slot = slot + 1 == slotCount ? 0 : slot + 1
        }
        return false
    }

    /// The events whose key may have this hash.
    func candidates(_ hash: UInt64) -> Candidates {
        var found = Candidates()
        let tag = IndexSlots.tag(hash)
        var slot = IndexSlots.first(hash, of: slotCount)
        // One slot at least is empty, but the bytes are a file's: a full round is the end.
        for _ in 0..<slotCount {
            let taken: UInt16 = load(tagsStart + slot * 2)
            if taken == 0 { break }
            if taken == tag { found.append(Int(load(eventsStart + slot * 4, as: UInt32.self))) }
            slot = slot + 1 == slotCount ? 0 : slot + 1
        }
        return found
    }

    /// Gives back the memory of all but the tags, which every search touches.
    func discardPlaces() { memory.discard(0..<tagsStart) }

    @inline(__always) private func load<T: FixedWidthInteger>(_ offset: Int, as: T.Type = T.self) -> T {
        T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    // MARK: Writing

    static func writeHeader(
        _ header: SegmentHeader, counts: (runs: Int, frames: Int, events: Int, slots: Int), length: Int,
        lastChecksum: UInt32, to writer: inout ByteWriter
    ) {
        writer.set(magic, at: 0)
        writer.set(UInt16(1), at: 12)
        writer.set(header.number, at: 16)
        writer.set(UInt32(counts.runs), at: 20)
        writer.set(header.firstSequence, at: 24)
        writer.set(header.firstPosition, at: 32)
        writer.set(header.identity, at: 40)
        writer.set(UInt32(length), at: 48)
        writer.set(lastChecksum, at: 52)
        writer.set(UInt32(counts.frames), at: 56)
        writer.set(UInt32(counts.events), at: 60)
        writer.set(UInt32(counts.slots), at: 64)
        writer.set(checksum(of: writer.bytes), at: 8)
    }

    /// CRC32C of everything from the version on.
    static func checksum(of bytes: UnsafeRawBufferPointer, from crc: UInt32 = 0, skipping: Int = 12) -> UInt32 {
        guard let base = bytes.baseAddress, bytes.count > skipping else { return crc }
        return pbs_crc32c(crc, base + skipping, UInt64(bytes.count - skipping))
    }
}

/// An index's bytes in memory.
final class IndexBlob: MappedBytes, @unchecked Sendable {
    // Invariant: written in init only.
    let bytes: UnsafeRawBufferPointer

    init(_ source: UnsafeRawBufferPointer) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 16)
        copy.copyMemory(from: source)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }

    func discard(_ range: Range<Int>) {}
}
