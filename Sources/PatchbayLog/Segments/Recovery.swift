import CPatchbaySystem

/// Opens the segments of a folder: finds them, reads what is behind the checkpoint, and cuts what is torn.
struct Recovery: ~Copyable {
    typealias Visit = (FrameView, FrameLocation) throws(LogError) -> Void

    let storage: any LogStorage
    /// The last frame that a checkpoint holds, 0 without one; `nil` reads the last segment only.
    let checkpoint: UInt64?
    /// Whether files may be changed: only by who holds the folder's lock.
    let mayWrite: Bool

    private(set) var report = RecoveryReport()
    private(set) var segments: [Segment] = []
    /// Of the next frame.
    private(set) var sequence: UInt64 = 1
    private(set) var position: UInt64 = 0
    private(set) var lastChecksum: UInt32 = 0
    private(set) var epoch: UInt32 = 0
    /// Of the last segment, and its length.
    private(set) var file: (any LogFile)?
    private(set) var length = 0
    /// What some whole frame says was on disk.
    private var syncedThrough: UInt64 = 0

    init(_ storage: any LogStorage, checkpoint: UInt64?, mayWrite: Bool) {
        self.storage = storage
        self.checkpoint = checkpoint
        self.mayWrite = mayWrite
    }

    mutating func run(_ visit: Visit) throws(LogError) {
        let start = pbs_now()
        let names = try logged { () throws(StorageError) in try storage.list() }
        let numbers = names.compactMap { SegmentName.number($0, ending: ".seg") }.sorted()
        var headers: [SegmentHeader] = []
        var unbegun: UInt32?
        for number in numbers {
            if let header = try readHeader(number, isLast: number == numbers.last) {
                headers.append(header)
            } else {
                unbegun = number
            }
        }
        try checkOrder(headers)
        for index in headers.indices {
            if index + 1 < headers.count {
                try readSealed(headers[index], before: headers[index + 1], visit)
            } else {
                try readLast(headers[index], visit)
            }
        }
        try checkEnd(isEmpty: headers.isEmpty, unbegun)
        if let unbegun, mayWrite { try remove(unbegun) }
        if mayWrite { try removeStrays(names) }
        report.segments = segments.count
        report.nanoseconds = pbs_now() - start
    }

    // MARK: Headers

