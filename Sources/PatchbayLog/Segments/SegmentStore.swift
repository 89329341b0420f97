/// The segments of a log as its one writer has them: appends groups of frames, makes them durable, and drops what is
/// not needed any more.
///
/// One thread. After every error what was appended before is as it was, and the same call may be made again:
/// - `.noSpace`: nothing of the group was taken; it may be appended again once there is room.
/// - `.io`: the disk failed. A segment whose write or sync failed is not written any more: frames that were not synced
///   are written again, to a new segment, before anything else happens. Only when that fails, too, is it an error.
package struct SegmentStore: ~Copyable {
    package struct Options: Sendable {
        /// A segment is sealed before it would grow beyond.
        package var segmentBytes = 64 << 20
        /// Frames that are appended and not synced, and kept in memory until they are; a sync comes before it is more.
        package var unsyncedBytesMax = 16 << 20
        /// Of a log that is made anew: any number, different for each log.
        package var identity: UInt64 = 0
        /// The last writer that the checkpoint knows of: its frames may be gone, or in segments that are not read.
        package var epoch: UInt32 = 0

        package init() {}
    }

    /// Most frames that may wait for a sync.
    private static let unsyncedFramesMax = 30_000

    let storage: any LogStorage
    let options: Options
    let catalog: SegmentCatalog
    /// What opening found.
    package let report: RecoveryReport
    /// For headers of frames: counts up with each writer that opened the log.
    package let epoch: UInt32
    private let identity: UInt64

    private var active: ActiveSegment?
    /// Behind the last frame that was appended.
    private var end: LogEnd
    /// Behind the last frame that is on disk.
    private var synced: LogEnd
    /// The frames between: their bytes, one after the other.
    private var unsynced: ByteWriter
    /// The active segment's file failed, and what it holds beyond `synced` is unknown.
    private var isBroken = false
    /// A failed write could not be taken back: bytes beyond the active segment's length.
    private var hasTail = false
    /// Names in the folder that may not be on disk yet.
    private var hasNewNames = false

    /// Opens the log in a folder, whose lock the caller holds, and visits the frames after `checkpoint` in order.
    ///
    /// What a power cut left of writes that were not accepted is cut off, and is in `report`. Damage anywhere else is
    /// `.corrupt`, with segment and offset; nothing was changed then. `.missing`: files are not there; `.format`: they
    /// are of another version. What `visit` throws ends it.
    package static func open(
        _ storage: any LogStorage, options: Options = Options(), after checkpoint: UInt64 = 0,
        visit: (FrameView, FrameLocation) throws(LogError) -> Void = { (_, _) throws(LogError) in }
    ) throws(LogError) -> SegmentStore {
        var recovery = Recovery(storage, checkpoint: checkpoint, mayWrite: true)
        try recovery.run(visit)
        return SegmentStore(recovery, options)
    }

    private init(_ recovery: borrowing Recovery, _ options: Options) {
        storage = recovery.storage
        self.options = options
        report = recovery.report
        epoch = max(recovery.epoch, options.epoch) + 1
        catalog = SegmentCatalog(recovery.storage, writesIndexes: true, segments: recovery.segments)
        end = LogEnd(
            sequence: recovery.sequence, position: recovery.position, checksum: recovery.lastChecksum,
            length: recovery.length)
        synced = end
        unsynced = ByteWriter(capacity: 1 << 16)
        identity = recovery.segments.first?.header.identity ?? options.identity
        if let file = recovery.file, let segment = recovery.segments.last {
            active = ActiveSegment(segment: segment, file: file)
        }
    }

    // MARK: State

    /// Of the next frame.
    package var nextSequence: UInt64 { end.sequence }
    /// Of the next event.
    package var nextPosition: UInt64 { end.position }
    /// Of the last frame; 0 before the first.
    package var lastChecksum: UInt32 { end.checksum }
    /// The last frame that is on disk; 0 before the first.
    package var syncedSequence: UInt64 { synced.sequence - 1 }

    /// The header of the next frame, to be given events, a time and a length; `following()` makes those of the rest of
    /// a group.
    package var nextHeader: FrameHeader {
        var header = FrameHeader()
        header.sequence = end.sequence
        header.firstPosition = end.position
        header.previousChecksum = end.checksum
        header.unsyncedBefore = UInt16(end.sequence - synced.sequence)
        header.epoch = epoch
        return header
    }

    /// Oldest first; the last is the one that is appended to. Asks the file system for each length.
    package var segments: [SegmentInfo] { get throws(LogError) { try catalog.infos() } }

    /// Reads what was appended, on any thread, as soon as it was synced or published.
    package var reader: LogReader { LogReader(catalog) }

    // MARK: Appending

    /// Appends a group of finished frames, which follow the last one; all of it lies in one segment. Where its first
    /// frame lies: final once the group is synced (see `FrameMove`).
    package mutating func append(
        _ frames: UnsafeRawBufferPointer, headers: [FrameHeader]
    ) throws(LogError) -> FrameLocation {
        precondition(!headers.isEmpty && follows(headers, frames.count), "a group that does not follow the last one")
        if unsynced.count + frames.count > options.unsyncedBytesMax, !unsynced.isEmpty { _ = try sync() }
        if end.sequence - synced.sequence > UInt64(Self.unsyncedFramesMax) { _ = try sync() }
        if isBroken { _ = try replaceActive() }
        try takeTailBack()
        try rotate(before: frames.count, at: headers[0].writtenAt)
        guard var target = active else { throw LogError(.io, "no segment is open in \(storage.path)") }
        if let failure = attempt({ [end] () throws(StorageError) in try target.file.write(frames, at: end.length) }) {
            hasTail = true
            if failure.isNoSpace {
                takeBackAfterFailure()
                throw LogError(failure)
            }
            isBroken = true
            _ = try replaceActive()
            guard let fresh = active else { throw LogError(failure) }
            target = fresh
            let again = attempt { [end] () throws(StorageError) in try target.file.write(frames, at: end.length) }
            if let again {
                hasTail = true
                isBroken = !again.isNoSpace
                throw LogError(again)
            }
        }
        let location = FrameLocation(
            segment: target.segment.header.number, offset: UInt32(end.length), length: headers[0].length)
        take(frames, to: target.segment)
        unsynced.append(frames)
        return location
    }

    /// Waits until everything appended is on disk, and lets readers see it. Says where frames went that had to be
    /// written again; after an error everything is kept for the next try.
    @discardableResult
    package mutating func sync() throws(LogError) -> FrameMove? {
        if isBroken { return try replaceActive() }
        guard let active else { return nil }
        if unsynced.isEmpty, !hasNewNames { return nil }
        let storage = storage
        let hasNewNames = hasNewNames
        let failure = attempt { () throws(StorageError) in
            try active.file.sync()
            if hasNewNames { try storage.syncFolder() }
        }
        guard failure == nil else {
            isBroken = true
            return try replaceActive()
        }
        didSync()
        return nil
    }

    /// Takes the last group back, of which nobody was told; `location` and `header` are those of its first frame.
    package mutating func takeBack(from location: FrameLocation, _ header: FrameHeader) throws(LogError) {
        guard let active, active.segment.header.number == location.segment else {
            throw LogError(.io, "segment \(location.segment) is not the one that is written to")
        }
        let length = Int(location.offset)
        let failure = attempt { () throws(StorageError) in
            try active.file.truncate(to: length)
            try active.file.sync()
        }
        if let failure { throw LogError(failure) }
        active.segment.removeFrames(
            from: Int(header.sequence - active.segment.header.firstSequence), lastChecksum: header.previousChecksum)
        unsynced.removeLast(min(unsynced.count, end.length - length))
        end = LogEnd(
            sequence: header.sequence, position: header.firstPosition, checksum: header.previousChecksum,
            length: length)
        if synced.sequence > end.sequence { synced = end }
    }

    /// Lets readers see what was appended before it is on disk, for logs that do not sync each group.
    package func publish() { active?.segment.publish() }

    private mutating func didSync() {
        synced = end
        hasNewNames = false
        unsynced.removeAll(keeping: 1 << 20)
        active?.segment.publish()
    }

    /// Whether the frames are the ones that come next, and claim no more than is so.
    private func follows(_ headers: [FrameHeader], _ bytes: Int) -> Bool {
        var next = end
        var length = 0
        for header in headers {
            guard
                header.sequence == next.sequence, header.firstPosition == next.position,
                header.previousChecksum == next.checksum,
                UInt64(header.unsyncedBefore) >= header.sequence - synced.sequence
            else { return false }
            next.advance(over: header)
            length += Int(header.length)
        }
        return length == bytes && bytes <= Int(UInt32.max) - options.segmentBytes
    }

    /// The frames at the end of the active segment are the log's from now on.
    private mutating func take(_ frames: UnsafeRawBufferPointer, to segment: Segment) {
        var offset = 0
        while offset < frames.count {
            do throws(LogFormatError) {
                let frame = try FrameView(unchecked: UnsafeRawBufferPointer(rebasing: frames[offset...]))
                try segment.add(frame, at: end.length)
                end.advance(over: frame.header)
                end.length += frame.bytes.count
                offset += frame.bytes.count
            } catch {
                preconditionFailure("a frame that was built is not one: \(error)")
            }
        }
    }

    // MARK: Segments

    /// Seals the active segment when `bytes` more do not fit, and makes the next.
    private mutating func rotate(before bytes: Int, at time: UInt64) throws(LogError) {
        if active == nil { return try makeFirst(at: time) }
        guard end.length > SegmentHeader.byteCount, end.length + bytes > options.segmentBytes else { return }
        _ = try sync()
        // A sync that failed went on in a new segment, which may have room.
        guard let active, end.length > SegmentHeader.byteCount, end.length + bytes > options.segmentBytes else {
            return
        }
        let next = try makeSegment(number: active.segment.header.number + 1, at: time)
        seal(active.segment, at: time)
        use(next)
    }

    private mutating func makeFirst(at time: UInt64) throws(LogError) {
        use(try makeSegment(number: 1, at: time))
    }

    /// A new file with a header, which is not synced yet; a file that an earlier failure left is removed.
    ///
    /// - Parameter ending: of its name, until it is whole.
    private func makeSegment(number: UInt32, at time: UInt64, ending: String = "") throws(LogError) -> ActiveSegment {
        let header = SegmentHeader(
            number: number, firstSequence: synced.sequence, firstPosition: synced.position, createdAt: time,
            previousChecksum: synced.checksum, identity: identity)
        var writer = ByteWriter(capacity: 64)
        header.write(to: &writer)
        let name = SegmentName.segment(number) + ending
        try remove(name)
        do throws(StorageError) {
            let file = try storage.open(name, create: true)
            try file.write(writer.bytes, at: 0)
            let segment = Segment(header, storage)
            segment.grow(MemoryIndex(), file: file, writtenAt: time)
            return ActiveSegment(segment: segment, file: file)
        } catch {
            throw LogError(error)
        }
    }

    /// Removes a file of the folder, if it is there.
    private func remove(_ name: String) throws(LogError) {
        do throws(StorageError) {
            try storage.remove(name)
        } catch {
            guard error.isMissing else { throw LogError(error) }
        }
    }

    private mutating func use(_ next: ActiveSegment) {
        active = next
        catalog.append(next.segment)
        end.length = SegmentHeader.byteCount
        hasNewNames = true
        hasTail = false
    }

    /// Writes the segment's index. A disk that refuses costs the time to make it later.
    private func seal(_ segment: Segment, at time: UInt64) {
        guard let blob = segment.seal(writtenAt: time) else { return }
        do throws(LogError) {
            segment.use(try IndexFile.write(blob, segment.header, storage))
        } catch {
            preconditionFailure("an index that was built is not one: \(error)")
        }
    }

    // MARK: Failures

    /// The error of an operation on the disk.
    private func attempt(_ body: () throws(StorageError) -> Void) -> StorageError? {
        do throws(StorageError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    /// Cuts off what a failed write left; if the disk refuses that, too, a new segment is needed.
    private mutating func takeTailBack() throws(LogError) {
        guard hasTail, let active else { return }
        let length = end.length
        if attempt({ () throws(StorageError) in try active.file.truncate(to: length) }) != nil {
            isBroken = true
            _ = try replaceActive()
        }
        hasTail = false
    }

    /// The same at once after the failure; what does not work now is tried again before the next group.
    private mutating func takeBackAfterFailure() {
        guard let active else { return }
        let length = end.length
        if attempt({ () throws(StorageError) in try active.file.truncate(to: length) }) == nil { hasTail = false }
    }

    /// Puts a new segment in the place of one that failed, with the frames that were not on disk, and syncs it.
    ///
    /// It gets its name once it is whole: until then the failed one has the frames, for a process that is killed now. Of
    /// the failed one only what was synced counts from then on: the new one's header says where it begins, so that its
    /// rest is superseded even when it cannot be cut off.
    private mutating func replaceActive() throws(LogError) -> FrameMove? {
        guard let failed = active else { return nil }
        let header = failed.segment.header
        // A new segment that was never synced holds nothing that counts.
        let isUnsynced = hasNewNames
        let number = isUnsynced ? header.number : header.number + 1
        let next = try makeSegment(
            number: number, at: failed.segment.extent.writtenAt, ending: SegmentName.unfinishedEnding)
        let storage = storage
        let name = SegmentName.segment(number)
        do throws(StorageError) {
            try next.file.write(unsynced.bytes, at: SegmentHeader.byteCount)
            try next.file.sync()
            try storage.rename(name + SegmentName.unfinishedEnding, to: name)
            try storage.syncFolder()
        } catch {
            throw LogError(error)
        }
        if !isUnsynced {
            let length = synced.length
            // Only to save room: see above.
            _ = attempt { () throws(StorageError) in try failed.file.truncate(to: length) }
        }
        return move(from: failed.segment, to: next, isReplaced: isUnsynced)
    }

    /// The frames that were not synced are now the new segment's.
    private mutating func move(from failed: Segment, to next: ActiveSegment, isReplaced: Bool) -> FrameMove? {
        let move =
            unsynced.isEmpty
            ? nil
            : FrameMove(
                sequences: synced.sequence...(end.sequence - 1),
                from: FrameLocation(
                    segment: failed.header.number,
                    offset: UInt32(isReplaced ? SegmentHeader.byteCount : synced.length), length: UInt32(unsynced.count)
                ),
                to: FrameLocation(
                    segment: next.segment.header.number, offset: UInt32(SegmentHeader.byteCount),
                    length: UInt32(unsynced.count)))
        if isReplaced {
            catalog.remove(failed)
        } else {
            failed.removeFrames(
                from: Int(synced.sequence - failed.header.firstSequence), lastChecksum: synced.checksum)
            seal(failed, at: next.segment.header.createdAt)
        }
        use(next)
        isBroken = false
        end = synced
        end.length = SegmentHeader.byteCount
        take(unsynced.bytes, to: next.segment)
        didSync()
        return move
    }

    // MARK: Retention

    /// Removes the segments up to `number`; never the one that is appended to, nor any while that one was never synced.
    /// After an error those that were removed are gone, and the rest may be tried again.
    package mutating func drop(through number: UInt32) throws(LogError) {
        guard let active, !hasNewNames else { return }
        let storage = storage
        for segment in catalog.segments where segment !== active.segment && segment.header.number <= number {
            try remove(SegmentName.index(segment.header.number))
            try remove(SegmentName.segment(segment.header.number))
            // Each for itself: a crash must not leave a gap.
            try logged { () throws(StorageError) in try storage.syncFolder() }
            catalog.remove(segment)
        }
    }
}

/// The file that is appended to.
struct ActiveSegment {
    let segment: Segment
    let file: any LogFile
}

/// A point between two frames.
struct LogEnd {
    var sequence: UInt64
    var position: UInt64
    /// Of the frame before.
    var checksum: UInt32
    /// Offset in the active segment.
    var length: Int

    mutating func advance(over header: FrameHeader) {
        sequence = header.sequence + 1
        position = header.firstPosition + UInt64(header.eventCount)
        checksum = header.checksum
    }
}

/// Frames that lie elsewhere than `append` said, because the disk failed before they were synced.
package struct FrameMove: Equatable, Sendable {
    package let sequences: ClosedRange<UInt64>
    /// All of them; the length is theirs together, and their order is kept.
    package let from: FrameLocation
    package let to: FrameLocation

    /// Where a frame lies now, given where it lay.
    package func callAsFunction(_ location: FrameLocation) -> FrameLocation {
        guard location.segment == from.segment, location.offset >= from.offset else { return location }
        return FrameLocation(
            segment: to.segment, offset: location.offset - from.offset + to.offset, length: location.length)
    }
}
