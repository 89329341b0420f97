/// The index of the segment that is written, in memory.
struct MemoryIndex: IndexTables, Sendable {
    private var runs: [IndexRun] = []
    private var lines: [UInt32] = []
    private var keys: [UInt64] = []
    private var tags: [UInt16] = []
    private var events: [UInt32] = []
    private(set) var frameCount = 0
    /// Of the frames that were added.
    private(set) var length = SegmentHeader.byteCount
    private(set) var lastChecksum: UInt32 = 0

    var runCount: Int { runs.count }
    var eventCount: Int { lines.count }
    func run(_ index: Int) -> IndexRun { runs[index] }
    func line(_ event: Int) -> UInt32 { lines[event] }

    /// Adds the frame that begins at `offset` of the segment.
    mutating func add(_ frame: FrameView, at offset: Int) throws(LogFormatError) {
        let before = runs.count
        let isWhole = try frame.forEachSection { (kind, section) throws(LogFormatError) in
            guard kind == .events else { return }
            try add(try EventsSection(section), frame, at: offset)
        }
        guard isWhole else { throw LogFormatError("a section does not end where its frame does") }
        if runs.count == before { append(frame, at: offset, linesEnd: offset) }
        frameCount += 1
        length = offset + frame.bytes.count
        lastChecksum = frame.header.checksum
    }

    private mutating func append(_ frame: FrameView, at offset: Int, linesEnd: Int) {
        runs.append(
            IndexRun(
                frame: UInt32(frameCount), offset: UInt32(offset), length: frame.header.length,
                firstEvent: UInt32(lines.count), linesEnd: UInt32(linesEnd)))
    }

    private mutating func add(_ section: EventsSection, _ frame: FrameView, at offset: Int) throws(LogFormatError) {
        guard section.count > 0, let base = frame.bytes.baseAddress, let text = section.text.baseAddress else { return }
        let start = offset + (text - base)
        let first = section.line(section.count - 1)
        guard let last = first.baseAddress else { throw LogFormatError("an event has no text") }
        append(frame, at: offset, linesEnd: offset + (last - base) + first.count)
        reserve(section.count)
        var lineStart = 0
        for event in 0..<section.count {
            let key = section.key(event)
            insert(key, UInt32(lines.count))
            keys.append(key)
            lines.append(UInt32(start + lineStart))
            lineStart = section.lineEnd(event) + 1
        }
    }

    // MARK: Keys

    /// The events whose key has this hash, among the first `limit`.
    func candidates(_ hash: UInt64, limit: Int) -> Candidates {
        var found = Candidates()
        guard !tags.isEmpty else { return found }
        let tag = IndexSlots.tag(hash)
        var slot = IndexSlots.first(hash, of: tags.count)
        while tags[slot] != 0 {
            if tags[slot] == tag {
                let event = Int(events[slot])
                if event < limit, keys[event] == hash { found.append(event) }
            }
            slot = slot + 1 == tags.count ? 0 : slot + 1
        }
        return found
    }

    private mutating func insert(_ key: UInt64, _ event: UInt32) {
        Self.insert(key, event, &tags, &events)
    }

    private static func insert(_ key: UInt64, _ event: UInt32, _ tags: inout [UInt16], _ events: inout [UInt32]) {
        let count = tags.count
        var slot = IndexSlots.first(key, of: count)
        while tags[slot] != 0 { slot = slot + 1 == count ? 0 : slot + 1 }
        tags[slot] = IndexSlots.tag(key)
        events[slot] = event
    }

    /// Room for `count` more keys: at most three of four slots are taken.
    private mutating func reserve(_ count: Int) {
        let needed = keys.count + count
        guard needed * 4 > tags.count * 3 else { return }
        let slots = max(1024, needed * 2)
        (tags, events) = table(slots: slots)
    }

    private func table(slots: Int) -> ([UInt16], [UInt32]) {
        var tags = [UInt16](repeating: 0, count: slots)
        var events = [UInt32](repeating: 0, count: slots)
        for (event, key) in keys.enumerated() { Self.insert(key, UInt32(event), &tags, &events) }
        return (tags, events)
    }

    // MARK: Sealing

    /// Forgets the frames from number `count` on.
    mutating func removeFrames(from count: Int) {
        guard count < frameCount else { return }
        let keptRuns = runs.prefix { Int($0.frame) < count }.count
        let keptEvents = keptRuns < runs.count ? Int(runs[keptRuns].firstEvent) : lines.count
        length = keptRuns < runs.count ? Int(runs[keptRuns].offset) : length
        runs.removeSubrange(keptRuns...)
        lines.removeSubrange(keptEvents...)
        keys.removeSubrange(keptEvents...)
        frameCount = count
        (tags, events) = table(slots: max(1024, keys.count * 2))
    }

    /// What the index file holds of a segment that is complete. `lastChecksum` is the last frame's.
    func encoded(_ header: SegmentHeader, lastChecksum: UInt32) -> IndexBlob {
        let (tags, events) = table(slots: IndexSlots.sealedCount(keys.count))
        var writer = ByteWriter(
            capacity: SegmentIndex.headerBytes + runs.count * IndexRun.byteCount + lines.count * 4 + tags.count * 6)
        _ = writer.skip(SegmentIndex.headerBytes)
        for run in runs {
            writer.append(run.frame)
            writer.append(run.offset)
            writer.append(run.length)
            writer.append(run.firstEvent)
            writer.append(run.linesEnd)
        }
        // The arrays are little-endian in memory already on every platform of this program.
        lines.withUnsafeBytes { writer.append($0) }
        events.withUnsafeBytes { writer.append($0) }
        tags.withUnsafeBytes { writer.append($0) }
        SegmentIndex.writeHeader(
            header, counts: (runs.count, frameCount, lines.count, tags.count), length: length,
            lastChecksum: lastChecksum, to: &writer)
        return IndexBlob(writer.bytes)
    }
}
