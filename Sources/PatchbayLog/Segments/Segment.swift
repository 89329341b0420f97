import Synchronization

/// A segment as readers see it. Any thread; the writer of the log tells it what was appended.
final class Segment: Sendable {
    let header: SegmentHeader
    private let storage: any LogStorage
    private let state: Mutex<State>

    /// How far it may be read.
    struct Extent {
        var lastSequence: UInt64
        var endPosition: UInt64
        /// Bytes up to the end of the last frame; `nil` when only the index knows.
        var length: Int?
        var isSealed: Bool
        var writtenAt: UInt64
        /// Of the last frame.
        var lastChecksum: UInt32
    }

    private struct State {
        var extent: Extent
        var file: (any LogFile)?
        /// While frames are appended.
        var growing: MemoryIndex?
        /// Frames and events of `growing` that readers may see.
        var visible = (frames: 0, events: 0)
        var index: SegmentIndex?
        /// One bit for each frame whose checksum was compared since this process opened the log.
        var checked: [UInt64] = []
    }

    /// A sealed segment, or one that is about to be read or written.
    init(_ header: SegmentHeader, _ storage: any LogStorage) {
        self.header = header
        self.storage = storage
        state = Mutex(
            State(
                extent: Extent(
                    lastSequence: header.firstSequence - 1, endPosition: header.firstPosition,
                    length: SegmentHeader.byteCount, isSealed: false, writtenAt: header.createdAt,
                    lastChecksum: header.previousChecksum)))
    }

    var extent: Extent { state.withLock { $0.extent } }

    func info(bytes: Int) -> SegmentInfo {
        let extent = extent
        return SegmentInfo(
            number: header.number, firstSequence: header.firstSequence, lastSequence: extent.lastSequence,
            firstPosition: header.firstPosition, endPosition: extent.endPosition, bytes: bytes,
            isSealed: extent.isSealed, createdAt: header.createdAt, writtenAt: extent.writtenAt)
    }

    // MARK: Writing

    /// Frames are appended to it, as `index` has them so far; readers may see them all.
    func grow(_ index: MemoryIndex, file: any LogFile, writtenAt: UInt64) {
        state.withLock { state in
            state.growing = index
            state.file = file
            state.extent.writtenAt = writtenAt
            Self.publish(&state, header, frames: index.frameCount)
        }
    }

    /// A frame was appended; readers do not see it yet. Throws when its sections are not what the format says.
    func add(_ frame: FrameView, at offset: Int) throws(LogFormatError) {
        try state.withLock { state throws(LogFormatError) in
            try state.growing?.add(frame, at: offset)
            state.extent.writtenAt = frame.header.writtenAt
        }
    }

    /// Readers may see all frames that were added.
    func publish() {
        state.withLock { state in
            if let growing = state.growing { Self.publish(&state, header, frames: growing.frameCount) }
        }
    }

    private static func publish(_ state: inout State, _ header: SegmentHeader, frames: Int) {
        guard let growing = state.growing else { return }
        state.visible = (frames, growing.eventCount)
        state.extent.lastSequence = header.firstSequence + UInt64(frames) - 1
        state.extent.endPosition = header.firstPosition + UInt64(growing.eventCount)
        state.extent.length = growing.length
        if frames > 0 { state.extent.lastChecksum = growing.lastChecksum }
    }

    /// Takes frames back that were added: those from number `frames` of the segment on. `lastChecksum` is then the
    /// last frame's.
    func removeFrames(from frames: Int, lastChecksum: UInt32) {
        state.withLock { state in
            state.growing?.removeFrames(from: frames)
            Self.publish(&state, header, frames: frames)
            state.extent.lastChecksum = lastChecksum
        }
    }

    /// Nothing is appended any more; the bytes for its index file when it was growing.
    func seal(writtenAt: UInt64) -> IndexBlob? {
        state.withLock { state in
            state.extent.isSealed = true
            state.extent.writtenAt = max(state.extent.writtenAt, writtenAt)
            return state.growing?.encoded(header, lastChecksum: state.extent.lastChecksum)
        }
    }

    /// It ends where the next segment begins: what follows in it does not count.
    func seal(before next: SegmentHeader) {
        state.withLock { state in
            state.extent = Extent(
                lastSequence: next.firstSequence - 1, endPosition: next.firstPosition, length: nil, isSealed: true,
                writtenAt: next.createdAt, lastChecksum: next.previousChecksum)
        }
    }

    /// Its index from now on, instead of the growing one.
    func use(_ index: SegmentIndex) {
        state.withLock { state in
            state.index = index
            state.growing = nil
            state.extent.length = index.segmentLength
        }
    }

    // MARK: Reading

    /// The open file. `onOpen` is called when it was opened just now.
    func file(onOpen: () -> Void = {}) throws(LogError) -> any LogFile {
        let (file, isNew) = try state.withLock { state throws(LogError) -> (any LogFile, Bool) in
            if let file = state.file { return (file, false) }
            let file = try logged { () throws(StorageError) in
                try storage.openToRead(SegmentName.segment(header.number))
            }
            state.file = file
            return (file, true)
        }
        if isNew { onOpen() }
        return file
    }

    /// Closes the file once nobody reads it; the next reader opens it again. Not of a segment that grows.
    func closeFile() { state.withLock { state in if state.growing == nil { state.file = nil } } }

    /// Runs `body` with the growing index, of which `frames` and `events` may be seen; `nil` when it is sealed, with its
    /// index when that was loaded before.
    func growing<T: Sendable>(
        _ body: (borrowing MemoryIndex, (frames: Int, events: Int)) -> T
    ) -> (answer: T?, index: SegmentIndex?) {
        state.withLock { state in
            guard let index = state.index else { return (state.growing.map { body($0, state.visible) }, nil) }
            return (nil, index)
        }
    }

    /// The index of a sealed segment, when it was loaded before.
    var loadedIndex: SegmentIndex? { state.withLock { $0.index } }

    func isChecked(_ frame: Int) -> Bool {
        state.withLock { $0.checked.count > frame / 64 && $0.checked[frame / 64] & 1 << UInt64(frame % 64) != 0 }
    }

    func setChecked(_ frame: Int) {
        state.withLock { state in
            while state.checked.count <= frame / 64 { state.checked.append(0) }
            state.checked[frame / 64] |= 1 << UInt64(frame % 64)
        }
    }
}
