/// Follows a log that another process writes: its frames from one on, as they are appended. One thread.
///
/// Nothing is locked and nothing is changed. A frame may be given before its writer has synced it.
package struct LogTail {
    private let storage: any LogStorage
    /// Of the frame that `next` gives.
    package private(set) var sequence: UInt64
    private var segment: UInt32
    private var file: any LogFile
    private var offset: Int

    /// Begins behind the last frame that `reader` sees; `nil` while the log has no segment.
    package init?(after reader: LogReader) throws(LogError) {
        storage = reader.catalog.storage
        guard let last = reader.catalog.segments.last else { return nil }
        sequence = reader.sequences.upperBound
        segment = last.header.number
        offset = last.extent.length ?? SegmentHeader.byteCount
        file = try reader.catalog.file(last)
    }

    /// The next frame; `nil` when it is not there yet. `.missing` when it was dropped before it was read.
    package mutating func next() throws(LogError) -> LogFrame? {
        while true {
            if let frame = try frameHere() {
                // A segment that took the place of one that failed begins with frames that were seen there.
                guard frame.view.header.sequence >= sequence else { continue }
                sequence += 1
                return frame
            }
            guard try enterNextSegment() else { return nil }
        }
    }

    /// The frame at the offset, if it is whole and not behind one that is missing.
    private mutating func frameHere() throws(LogError) -> LogFrame? {
        let file = file
        let size = try logged { () throws(StorageError) in try file.size() }
        guard offset < size else { return nil }
        var scanner = FrameScanner(file, segment: segment, from: offset, to: size)
        guard case .frame(let frame) = try scanner.next(), frame.view.header.sequence <= sequence else { return nil }
        offset = scanner.offset
        return frame
    }

    /// Goes on in the segment behind, when that has begun and takes up the frames.
    private mutating func enterNextSegment() throws(LogError) -> Bool {
        let name = SegmentName.segment(segment + 1)
        let found: any LogFile
        do throws(StorageError) {
            found = try storage.openToRead(name)
        } catch {
            guard error.isMissing else { throw LogError(error) }
            let storage = storage
            let names = try logged { () throws(StorageError) in try storage.list() }
            let last = names.compactMap { SegmentName.number($0, ending: ".seg") }.max() ?? 0
            guard last <= segment + 1 else {
                throw LogError(.missing, "frame \(sequence) was dropped before it was read")
            }
            return false
        }
        let bytes = try logged { () throws(StorageError) in try found.bytes(SegmentHeader.byteCount, at: 0) }
        let header: SegmentHeader? = bytes.withUnsafeBytes { bytes in
            do throws(LogFormatError) {
                return try SegmentHeader(bytes)
            } catch {
                // Its writer has not come further.
                return nil
            }
        }
        guard let header, header.firstSequence <= sequence else { return false }
        segment += 1
        file = found
        offset = SegmentHeader.byteCount
        return true
    }
}