    /// `nil` when it is the last segment and holds no whole header: its first write was torn.
    private mutating func readHeader(_ number: UInt32, isLast: Bool) throws(LogError) -> SegmentHeader? {
        let file = try logged { () throws(StorageError) in
            try storage.openToRead(SegmentName.segment(number))
        }
        let buffer = ReadBuffer(capacity: SegmentHeader.byteCount)
        let count = try logged { () throws(StorageError) in try file.read(into: buffer.room, at: 0) }
        do throws(LogFormatError) {
            let header = try SegmentHeader(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
            guard header.number == number else {
                throw LogFormatError("the header is that of segment \(header.number)")
            }
            return header
        } catch {
            guard !error.isUnsupported else {
                throw LogError(.format, "\(file.path): \(error); use the version of patchbay that wrote it")
            }
            guard isLast else { throw .corrupt(number, at: 0, "\(error)") }
            try readUnbegun(number, file, "\(error)")
            return nil
        }
    }

    /// Frames behind a torn header: what they say was on disk must be in the segments before.
    private mutating func readUnbegun(_ number: UInt32, _ file: any LogFile, _ reason: String) throws(LogError) {
        let size = try logged { () throws(StorageError) in try file.size() }
        var scanner = FrameScanner(file, segment: number, from: 0, to: size)
        while let frame = try scanner.search() {
            syncedThrough = max(syncedThrough, frame.view.header.syncedThrough)
        }
        report.cuts.append(
            RecoveryReport.Cut(segment: number, offset: 0, bytes: size, reason: reason, isWholeSegment: true))
    }

    private func checkOrder(_ headers: [SegmentHeader]) throws(LogError) {
        if let checkpoint, let first = headers.first, first.firstSequence > checkpoint + 1 {
            throw LogError(
                .missing,
                "the log in \(storage.path) begins with frame \(first.firstSequence), and frames from \(checkpoint + 1) "
                    + "on are needed: segments or checkpoints are missing. Restore the data folder from a copy, with "
                    + "all its files")
        }
        for (header, next) in zip(headers, headers.dropFirst()) {
            guard next.number == header.number + 1 else {
                throw LogError(
                    .missing,
                    "\(storage.path)/\(SegmentName.segment(header.number + 1)) is missing, and later segments are "
                        + "there. Restore the data folder from a copy, with all its files")
            }
            guard next.identity == header.identity else {
                throw .corrupt(next.number, at: 0, "the segment belongs to another log")
            }
            guard next.firstSequence >= header.firstSequence, next.firstPosition >= header.firstPosition else {
                throw .corrupt(next.number, at: 0, "the segment begins before the one before it")
            }
        }
    }

    /// Nothing that was synced may be missing at the log's end.
    private func checkEnd(isEmpty: Bool, _ unbegun: UInt32?) throws(LogError) {
        if let unbegun, syncedThrough >= sequence {
            throw .corrupt(
                unbegun, at: 0, "the segment's header is damaged, and its frames follow frame \(syncedThrough)")
        }
        guard let checkpoint, sequence <= checkpoint else { return }
        throw LogError(
            .missing,
            "the log in \(storage.path) ends with frame \(sequence - 1), before its checkpoint at \(checkpoint): frames "
                + "are missing. Restore the data folder from a copy, with all its files")
    }

    // MARK: Frames

    private mutating func begin(_ header: SegmentHeader) {
        segments.append(Segment(header, storage))
        sequence = header.firstSequence
        position = header.firstPosition
        lastChecksum = header.previousChecksum
    }

    /// A segment that another follows: whole up to where that begins, and read only behind the checkpoint.
    private mutating func readSealed(
        _ header: SegmentHeader, before next: SegmentHeader, _ visit: Visit
    ) throws(LogError) {
        begin(header)
        segments[segments.count - 1].seal(before: next)
        guard let checkpoint, next.firstSequence - 1 > checkpoint else { return }
        let file = try logged { () throws(StorageError) in
            try storage.openToRead(SegmentName.segment(header.number))
        }
        let size = try logged { () throws(StorageError) in try file.size() }
        var scanner = FrameScanner(file, segment: header.number, from: SegmentHeader.byteCount, to: size)
        while sequence < next.firstSequence {
            let offset = scanner.offset
            switch try step(&scanner) {
            case .frame(let frame): try take(frame, visit)
            case .end: throw .corrupt(header.number, at: offset, "the segment ends before frame \(sequence)")
            case .broken(let error): throw .corrupt(header.number, at: offset, "frame \(sequence): \(error)")
            }
        }
        guard position == next.firstPosition, lastChecksum == next.previousChecksum else {
            throw .corrupt(next.number, at: 0, "the segment does not go on where the one before it ends")
        }
        report.scannedBytes += scanner.offset
        report.supersededBytes += size - scanner.offset
    }

    /// The segment that is appended to: it ends where whole frames end.
    private mutating func readLast(_ header: SegmentHeader, _ visit: Visit) throws(LogError) {
        begin(header)
        let name = SegmentName.segment(header.number)
        let file = try logged { () throws(StorageError) in
            mayWrite ? try storage.open(name, create: false) : try storage.openToRead(name)
        }
        let size = try logged { () throws(StorageError) in try file.size() }
        var scanner = FrameScanner(file, segment: header.number, from: SegmentHeader.byteCount, to: size)
        var tables = MemoryIndex()
        var writtenAt = header.createdAt
        reading: while true {
            let offset = scanner.offset
            switch try step(&scanner) {
            case .end: break reading
            case .broken(let error):
                try cut(header.number, scanner, file, "\(error)")
                break reading
            case .frame(let frame):
                do throws(LogFormatError) {
                    try tables.add(frame.view, at: offset)
                } catch {
                    throw .corrupt(header.number, at: offset, "frame \(sequence): \(error)")
                }
                writtenAt = frame.view.header.writtenAt
                try take(frame, visit)
            }
        }
        report.scannedBytes += scanner.offset
        length = tables.length
        self.file = file
        if mayWrite { try settle(header, tables, file) }
        segments[segments.count - 1].grow(tables, file: file, writtenAt: writtenAt)
    }

    /// The next frame, which must follow the last one.
    private func step(_ scanner: inout FrameScanner) throws(LogError) -> FrameScanner.Step {
        let offset = scanner.offset
        let step = try scanner.next()
        guard case .frame(let frame) = step else { return step }
        let header = frame.view.header
        let follows =
            header.sequence == sequence && header.firstPosition == position
            && header.previousChecksum == lastChecksum
        guard !follows else { return step }
        scanner.seek(to: offset)
        return .broken(LogFormatError("frame \(header.sequence), which does not follow frame \(sequence - 1)"))
    }

    private mutating func take(_ frame: LogFrame, _ visit: Visit) throws(LogError) {
        let header = frame.view.header
        syncedThrough = max(syncedThrough, header.syncedThrough)
        if let checkpoint, header.sequence > checkpoint {
            report.frames += 1
            try visit(frame.view, frame.location)
        }
        sequence = header.sequence + 1
        position = header.firstPosition + UInt64(header.eventCount)
        lastChecksum = header.checksum
        epoch = max(epoch, header.epoch)
    }

    // MARK: The tail

    /// Cuts what is behind the last whole frame, unless something shows that it had been on disk.
    private mutating func cut(
        _ number: UInt32, _ scanner: FrameScanner, _ file: any LogFile, _ reason: String
    ) throws(LogError) {
        var search = scanner
        search.seek(to: scanner.offset + 8)
        while let frame = try search.search() {
            guard frame.view.header.syncedThrough < sequence else {
                throw .corrupt(
                    number, at: scanner.offset,
                    "frame \(sequence): \(reason), and frame \(frame.view.header.sequence) at offset "
                        + "\(frame.location.offset) was written after it was on disk")
            }
        }
        guard syncedThrough < sequence else {
            throw .corrupt(number, at: scanner.offset, "frame \(sequence): \(reason), and it was on disk")
        }
        report.cuts.append(
            RecoveryReport.Cut(
                segment: number, offset: scanner.offset, bytes: scanner.end - scanner.offset, reason: reason))
        guard mayWrite else { return }
        try logged { () throws(StorageError) in try file.truncate(to: scanner.offset) }
    }

    /// Makes sure that all that was read is on disk.
    ///
    /// After a failed sync the system may hold bytes that the disk does not, and take them for written: what no frame
    /// vouches for is written again before it is synced.
    private func settle(_ header: SegmentHeader, _ tables: MemoryIndex, _ file: any LogFile) throws(LogError) {
        var start = 0
        if syncedThrough >= header.firstSequence {
            let frame = tables.run(ofFrame: Int(syncedThrough - header.firstSequence))
            start = frame.map { Int($0.offset) + Int($0.length) } ?? 0
        }
        let length = tables.length
        let storage = storage
        try logged { () throws(StorageError) in
            let buffer = ReadBuffer(capacity: max(1, length - start))
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.room[..<(length - start)])
            let count = try file.read(into: room, at: start)
            try file.write(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]), at: start)
            try file.sync()
            try storage.syncFolder()
        }
    }

    /// Removes a segment whose first write was torn.
    private func remove(_ number: UInt32) throws(LogError) {
        let storage = storage
        try logged { () throws(StorageError) in
            try storage.remove(SegmentName.segment(number))
            try storage.syncFolder()
        }
    }

    /// What a crash may leave: indexes whose segments have gone, segments that were not finished.
    private func removeStrays(_ names: [String]) throws(LogError) {
        let kept = Set(segments.map(\.header.number))
        for name in names {
            let isUnfinished = name.hasSuffix(".seg" + SegmentName.unfinishedEnding)
            let isStray = SegmentName.number(name, ending: ".idx").map { !kept.contains($0) } ?? isUnfinished
            guard isStray else { continue }
            let storage = storage
            try logged { () throws(StorageError) in try storage.remove(name) }
        }
    }
}
