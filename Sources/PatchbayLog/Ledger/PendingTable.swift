/// Which deliveries of which events are pending: one bit each.
///
/// Groups (the events of one section) are sorted by position. For each handler with pending deliveries a group has a
/// run of words in `words`: a head (next run of the group, handler, number pending), then a bit for each event. Each
/// handler's row remembers the run that was used last, so that a plain outcome costs no search. What is settled leaves
/// holes; `compact` closes them when they take as much as what is pending.
struct PendingTable: Sendable {
    struct Group {
        var firstPosition: UInt64
        var sequence: UInt64
        var location: FrameLocation
        /// First run; 0 when all is settled.
        fileprivate(set) var runs: UInt32 = 0
        /// Events, 1 to 512.
        var count: UInt16

        init(firstPosition: UInt64, count: Int, sequence: UInt64, location: FrameLocation) {
            self.firstPosition = firstPosition
            self.count = UInt16(count)
            self.sequence = sequence
            self.location = location
        }

        var end: UInt64 { firstPosition + UInt64(count) }
        /// Of a run's bits.
        var wordCount: Int { (Int(count) + 63) / 64 }
    }

    /// A handler, and the run of it that was used last: `count` is 0 when there is none.
    private struct Row: BitwiseCopyable {
        var pending = 0
        var firstPosition: UInt64 = 0
        var count: UInt64 = 0
        var run = 0
    }

    /// The first word of a run.
    private struct RunHead: BitwiseCopyable {
        static let onePending: UInt64 = 1 << 48

        let bits: UInt64
        init(_ bits: UInt64) { self.bits = bits }
        init(next: UInt32, handler: UInt16) { bits = UInt64(next) | UInt64(handler) << 32 }

        var next: UInt32 { UInt32(truncatingIfNeeded: bits) }
        var handler: UInt16 { UInt16(truncatingIfNeeded: bits >> 32) }
        var pending: Int { Int(bits >> 48) }
    }

    /// Ascending by position; settled ones are holes.
    private var groups: ContiguousArray<Group> = []
    /// The first group that is pending.
    private var start = 0
    /// Holes behind `start`.
    private var holes = 0
    /// The runs. The first word is not used, so that 0 is no run.
    private var words: ContiguousArray<UInt64> = [0]
    /// First free run for each number of words; a free run's head says the next, and its bits are zeros.
    private var free = InlineArray<9, UInt32>(repeating: 0)
    private var freeWords = 0
    private var rows: ContiguousArray<Row> = []
    /// Where a group was found last.
    private var hint = 0

    // MARK: Changing

    /// Begins the group of a section's events; `add` or `restore` fill it, and `end` drops it when it stayed empty.
    mutating func begin(_ group: Group) {
        precondition(group.count > 0 && group.count <= 512, "a group has 1 to 512 events")
        precondition(groups.last.map { $0.end <= group.firstPosition } ?? true, "groups ascend")
        groups.append(group)
    }

    /// Makes a delivery of the group that was begun pending; false when it is already.
    @inline(__always) mutating func add(event: Int, handler: UInt16) -> Bool {
        let index = groups.count - 1
        let run = runOfLast(handler, index)
        let word = run + 1 + event >> 6
        let mask: UInt64 = 1 << UInt64(event & 63)
        guard words[word] & mask == 0 else { return false }
        words[word] |= mask
        words[run] += RunHead.onePending
        rows[Int(handler)].pending += 1
        return true
    }

    /// Makes a handler's deliveries of the group that was begun pending, all at once; false when it has some already,
    /// or when the bits are none or beyond the group's events.
    mutating func restore(handler: UInt16, bits: [UInt64]) -> Bool {
        let index = groups.count - 1
        let count = Int(groups[index].count)
        let pending = bits.reduce(0) { $0 + $1.nonzeroBitCount }
        guard bits.count == groups[index].wordCount, pending > 0 else { return false }
        if count % 64 != 0, bits[bits.count - 1] >> UInt64(count % 64) != 0 { return false }
        let run = runOfLast(handler, index)
        guard words[run] < RunHead.onePending else { return false }
        for offset in bits.indices { words[run + 1 + offset] = bits[offset] }
        words[run] += UInt64(pending) * RunHead.onePending
        rows[Int(handler)].pending += pending
        return true
    }

    mutating func end() {
        if let last = groups.last, last.runs == 0 { groups.removeLast() }
    }

