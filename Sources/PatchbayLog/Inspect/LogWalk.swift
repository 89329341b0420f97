import Glibc

/// Reads a log from end to end for `LogVerification`, and goes on behind what is wrong.
struct LogWalk {
    private let storage: any LogStorage
    private(set) var result = LogVerification()
    /// Follows the whole log; `nil` once that is impossible.
    private var ledger: Ledger?
    /// Checkpoints, to begin with and to compare with.
    private var checkpoints: [UInt64: Checkpoint] = [:]
    /// The frame that comes next, as far as is known.
    private var next: LogEnd?
    private var header: SegmentHeader?
    private let progress: (Int, Int) -> Void
    private var bytesInAll = 0
    /// Before the segment that is being read.
    private var bytesBefore = 0

    init(_ storage: any LogStorage, progress: @escaping (Int, Int) -> Void) {
        self.storage = storage
        self.progress = progress
    }

    mutating func run() throws(LogError) {
        let names = try logged { () throws(StorageError) in try storage.list() }
        let numbers = names.compactMap { SegmentName.number($0, ending: ".seg") }.sorted()
        for number in numbers {
            let file = try open(number)
            bytesInAll += try logged { () throws(StorageError) in try file?.size() ?? 0 }
        }
        for (index, number) in numbers.enumerated() {
            if let header, header.number + 1 < number {
                fault(number, nil, "segment \(SegmentName.text(header.number + 1)) before it is missing")
                next = nil
            }
            let isFollowed = index + 1 < numbers.count && numbers[index + 1] == number + 1
            let following = isFollowed ? try readHeader(number + 1) : nil
            try read(number, before: following, isLast: index + 1 == numbers.count, names)
        }
        finish()
    }

    // MARK: Segments

    private mutating func read(
        _ number: UInt32, before following: SegmentHeader?, isLast: Bool, _ names: [String]
    ) throws(LogError) {
        guard let file = try open(number) else { return }
        result.segments += 1
        guard let header = try readHeader(number) else {
            if isLast, !(try holdsFrames(number, file)) {
                note(number, 0, "the segment was not begun before the power went; it goes when the log is opened")
            } else {
                fault(number, 0, "the segment's header is damaged")
            }
            next = nil
            ledger = nil
            return
        }
        check(header)
        self.header = header
        if next == nil { begin(header) }
        let size = try logged { () throws(StorageError) in try file.size() }
        bytesBefore = result.bytes
        result.bytes += size
        var scanner = FrameScanner(file, segment: number, from: SegmentHeader.byteCount, to: size)
        var tables: MemoryIndex? = MemoryIndex()
        let end = following?.firstSequence ?? .max
        try readFrames(&scanner, header, end: end, isLast: isLast, &tables)
        if scanner.offset < size, !isLast, next?.sequence == end {
            note(
                number, scanner.offset,
                "\(size - scanner.offset) bytes of a write that failed; segment \(SegmentName.text(number + 1)) has them"
            )
        }
        if !isLast, let tables { try checkIndex(header, tables, names) }
    }

    private mutating func begin(_ header: SegmentHeader) {
        next = LogEnd(
            sequence: header.firstSequence, position: header.firstPosition, checksum: header.previousChecksum,
            length: 0)
        guard result.frames == 0 else { return }
        result.sequences = header.firstSequence..<header.firstSequence
        if header.firstSequence == 1 {
            ledger = Ledger()
        } else {
            // What was before is in a checkpoint: any but the last that the log goes on from, so that it can be compared.
            let usable = checkpoints.keys.filter { $0 + 1 >= header.firstSequence }.min()
            ledger = usable.flatMap { checkpoints[$0]?.ledger }
            if ledger == nil {
                fault(
                    header.number, nil,
                    "the log begins with frame \(header.firstSequence), and no checkpoint has what was before")
            }
        }
    }

    /// A segment begins where the one before it ended.
    private mutating func check(_ header: SegmentHeader) {
        if let before = self.header, before.identity != header.identity {
            fault(header.number, 0, "the segment belongs to another log")
        }
        guard let next else { return }
        guard next.sequence == header.firstSequence, next.position == header.firstPosition,
            next.checksum == header.previousChecksum
        else {
            fault(
                header.number, 0,
                "the segment begins with frame \(header.firstSequence), and frame \(next.sequence) is next")
            self.next = nil
            ledger = nil
            return
        }
    }

