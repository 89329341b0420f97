import Synchronization

/// The segments of a log, shared by its one writer and all its readers.
final class SegmentCatalog: Sendable {
    /// Files of sealed segments that are open at the same time.
    private static let openFilesMax = 128

    let storage: any LogStorage
    /// Whether index files may be written: not by a reader of somebody else's folder.
    let writesIndexes: Bool
    private let state: Mutex<State>

    private struct State {
        var segments: [Segment] = []
        /// Counts up whenever a segment comes or goes.
        var version = 0
        /// In the order in which they were opened.
        var open: [Segment] = []
    }

    init(_ storage: any LogStorage, writesIndexes: Bool, segments: [Segment] = []) {
        self.storage = storage
        self.writesIndexes = writesIndexes
        state = Mutex(State(segments: segments))
    }

    /// Oldest first; the last is the one that is appended to.
    var segments: [Segment] { state.withLock { $0.segments } }

    /// The same, and a number that is another whenever they are.
    var versioned: (segments: [Segment], version: Int) { state.withLock { ($0.segments, $0.version) } }

    func append(_ segment: Segment) {
        state.withLock { state in
            state.segments.append(segment)
            state.version += 1
        }
    }

    func remove(_ segment: Segment) {
        state.withLock { state in
            state.segments.removeAll { $0 === segment }
            state.version += 1
            state.open.removeAll { $0 === segment }
        }
    }

    /// The segment that holds a sequence, were it appended already.
    func segment(ofSequence sequence: UInt64) -> Segment? {
        Self.last(segments) { $0.header.firstSequence <= sequence }
    }

    /// The segment that holds a position, were it appended already.
    func segment(ofPosition position: UInt64) -> Segment? {
        Self.last(segments) { $0.header.firstPosition <= position }
    }

    func segment(number: UInt32) -> Segment? {
        let found = Self.last(segments) { $0.header.number <= number }
        return found?.header.number == number ? found : nil
    }

    private static func last(_ segments: [Segment], _ isBefore: (Segment) -> Bool) -> Segment? {
        var low = -1
        var high = segments.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if isBefore(segments[middle]) { low = middle } else { high = middle }
        }
        return low >= 0 ? segments[low] : nil
    }

    /// Oldest first, with the lengths of the files.
    func infos() throws(LogError) -> [SegmentInfo] {
        var infos: [SegmentInfo] = []
        for segment in segments {
            let file = try file(segment)
            infos.append(segment.info(bytes: try logged { () throws(StorageError) in try file.size() }))
        }
        return infos
    }

    /// A segment's file, open for reading.
    func file(_ segment: Segment) throws(LogError) -> any LogFile {
        try segment.file {
            let closing: Segment? = state.withLock { state in
                state.open.append(segment)
                return state.open.count > Self.openFilesMax ? state.open.removeFirst() : nil
            }
            closing?.closeFile()
        }
    }

    /// The index of a sealed segment: its file when that is right, else made from the segment.
    ///
    /// Takes milliseconds the first time, tens of them when it has to be made.
    func index(_ segment: Segment) throws(LogError) -> SegmentIndex {
        if let index = segment.loadedIndex { return index }
        let loaded = try load(segment)
        let index: SegmentIndex
        if let loaded { index = loaded } else { index = try rebuild(segment) }
        segment.use(index)
        return index
    }

    /// The index file of a sealed segment when it is there and right.
    func load(_ segment: Segment) throws(LogError) -> SegmentIndex? {
        do {
            return try IndexFile.read(segment.header, storage, lastChecksum: segment.extent.lastChecksum)
        } catch let error as StorageError where error.isMissing {
            return nil
        } catch is LogFormatError {
            return nil
        } catch let error as StorageError {
            throw LogError(error)
        } catch {
            throw LogError(.io, "\(error)")
        }
    }

    /// Makes the index of a sealed segment from its frames.
    private func rebuild(_ segment: Segment) throws(LogError) -> SegmentIndex {
        let extent = segment.extent
        let tables = try IndexFile.tables(of: segment, extent, file(segment))
        let blob = tables.encoded(segment.header, lastChecksum: extent.lastChecksum)
        return try IndexFile.write(blob, segment.header, writesIndexes ? storage : nil)
    }
}