    /// Settles a delivery; false when it is not pending.
    @inline(__always) mutating func settle(position: UInt64, handler: UInt16) -> Bool {
        let row = Int(handler)
        guard row < rows.count else { return false }
        if position &- rows[row].firstPosition >= rows[row].count {
            guard select(position, handler) else { return false }
        }
        let event = Int(truncatingIfNeeded: position &- rows[row].firstPosition)
        let run = rows[row].run
        let word = run + 1 + event >> 6
        let mask: UInt64 = 1 << UInt64(event & 63)
        guard words[word] & mask != 0 else { return false }
        words[word] &= ~mask
        words[run] -= RunHead.onePending
        rows[row].pending -= 1
        if words[run] < RunHead.onePending { remove(run, of: handler, at: position) }
        return true
    }

    // MARK: Asking

    /// Pending deliveries of a handler.
    func pendingCount(of handler: UInt16) -> Int { Int(handler) < rows.count ? rows[Int(handler)].pending : 0 }

    /// Pending deliveries of all handlers.
    var pendingCount: Int { rows.reduce(0) { $0 + $1.pending } }

    func isPending(position: UInt64, handler: UInt16) -> Bool {
        guard let index = find(position), let run = run(of: handler, in: groups[index]) else { return false }
        let event = Int(position - groups[index].firstPosition)
        return words[run + 1 + event >> 6] & (1 << UInt64(event & 63)) != 0
    }

    /// The oldest group that ends after `position` and has something for the handler.
    func next(_ handler: UInt16, from position: UInt64) -> PendingEvents? {
        guard pendingCount(of: handler) > 0 else { return nil }
        for index in firstIndex(endingAfter: position)..<groups.count {
            let group = groups[index]
            guard let run = run(of: handler, in: group) else { continue }
            var events = EventBits()
            for offset in 0..<group.wordCount { events.setWord(offset, words[run + 1 + offset]) }
            return PendingEvents(
                sequence: group.sequence, location: group.location, firstPosition: group.firstPosition,
                eventCount: Int(group.count), events: events)
        }
        return nil
    }

    /// Sequence of the oldest frame with something pending.
    var oldestSequence: UInt64? { start < groups.count ? groups[start].sequence : nil }

    /// Groups with something pending.
    var groupCount: Int { groups.count - start - holes }

    /// Visits the groups with something pending, oldest first.
    func forEachGroup(_ body: (Group) -> Void) {
        for group in groups[start...] where group.runs != 0 { body(group) }
    }

    /// Visits the handlers with something pending in a group, with the bits.
    func forEachRun(of group: Group, _ body: (_ handler: UInt16, _ pending: Int, UnsafeBufferPointer<UInt64>) -> Void) {
        words.withUnsafeBufferPointer { words in
            var run = Int(group.runs)
            while run != 0 {
                let head = RunHead(words[run])
                let bits = UnsafeBufferPointer(rebasing: words[(run + 1)...(run + group.wordCount)])
                body(head.handler, head.pending, bits)
                run = Int(head.next)
            }
        }
    }

    /// Allocated bytes.
    var memoryBytes: Int {
        groups.capacity * MemoryLayout<Group>.stride + words.capacity * 8 + rows.capacity * MemoryLayout<Row>.stride
    }

    // MARK: Finding

    private func run(of handler: UInt16, in group: Group) -> Int? {
        var run = Int(group.runs)
        while run != 0 {
            let head = RunHead(words[run])
            if head.handler == handler { return run }
            run = Int(head.next)
        }
        return nil
    }

