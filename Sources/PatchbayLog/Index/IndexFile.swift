/// Reads, makes and writes the index files of sealed segments.
enum IndexFile {
    /// The index of a segment, mapped, after its checksum was compared. `lastChecksum` is the segment's last frame's.
    static func read(
        _ header: SegmentHeader, _ storage: any LogStorage, lastChecksum: UInt32
    ) throws -> SegmentIndex {
        let file = try storage.openToRead(SegmentName.index(header.number))
        let size = try file.size()
        guard size > SegmentIndex.headerBytes else { throw LogFormatError("an index that is cut short") }
        try check(file, size)
        let index = try SegmentIndex(file.map(size), of: header)
        guard index.lastChecksum == lastChecksum else { throw LogFormatError("an index of another segment") }
        return index
    }

    /// Reads all of the file: by reads, so that its memory is not taken, and a bad disk is an error.
    private static func check(_ file: any LogFile, _ size: Int) throws {
        let buffer = ReadBuffer(capacity: min(size, 1 << 18))
        var crc: UInt32 = 0
        var stored: UInt32 = 0
        var offset = 0
        while offset < size {
            let count = try file.read(into: buffer.room, at: offset)
            guard count > 0, offset > 0 || count > 12 else { throw LogFormatError("an index that is cut short") }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count])
            if offset == 0 { stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)) }
            crc = SegmentIndex.checksum(of: bytes, from: crc, skipping: offset == 0 ? 12 : 0)
            offset += count
        }
        guard crc == stored else { throw LogFormatError("the checksum of an index is wrong") }
    }

    /// Makes the tables of a sealed segment by reading it. Throws `.corrupt` when it is not whole.
    static func tables(
        of segment: Segment, _ extent: Segment.Extent, _ file: any LogFile
    ) throws(LogError) -> MemoryIndex {
        let number = segment.header.number
        let end = try logged { () throws(StorageError) in try file.size() }
        var tables = MemoryIndex()
        var scanner = FrameScanner(file, segment: number, from: SegmentHeader.byteCount, to: end)
        while segment.header.firstSequence + UInt64(tables.frameCount) <= extent.lastSequence {
            let offset = scanner.offset
            switch try scanner.next() {
            case .frame(let frame):
                let expected = segment.header.firstSequence + UInt64(tables.frameCount)
                guard frame.view.header.sequence == expected else {
                    throw .corrupt(
                        number, at: offset, "frame \(frame.view.header.sequence) lies where \(expected) belongs")
                }
                do {
                    try tables.add(frame.view, at: offset)
                } catch {
                    throw .corrupt(number, at: offset, "\(error)")
                }
                segment.setChecked(tables.frameCount - 1)
            case .end: throw .corrupt(number, at: offset, "the segment ends before its last frame")
            case .broken(let error): throw .corrupt(number, at: offset, "\(error)")
            }
        }
        return tables
    }

    /// Writes an index and gives it back, mapped; without a storage, or when the disk refuses, in memory. An index is
    /// no more than what its segment says, so it is not synced, and missing it costs time only.
    static func write(
        _ blob: IndexBlob, _ header: SegmentHeader, _ storage: (any LogStorage)?
    ) throws(LogError) -> SegmentIndex {
        do {
            if let storage, let map = save(blob, SegmentName.index(header.number), storage) {
                return try SegmentIndex(map, of: header)
            }
            return try SegmentIndex(blob, of: header)
        } catch {
            throw .corrupt(header.number, at: 0, "its index cannot be made: \(error)")
        }
    }

    /// The written file, mapped; `nil` when the disk refused, which the next reader's disk may not.
    private static func save(_ blob: IndexBlob, _ name: String, _ storage: any LogStorage) -> (any MappedBytes)? {
        do {
            // A file of its own: another process may have mapped an older one.
            if try storage.list().contains(name) { try storage.remove(name) }
            let file = try storage.open(name, create: true)
            try file.write(blob.bytes, at: 0)
            return try file.map(blob.bytes.count)
        } catch {
            return nil
        }
    }
}
