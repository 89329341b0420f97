/// A place between two frames of a log, from which frames are read forward or backward.
///
/// Forward reads are large and in order; each frame is checked, and that it follows the one before. One thread.
package struct FrameCursor {
    private let reader: LogReader
    /// Of the frame that `next` gives.
    package private(set) var sequence: UInt64
    private var segment: Segment?
    private var scanner: FrameScanner?

    init(_ reader: LogReader, sequence: UInt64) {
        self.reader = reader
        self.sequence = sequence
    }

    /// The frame behind this place; `nil` at the end of what may be read, and more once more was appended.
    /// `.missing` when it was dropped.
    package mutating func next() throws(LogError) -> LogFrame? {
        if let segment, sequence > segment.extent.lastSequence, segment.extent.isSealed { leave() }
        if segment == nil { guard try enter() else { return nil } }
        guard let segment, sequence <= segment.extent.lastSequence, var scanner else { return nil }
        // The only reference to its memory, so that it is used again.
        self.scanner = nil
        defer { self.scanner = scanner }
        if let length = segment.extent.length { scanner.end = length }
        let offset = scanner.offset
        switch try scanner.next() {
        case .frame(let frame) where frame.view.header.sequence == sequence:
            sequence += 1
            return frame
        case .frame(let frame):
            throw .corrupt(
                segment.header.number, at: offset,
                "frame \(frame.view.header.sequence) lies where \(sequence) belongs")
        case .end: throw .corrupt(segment.header.number, at: offset, "the segment ends before frame \(sequence)")
        case .broken(let error): throw .corrupt(segment.header.number, at: offset, "frame \(sequence): \(error)")
        }
    }

    /// The frame before this place; `nil` at the log's beginning.
    package mutating func previous() throws(LogError) -> LogFrame? {
        guard sequence > reader.sequences.lowerBound else { return nil }
        guard let location = try reader.location(ofSequence: sequence - 1) else { return nil }
        leave()
        let frame = try reader.read(location)
        sequence -= 1
        return frame
    }

    private mutating func leave() {
        segment = nil
        scanner = nil
    }

    /// Finds the segment and the place of the next frame; false when it is not there yet.
    private mutating func enter() throws(LogError) -> Bool {
        let sequences = reader.sequences
        guard sequence >= sequences.lowerBound else {
            throw LogError(
                .missing, "frame \(sequence) is not in the log any more; it begins with \(sequences.lowerBound)")
        }
        guard sequence < sequences.upperBound, let segment = reader.catalog.segment(ofSequence: sequence) else {
            return false
        }
        let file = try reader.catalog.file(segment)
        var start = SegmentHeader.byteCount
        if sequence > segment.header.firstSequence {
            guard let location = try reader.location(ofSequence: sequence) else { return false }
            start = Int(location.offset)
        }
        var end = segment.extent.length
        if end == nil { end = try logged { () throws(StorageError) in try file.size() } }
        self.segment = segment
        scanner = FrameScanner(file, segment: segment.header.number, from: start, to: end ?? start)
        return true
    }
}