    private mutating func readFrames(
        _ scanner: inout FrameScanner, _ header: SegmentHeader, end: UInt64, isLast: Bool, _ tables: inout MemoryIndex?
    ) throws(LogError) {
        while (next?.sequence ?? 0) < end {
            let offset = scanner.offset
            switch try scanner.next() {
            case .frame(let frame):
                take(frame, &tables)
                // What a writer appends meanwhile is more than was there.
                let read = bytesBefore + scanner.offset
                progress(read, max(read, bytesInAll))
            case .end:
                if end != .max {
                    fault(header.number, offset, "the segment ends before frame \(next?.sequence ?? end)")
                    next = nil
                    ledger = nil
                }
                return
            case .broken(let error):
                tables = nil
                guard try skip(&scanner, "\(error)", isLast: isLast) else { return }
            }
        }
    }

    private mutating func take(_ frame: LogFrame, _ tables: inout MemoryIndex?) {
        let (view, place) = (frame.view, frame.location)
        let header = view.header
        if let next,
            next.sequence != header.sequence || next.position != header.firstPosition
                || next.checksum != header.previousChecksum
        {
            fault(
                place.segment, Int(place.offset),
                "frame \(header.sequence) at position \(header.firstPosition) lies where frame \(next.sequence) at "
                    + "position \(next.position) belongs")
            ledger = nil
            tables = nil
        }
        do throws(LogFormatError) {
            try view.forEachRecord { _ throws(LogFormatError) in }
            try tables?.add(view, at: Int(place.offset))
        } catch {
            fault(place.segment, Int(place.offset), "frame \(header.sequence): \(error)")
            tables = nil
        }
        fold(view, place)
        var end = next ?? LogEnd(sequence: 0, position: 0, checksum: 0, length: 0)
        end.advance(over: header)
        next = end
        result.frames += 1
        result.events += Int(header.eventCount)
        result.sequences = min(result.sequences.lowerBound, header.sequence)..<(header.sequence + 1)
    }

    /// Goes on at the next whole frame; false when there is none.
    private mutating func skip(_ scanner: inout FrameScanner, _ reason: String, isLast: Bool) throws(LogError) -> Bool {
        let offset = scanner.offset
        let number = scanner.segment
        let expected = next?.sequence
        var search = scanner
        search.seek(to: offset + 8)
        var found: LogFrame?
        while found == nil, let frame = try search.search() {
            if !isLast || expected == nil || frame.view.header.syncedThrough >= (expected ?? 0) { found = frame }
        }
        guard let found else {
            if isLast {
                note(number, offset, "\(scanner.end - offset) bytes of a write that was not accepted (\(reason))")
            } else {
                fault(number, offset, "frame \(expected.map { "\($0)" } ?? "?"): \(reason)")
                next = nil
                ledger = nil
            }
            return false
        }
        fault(
            number, offset,
            "\(reason); the next whole frame is \(found.view.header.sequence) at offset \(found.location.offset)")
        scanner.seek(to: Int(found.location.offset))
        next = nil
        ledger = nil
        return true
    }

    // MARK: Files

    private mutating func open(_ number: UInt32) throws(LogError) -> (any LogFile)? {
        do throws(StorageError) {
            return try storage.openToRead(SegmentName.segment(number))
        } catch {
            // The writer may have dropped it since it was listed.
            guard error.isMissing else { throw LogError(error) }
            return nil
        }
    }

