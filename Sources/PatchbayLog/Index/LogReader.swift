import Synchronization

/// Reads a log on any thread, beside its writer or from another process.
///
/// Everything that is given out was checked: damage is `.corrupt`, with segment and offset.
package final class LogReader: Sendable {
    /// Beyond this, memory of index files is given back now and then.
    private static let mappedBytesMax = 128 << 20
    private static let readsBetweenDiscards = 1024

    let catalog: SegmentCatalog
    private let identities = Mutex(IdentityMatcher())
    private let search = Mutex<SearchTables?>(nil)
    private let reads = Atomic<Int>(0)

    init(_ catalog: SegmentCatalog) { self.catalog = catalog }

    /// Opens a log that another process may be writing: nothing is locked and nothing is changed, and frames that are
    /// appended later are not seen.
    package static func open(_ storage: any LogStorage) throws(LogError) -> LogReader {
        var recovery = Recovery(storage, checkpoint: nil, mayWrite: false)
        try recovery.run { (_, _) throws(LogError) in }
        return LogReader(SegmentCatalog(storage, writesIndexes: false, segments: recovery.segments))
    }

    /// Oldest first. Asks the file system for each length.
    package var segments: [SegmentInfo] { get throws(LogError) { try catalog.infos() } }

    /// The positions that the log has: empty before the first event.
    package var positions: Range<UInt64> {
        let segments = catalog.segments
        guard let first = segments.first, let last = segments.last else { return 0..<0 }
        return first.header.firstPosition..<last.extent.endPosition
    }

    /// The sequences that the log has: of frames that may be read.
    package var sequences: Range<UInt64> {
        let segments = catalog.segments
        guard let first = segments.first, let last = segments.last else { return 1..<1 }
        return first.header.firstSequence..<(last.extent.lastSequence + 1)
    }

    // MARK: Frames

    /// Reads one frame. `.missing` when its segment was dropped.
    package func read(_ location: FrameLocation) throws(LogError) -> LogFrame {
        guard let segment = catalog.segment(number: location.segment) else {
            throw LogError(.missing, "segment \(SegmentName.text(location.segment)) is not in the log any more")
        }
        return try read(segment, offset: Int(location.offset), length: Int(location.length))
    }

    func read(_ segment: Segment, offset: Int, length: Int) throws(LogError) -> LogFrame {
        var scanner = FrameScanner(
            try catalog.file(segment), segment: segment.header.number, from: offset, to: offset + length)
        switch try scanner.next() {
        case .frame(let frame) where Int(frame.location.length) == length: return frame
        case .frame, .end: throw .corrupt(segment.header.number, at: offset, "the frame is not \(length) bytes long")
        case .broken(let error): throw .corrupt(segment.header.number, at: offset, "\(error)")
        }
    }

    /// The frames from one on, in both directions.
    package func frames(fromSequence sequence: UInt64) -> FrameCursor { FrameCursor(self, sequence: sequence) }

    /// The frames from the one on that holds the event at `position`, or that comes first behind it.
    package func frames(fromPosition position: UInt64) throws(LogError) -> FrameCursor {
        FrameCursor(self, sequence: try sequence(ofPosition: position))
    }

    /// The frame that holds the event at a position; of a position that is not there yet, the next frame's.
    private func sequence(ofPosition position: UInt64) throws(LogError) -> UInt64 {
        guard let segment = catalog.segment(ofPosition: position) else { return sequences.lowerBound }
        let extent = segment.extent
        guard position < extent.endPosition else { return extent.lastSequence + 1 }
        let event = Int(position - segment.header.firstPosition)
        let frame = try tables(segment, { $0.frame(ofEvent: event) }, { tables, _ in tables.frame(ofEvent: event) })
        return segment.header.firstSequence + UInt64(frame)
    }

    /// Where a frame lies; `nil` when it is not in the log, or not yet.
    package func location(ofSequence sequence: UInt64) throws(LogError) -> FrameLocation? {
        guard let segment = catalog.segment(ofSequence: sequence) else { return nil }
        let number = Int(sequence - segment.header.firstSequence)
        let run = try tables(segment, { $0.run(ofFrame: number) }) { tables, visible in
            number < visible.frames ? tables.run(ofFrame: number) : nil
        }
        return run.map { FrameLocation(segment: segment.header.number, offset: $0.offset, length: $0.length) }
    }

    /// The frame with this sequence, which lay at `location` when it was written: after a failed sync of a log that does
    /// not sync each group it lies elsewhere.
    package func read(_ location: FrameLocation, sequence: UInt64) throws(LogError) -> LogFrame {
        do throws(LogError) {
            let frame = try read(location)
            if frame.view.header.sequence == sequence { return frame }
        } catch {
            guard error.code == .corrupt || error.code == .missing || error.code == .io else { throw error }
        }
        guard let moved = try self.location(ofSequence: sequence) else {
            throw LogError(.missing, "frame \(sequence) is not in the log")
        }
        return try read(moved)
    }

    // MARK: Events

    /// The event at a position; `nil` when it was dropped, or is not there yet.
    package func event(at position: UInt64) throws(LogError) -> LogEvent? {
        guard let segment = catalog.segment(ofPosition: position) else { return nil }
        return try event(segment, Int(position - segment.header.firstPosition))
    }

    /// The newest event with this source and id; `nil` when the log has none.
    package func find(source: String, id: String) throws(LogError) -> LogEvent? {
        try find(EventKey.hash(source: source, id: id)) { event in
            identities.withLock { $0.isEvent(event.line, source: source, id: id) }
        }
    }

    private func find(_ hash: UInt64, _ isMeant: (LogEvent) -> Bool) throws(LogError) -> LogEvent? {
        let tables = try searchTables()
        for segment in tables.growing {
            // Sealed meanwhile: its index is asked as it is now.
            let events = try self.tables(segment, { $0.candidates(hash) }) { $0.candidates(hash, limit: $1.events) }
            for number in events {
                if let event = try event(segment, number), isMeant(event) { return event }
            }
        }
        for (place, index) in tables.indexes.enumerated() where index.mayHold(hash) {
            for number in index.candidates(hash) {
                if let event = try event(tables.sealed[place], number), isMeant(event) { return event }
            }
        }
        return nil
    }

    /// An event by its number in the segment. The frame's checksum is compared when it is read for the first time.
    private func event(_ segment: Segment, _ number: Int) throws(LogError) -> LogEvent? {
        let place = try tables(segment, { $0.place(number) }) { tables, visible in
            number < visible.events ? tables.place(number) : nil
        }
        guard let place else { return nil }
        if !segment.isChecked(place.frame) {
            _ = try read(segment, offset: place.frameOffset, length: place.frameLength)
            segment.setChecked(place.frame)
        }
        let file = try catalog.file(segment)
        let line = try logged { () throws(StorageError) -> [UInt8] in try file.bytes(place.length, at: place.offset) }
        guard line.count == place.length else {
            throw .corrupt(segment.header.number, at: place.offset, "the event's line is cut short")
        }
        return LogEvent(position: segment.header.firstPosition + UInt64(number), line: line)
    }

    // MARK: Indexes

    /// Asks a segment's index, whichever it has just now.
    private func tables<T: Sendable>(
        _ segment: Segment, _ sealed: (SegmentIndex) -> T, _ growing: (MemoryIndex, (frames: Int, events: Int)) -> T
    ) throws(LogError) -> T {
        let (answer, index) = segment.growing(growing)
        if let answer { return answer }
        discardNowAndThen()
        if let index { return sealed(index) }
        return sealed(try catalog.index(segment))
    }

    /// The indexes of all sealed segments, loaded; the same ones until a segment comes or goes.
    private func searchTables() throws(LogError) -> SearchTables {
        let (segments, version) = catalog.versioned
        if let known = search.withLock({ $0 }), known.version == version { return known }
        // A segment that was the last when the next came is sealed right after: it counts as growing until then.
        let sealed = Array(segments.prefix { $0.extent.isSealed }.reversed())
        var indexes: [SegmentIndex] = []
        for segment in sealed { indexes.append(try catalog.index(segment)) }
        let tables = SearchTables(
            version: version, growing: Array(segments[sealed.count...].reversed()), sealed: sealed, indexes: indexes)
        search.withLock { $0 = tables }
        return tables
    }

    /// Pages of index files stay with the process once they were touched: of large logs, they are given back.
    private func discardNowAndThen() {
        guard reads.add(1, ordering: .relaxed).newValue % Self.readsBetweenDiscards == 0 else { return }
        let indexes = catalog.segments.compactMap(\.loadedIndex)
        guard indexes.reduce(0, { $0 + $1.byteCount }) > Self.mappedBytesMax else { return }
        for index in indexes { index.discardPlaces() }
    }
}

/// What a search asks, newest first.
private final class SearchTables: Sendable {
    let version: Int
    let growing: [Segment]
    let sealed: [Segment]
    /// Of the sealed ones.
    let indexes: [SegmentIndex]

    init(version: Int, growing: [Segment], sealed: [Segment], indexes: [SegmentIndex]) {
        self.version = version
        self.growing = growing
        self.sealed = sealed
        self.indexes = indexes
    }
}

/// An event as the log has it.
package struct LogEvent: Sendable, Equatable {
    package let position: UInt64
    /// A structured CloudEvent in JSON, without a line end.
    package let line: [UInt8]
}