    private func firstIndex(endingAfter position: UInt64) -> Int {
        var low = start
        var high = groups.count
        while low < high {
            let middle = (low + high) / 2
            if groups[middle].end > position { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The group that holds a position, if something of it is pending.
    private func find(_ position: UInt64) -> Int? {
        // Deliveries end about in order: look where the last one was found, behind it and at the start.
        if holds(hint, position) { return hint }
        if holds(hint + 1, position) { return hint + 1 }
        if holds(start, position) { return start }
        let index = firstIndex(endingAfter: position)
        return holds(index, position) ? index : nil
    }

    private func holds(_ index: Int, _ position: UInt64) -> Bool {
        guard index < groups.count else { return false }
        return position &- groups[index].firstPosition < UInt64(groups[index].count) && groups[index].runs != 0
    }

    /// Makes the row remember the run that has the delivery.
    private mutating func select(_ position: UInt64, _ handler: UInt16) -> Bool {
        guard let index = find(position), let run = run(of: handler, in: groups[index]) else { return false }
        hint = index
        remember(run, of: handler, in: index)
        return true
    }

    private mutating func remember(_ run: Int, of handler: UInt16, in index: Int) {
        rows[Int(handler)].firstPosition = groups[index].firstPosition
        rows[Int(handler)].count = UInt64(groups[index].count)
        rows[Int(handler)].run = run
    }

    // MARK: Runs and groups

    /// The handler's run of the last group. Nothing is settled while a group is filled, so its row remembers it.
    @inline(__always) private mutating func runOfLast(_ handler: UInt16, _ index: Int) -> Int {
        let row = Int(handler)
        if row < rows.count, rows[row].count != 0, rows[row].firstPosition == groups[index].firstPosition {
            return rows[row].run
        }
        return addRun(handler, to: index)
    }

    private mutating func addRun(_ handler: UInt16, to index: Int) -> Int {
        if Int(handler) >= rows.count {
            rows.append(contentsOf: repeatElement(Row(), count: Int(handler) + 1 - rows.count))
        }
        let wordCount = groups[index].wordCount
        var run = Int(free[wordCount])
        if run != 0 {
            free[wordCount] = RunHead(words[run]).next
            freeWords -= wordCount + 1
        } else {
            run = words.count
            words.append(contentsOf: repeatElement(0, count: wordCount + 1))
        }
        words[run] = RunHead(next: groups[index].runs, handler: handler).bits
        groups[index].runs = UInt32(run)
        remember(run, of: handler, in: index)
        return run
    }

    /// Takes a settled run out of its group, and the group out of the table when it was its last.
    private mutating func remove(_ run: Int, of handler: UInt16, at position: UInt64) {
        guard let index = find(position) else { preconditionFailure("a run belongs to a group") }
        hint = index
        rows[Int(handler)].count = 0
        let next = RunHead(words[run]).next
        if groups[index].runs == UInt32(run) {
            groups[index].runs = next
        } else {
            var before = Int(groups[index].runs)
            while Int(RunHead(words[before]).next) != run { before = Int(RunHead(words[before]).next) }
            words[before] = words[before] & ~0xFFFF_FFFF | UInt64(next)
        }
        let wordCount = groups[index].wordCount
        words[run] = UInt64(free[wordCount])
        free[wordCount] = UInt32(run)
        freeWords += wordCount + 1
        if groups[index].runs == 0 {
            holes += 1
            while start < groups.count, groups[start].runs == 0 {
                start += 1
                holes -= 1
            }
        }
        let deadGroups = start + holes
        if deadGroups > groups.count - deadGroups + 512 || freeWords > words.count - freeWords + 4096 { compact() }
    }

    /// Copies what is pending, and forgets the rest.
    private mutating func compact() {
        var groups = ContiguousArray<Group>()
        groups.reserveCapacity(groupCount + groupCount / 4)
        var words = ContiguousArray<UInt64>()
        words.reserveCapacity((self.words.count - freeWords) * 5 / 4)
        words.append(0)
        for var group in self.groups[start...] where group.runs != 0 {
            var run = Int(group.runs)
            group.runs = 0
            while run != 0 {
                let head = RunHead(self.words[run])
                let moved = words.count
                words.append(head.bits & ~0xFFFF_FFFF | UInt64(group.runs))
                words.append(contentsOf: self.words[(run + 1)...(run + group.wordCount)])
                group.runs = UInt32(moved)
                run = Int(head.next)
            }
            groups.append(group)
        }
        self.groups = groups
        self.words = words
        start = 0
        holes = 0
        hint = 0
        free = InlineArray(repeating: 0)
        freeWords = 0
        for row in rows.indices { rows[row].count = 0 }
    }

    // MARK: Checking

    /// What does not add up between bits, heads and rows; `nil` when all does.
    var drift: String? {
        var pending = [Int](repeating: 0, count: rows.count)
        var found: String?
        forEachGroup { group in
            forEachRun(of: group) { handler, count, bits in
                let bitCount = bits.reduce(0) { $0 + $1.nonzeroBitCount }
                if bitCount != count || count == 0 {
                    found =
                        "the events from \(group.firstPosition) have \(bitCount) pending deliveries to handler "
                        + "\(handler), and count \(count)"
                }
                pending[Int(handler)] += bitCount
            }
        }
        for handler in rows.indices where rows[handler].pending != pending[handler] {
            found = "handler \(handler) has \(pending[handler]) pending deliveries, and counts \(rows[handler].pending)"
        }
        return found
    }
}