    private mutating func readHeader(_ number: UInt32) throws(LogError) -> SegmentHeader? {
        guard let file = try open(number) else { return nil }
        let buffer = ReadBuffer(capacity: SegmentHeader.byteCount)
        let count = try logged { () throws(StorageError) in try file.read(into: buffer.room, at: 0) }
        do throws(LogFormatError) {
            return try SegmentHeader(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
        } catch {
            guard error.isUnsupported else { return nil }
            throw LogError(.format, "\(file.path): \(error); use the version of patchbay that wrote it")
        }
    }

    /// Whether a segment without a header holds a frame that something shows to have been on disk.
    private func holdsFrames(_ number: UInt32, _ file: any LogFile) throws(LogError) -> Bool {
        let size = try logged { () throws(StorageError) in try file.size() }
        var scanner = FrameScanner(file, segment: number, from: 0, to: size)
        while let frame = try scanner.search() {
            if frame.view.header.syncedThrough >= next?.sequence ?? 1 { return true }
        }
        return false
    }

    private mutating func checkIndex(
        _ header: SegmentHeader, _ tables: MemoryIndex, _ names: [String]
    ) throws(LogError) {
        let name = SegmentName.index(header.number)
        guard names.contains(name) else {
            return note(header.number, nil, "its index is missing; it is made when it is needed")
        }
        let expected = tables.encoded(header, lastChecksum: tables.lastChecksum)
        do throws(StorageError) {
            let file = try storage.openToRead(name)
            let found = try file.bytes(try file.size(), at: 0)
            result.indexes += 1
            let isSame =
                found.count == expected.bytes.count
                && expected.bytes.baseAddress.map { memcmp(found, $0, found.count) == 0 } ?? false
            guard !isSame else { return }
            // Indexes are not synced: a crash may leave less of one, which no reader takes for whole.
            guard isWhole(found, header) else {
                return note(header.number, nil, "its index is not whole; it is made anew when it is needed")
            }
            result.faults.append(
                LogVerification.Fault(
                    path: "\(storage.path)/\(name)", segment: header.number,
                    message: "the index does not agree with its segment; remove the file: it is made anew when needed"))
        } catch {
            guard error.isMissing else { throw LogError(error) }
        }
    }

    /// Whether readers would take these bytes for an index of the segment.
    private func isWhole(_ index: [UInt8], _ header: SegmentHeader) -> Bool {
        index.withUnsafeBytes { bytes in
            guard bytes.count > SegmentIndex.headerBytes else { return false }
            let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            guard SegmentIndex.checksum(of: bytes) == stored else { return false }
            do throws(LogFormatError) {
                _ = try SegmentIndex(IndexBlob(bytes), of: header)
                return true
            } catch {
                return false
            }
        }
    }

    // MARK: The ledger

    mutating func readCheckpoints(_ folder: any LogStorage) throws(LogError) {
        let found = try logged { () throws(StorageError) in try CheckpointStore(folder).loadAll() }
        for checkpoint in found.whole { checkpoints[checkpoint.sequence] = checkpoint }
        result.checkpoints = found.whole.count
        for skipped in found.skipped {
            result.faults.append(LogVerification.Fault(path: skipped.path, message: skipped.reason))
        }
    }

    private mutating func fold(_ frame: FrameView, _ place: FrameLocation) {
        guard ledger != nil else { return }
        guard frame.header.sequence > ledger?.sequence ?? 0 else { return }
        do throws(LogFormatError) {
            try ledger?.fold(frame, at: place) { _, _ throws(LogFormatError) in }
        } catch {
            fault(place.segment, Int(place.offset), "frame \(frame.header.sequence) does not fit the ledger: \(error)")
            ledger = nil
            return
        }
        guard let checkpoint = checkpoints[frame.header.sequence], let ledger else { return }
        if checkpoint.ledger.counts != ledger.counts {
            fault(
                place.segment, Int(place.offset),
                "checkpoint \(checkpoint.sequence) counts otherwise than the log up to there")
        }
        if checkpoint.ledger.streams != ledger.streams {
            fault(
                place.segment, Int(place.offset),
                "checkpoint \(checkpoint.sequence) has other streams than the log up to there")
        }
    }

    private mutating func finish() {
        guard let ledger else { return }
        result.counts = ledger.counts
        if let drift = ledger.drift {
            result.faults.append(LogVerification.Fault(path: storage.path, message: drift))
        }
    }

    private mutating func fault(_ segment: UInt32, _ offset: Int?, _ message: String) {
        result.faults.append(entry(segment, offset, message))
    }

    private mutating func note(_ segment: UInt32, _ offset: Int?, _ message: String) {
        result.notes.append(entry(segment, offset, message))
    }

    private func entry(_ segment: UInt32, _ offset: Int?, _ message: String) -> LogVerification.Fault {
        LogVerification.Fault(
            path: "\(storage.path)/\(SegmentName.segment(segment))", segment: segment, offset: offset, message: message)
    }
}
