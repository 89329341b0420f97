import PatchbayEvents

/// Turns groups of submissions into frames on disk and folds them into the ledger: the log without its thread.
///
/// One owner: the writer's thread, or a simulation.
package struct LogCommitter: ~Copyable {
    package private(set) var store: SegmentStore
    package private(set) var ledger: Ledger
    private var checkpoints: CheckpointStore
    let settings: LogSettings
    /// The log's numbers of the routes and handlers that it was opened with.
    package let numbers: LogNumbers
    private let lock: FolderLock?
    private var builder = FrameBuilder()
    private var headers: [FrameHeader] = []
    /// Written and not synced.
    private(set) var isDirty = false
    /// The group that is being committed is written, and its sync failed: only that is tried again.
    private var isAppended = false
    /// Of the group's first frame.
    private var location = FrameLocation(segment: 0, offset: 0, length: 0)
    private var bytesSinceCheckpoint: Int
    /// A group of the log's own that the disk has begun to take: nothing is committed before it.
    private var unfinished: [LogSubmission] = []
    /// What it carries, without the data, and what was carried that nobody was told of yet.
    private var carrying: [StreamRecord] = []
    private var carried: [(records: [StreamRecord], sequence: UInt64)] = []
    /// Bytes of streams that are carried in one frame, about.
    private static let carriedBytes = 8 << 20
    /// By segment: bytes that were carried there since the log was opened. Retention does not count them, or it would
    /// carry them for ever.
    private var carriedInto: [UInt32: Int] = [:]

    /// `bytesSinceCheckpoint` are those that opening had to fold: a log whose hosts never live long enough for a
    /// checkpoint of what they write themselves gets one all the same.
    init(
        store: consuming SegmentStore, ledger: Ledger, checkpoints: CheckpointStore, settings: LogSettings,
        numbers: LogNumbers, lock: FolderLock?, bytesSinceCheckpoint: Int
    ) {
        self.lock = lock
        self.bytesSinceCheckpoint = bytesSinceCheckpoint
        self.store = store
        self.ledger = ledger
        self.checkpoints = checkpoints
        self.settings = settings
        self.numbers = numbers
    }

    /// Writes a group, each submission one frame, and syncs it if that is the policy; positions are given here.
    ///
    /// Throws when the disk does not take it: nothing has changed then, and the same group may be offered again.
    package mutating func commit(_ group: [LogSubmission], unixNow: UInt64) throws(LogError) {
        if let own = unfinished.first {
            try write(unfinished, unixNow: unixNow)
            carried.append((carrying, own.sequence))
            unfinished.removeAll()
        }
        try write(group, unixNow: unixNow)
    }

    private mutating func write(_ group: [LogSubmission], unixNow: UInt64) throws(LogError) {
        if !isAppended {
            try build(group, unixNow)
            guard !headers.isEmpty else { return }
            location = try store.append(builder.bytes, headers: headers)
            isAppended = true
        }
        precondition(headers.count == group.count, "another group than the one that waits for its sync")
        isDirty = true
        if settings.sync == .always { try sync() } else { store.publish() }
        isAppended = false
        do throws(LogFormatError) {
            try fold(group)
        } catch {
            throw takenBack(error)
        }
    }

    /// What the ledger does not take must not stay: no host could open the log then. Nobody was told of the group.
    private mutating func takenBack(_ misfit: LogFormatError) -> LogError {
        let what = "the host made a frame that does not fit its own ledger: \(misfit). This is a fault of the host's"
        do {
            try store.takeBack(from: location, headers[0])
            return LogError(
                .corrupt,
                "\(what); the frame is taken back, nothing that was accepted is lost, and calls whose outcome was in it "
                    + "are made again: start the host again, and report this")
        } catch {
            return LogError(.corrupt, "\(what), and the frame cannot be taken back: \(error)")
        }
    }

    /// Makes the group's frames behind the log's end; throws `.frameTooLong` where one of them would not be readable.
    private mutating func build(_ group: [LogSubmission], _ unixNow: UInt64) throws(LogError) {
        builder.removeAll()
        headers.removeAll(keepingCapacity: true)
        var next = store.nextHeader
        for submission in group {
            _ = builder.begin()
            submission.journal.writeNames(to: &builder)
            var header = next
            header.writtenAt = unixNow
            for batch in submission.batches {
                batch.place(at: header.firstPosition + UInt64(header.eventCount))
                builder.add(.events) { numbers.write(batch, to: &$0) }
                header.eventCount += UInt32(batch.count)
            }
            submission.journal.writeRecords(to: &builder)
            guard builder.frameLength <= settings.frameBytesMax else {
                throw LogError(
                    .frameTooLong,
                    "frame \(header.sequence) would have \(builder.frameLength) bytes, and may have "
                        + "\(settings.frameBytesMax): what one call or one turn does is too much for one frame. Nothing of "
                        + "it is written; have handlers do less in one call, and start the host again")
            }
            submission.sequence = header.sequence
            header = builder.end(header)
            headers.append(header)
            next = header.following()
        }
    }

    /// Makes what was written durable.
    package mutating func sync() throws(LogError) {
        guard isDirty else { return }
        if let move = try store.sync() { location = move(location) }
        isDirty = false
    }

    private mutating func fold(_ group: [LogSubmission]) throws(LogFormatError) {
        var place = location
        var offset = 0
        for (header, submission) in zip(headers, group) {
            let length = Int(header.length)
            place.length = header.length
            submission.location = place
            let frame = try FrameView(
                unchecked: UnsafeRawBufferPointer(rebasing: builder.bytes[offset..<(offset + length)]))
            try ledger.fold(frame, at: place) { _, _ throws(LogFormatError) in }
            place.offset += header.length
            offset += length
        }
        bytesSinceCheckpoint += offset
    }

    // MARK: Checkpoints and retention

    /// Whether enough was written since the last checkpoint for the next one to be worth its cost.
    package var wantsCheckpoint: Bool { bytesSinceCheckpoint >= settings.checkpointBytes }

    /// Writes a checkpoint of everything that is committed.
    package mutating func checkpoint(_ extras: [CheckpointExtra], unixNow: UInt64) throws(LogError) {
        try sync()
        var builder = CheckpointBuilder(ledger, writtenAt: unixNow)
        for extra in extras { builder.add(extra.name, extra.encode) }
        do {
            try checkpoints.write(&builder)
            try checkpoints.removeOld()
        } catch {
            throw LogError(error)
        }
        bytesSinceCheckpoint = 0
    }

    /// Removes the oldest segments that retention lets go and nothing needs; their number. What streams have in them is
    /// written once more before; `didCarry` is told what, and in which frame, also of what an earlier try had carried.
    package mutating func retain(
        unixNow: UInt64, didCarry: (_ records: [StreamRecord], _ sequence: UInt64) -> Void = { _, _ in }
    ) throws(LogError) -> Int {
        guard let droppable = checkpoints.droppableSequence else { return 0 }
        let needed = min(droppable + 1, ledger.oldestNeededSequence ?? .max)
        var segments = try store.segments
        carriedInto = carriedInto.filter { number, _ in segments.contains { $0.number == number } }
        // The last one is written to.
        _ = segments.popLast()
        var total = segments.reduce(0) { $0 + own($1) }
        var last: SegmentInfo?
        var dropped = 0
        for segment in segments where segment.lastSequence < needed {
            let isOld = settings.retentionAge > 0 && segment.writtenAt &+ settings.retentionAge < unixNow
            let isTooMuch = settings.retentionBytes > 0 && total > settings.retentionBytes
            guard isOld || isTooMuch else { break }
            total -= own(segment)
            last = segment
            dropped += 1
            // Carrying keeps what waits to be written waiting: one segment's streams at a time.
            if !ledger.streams.rest(through: segment.lastSequence).isEmpty { break }
        }
        guard let last else { return 0 }
        try carry(through: last.lastSequence, unixNow: unixNow)
        for group in carried { didCarry(group.records, group.sequence) }
        carried.removeAll()
        try store.drop(through: last.number)
        return dropped
    }

    /// A segment's bytes, without what was carried there.
    private func own(_ segment: SegmentInfo) -> Int { max(0, segment.bytes - (carriedInto[segment.number] ?? 0)) }

    /// Writes what streams have in the frames up to `sequence` once more, at the log's end; it is on disk then.
    private mutating func carry(through sequence: UInt64, unixNow: UInt64) throws(LogError) {
        // What an earlier try has begun comes first: it may be all of it.
        try commit([], unixNow: unixNow)
        let rest = ledger.streams.rest(through: sequence)
        guard !rest.isEmpty else { return }
        let records = StreamRecordReader(store.reader)
        var submission = LogSubmission()
        carrying.removeAll()
        for item in rest {
            let record = try records.carried(item)
            submission.journal.append(record)
            carrying.append(record.withoutData)
            guard submission.byteCount >= Self.carriedBytes else { continue }
            try finish(submission, unixNow: unixNow)
            submission = LogSubmission()
            carrying.removeAll()
        }
        if !submission.isEmpty { try finish(submission, unixNow: unixNow) }
        try sync()
    }

    /// Commits what nobody would offer again.
    private mutating func finish(_ submission: LogSubmission, unixNow: UInt64) throws(LogError) {
        unfinished = [submission]
        do {
            try commit([], unixNow: unixNow)
            carriedInto[submission.location.segment, default: 0] += Int(submission.location.length)
        } catch {
            if !isAppended { unfinished.removeAll() }
            throw error
        }
    }
}
