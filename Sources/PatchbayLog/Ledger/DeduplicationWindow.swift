/// What makes an event the same as another one.
package struct DeduplicationKey: Hashable, Sendable {
    /// 128 bits of a good hash, of id and source or of a configured key.
    package var high: UInt64
    package var low: UInt64
    /// Keys of different scopes never meet: 0 for all events, else the number of a route and 1.
    package var scope: UInt32

    package init(high: UInt64, low: UInt64, scope: UInt32 = 0) {
        self.high = high
        self.low = low
        self.scope = scope
    }
}

/// Which keys came within the last while: the first of a key is admitted, the others until `window` has passed are
/// duplicates of it. A duplicate does not make the window longer.
///
/// Time comes in as Unix nanoseconds, so that it holds across restarts; when it goes back, it stands still. Keys lie in
/// a ring in the order of their times, which is also the order in which they expire, with a hash table of ring places
/// beside it. At most `capacity` keys are kept: beyond, the oldest is forgotten before its time, and counted.
package struct DeduplicationWindow: Sendable {
    package enum Admission: Equatable, Sendable {
        case first
        /// Of the event at this position.
        case duplicate(of: UInt64)
    }

    private struct Entry {
        var high: UInt64
        var low: UInt64
        var position: UInt64
        /// Unix nanoseconds.
        var time: UInt64
        var scope: UInt32

        var key: DeduplicationKey { DeduplicationKey(high: high, low: low, scope: scope) }
    }

    /// Nanoseconds; may change at any time.
    package var window: UInt64
    /// Keys that are kept at most.
    package let capacity: Int
    /// Keys that were forgotten before their time.
    package private(set) var forgotten: UInt64 = 0
    /// Keys that are kept; some of them may have expired.
    package private(set) var count = 0

    /// Power of two long, or empty.
    private var ring: ContiguousArray<Entry> = []
    private var first = 0
    /// Places of the ring and 1, with half of their keys' hashes above them; 0 is free. Twice the ring's length, with
    /// linear probing: a search touches the ring only where the hashes are equal.
    private var slots: ContiguousArray<UInt64> = []
    private var latest: UInt64 = 0

    /// `capacity` is 1 to 2^30.
    package init(window: UInt64, capacity: Int) {
        precondition((1...(1 << 30)).contains(capacity), "a window keeps 1 to 2^30 keys")
        self.window = window
        self.capacity = capacity
    }

    /// Takes the key of the event at `position` in, unless it is a duplicate. Positions and times ascend.
    package mutating func admit(_ key: DeduplicationKey, position: UInt64, now: UInt64) -> Admission {
        latest = max(latest, now)
        expire()
        if let slot = slot(of: key) {
            return .duplicate(of: ring[Self.place(slots[slot])].position)
        }
        insert(key, position: position, time: latest)
        return .first
    }

    /// The position of the event that the key's would be a duplicate of now; `nil` when it would be the first.
    package func original(_ key: DeduplicationKey, now: UInt64) -> UInt64? {
        guard let slot = slot(of: key) else { return nil }
        let entry = ring[Self.place(slots[slot])]
        return max(latest, now) - entry.time < window ? entry.position : nil
    }

    /// Takes back what was admitted at `position` and after: those events were not written.
    package mutating func withdraw(from position: UInt64) {
        while count > 0, ring[place(count - 1)].position >= position {
            unlink(place(count - 1))
            count -= 1
        }
    }

    /// Allocated bytes.
    package var memoryBytes: Int { ring.capacity * MemoryLayout<Entry>.stride + slots.capacity * 8 }

    // MARK: Ring and table

    private func place(_ index: Int) -> Int { (first + index) & (ring.count - 1) }

    private mutating func expire() {
        while count > 0, latest - ring[first].time >= window { removeFirst() }
        // A burst's room is given back once a window passed without one.
        if ring.count > 1024, count < ring.count / 8 { resize(ring.count / 4) }
    }

    private mutating func removeFirst() {
        unlink(first)
        first = (first + 1) & (ring.count - 1)
        count -= 1
    }

    private mutating func insert(_ key: DeduplicationKey, position: UInt64, time: UInt64) {
        if count == capacity {
            removeFirst()
            forgotten += 1
        }
        if count == ring.count { resize(max(16, ring.count * 2)) }
        let entry = Entry(high: key.high, low: key.low, position: position, time: time, scope: key.scope)
        ring[place(count)] = entry
        link(place(count), entry)
        count += 1
    }

    private mutating func resize(_ length: Int) {
        var grown = ContiguousArray<Entry>()
        grown.reserveCapacity(length)
        for index in 0..<count { grown.append(ring[place(index)]) }
        let empty = Entry(high: 0, low: 0, position: 0, time: 0, scope: 0)
        grown.append(contentsOf: repeatElement(empty, count: length - count))
        ring = grown
        first = 0
        slots = ContiguousArray(repeating: 0, count: length * 2)
        for index in 0..<count { link(index, ring[index]) }
    }

    /// A key's hash, in the upper half of a word.
    private static func hash(_ high: UInt64, _ low: UInt64, _ scope: UInt32) -> UInt64 {
        var hash = (low ^ UInt64(scope)) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32 ^ high) &* 0xD6E8_FEB8_6659_FD93
        return (hash ^ hash << 32) & ~0xFFFF_FFFF
    }

    private static func place(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }

    /// Where the search for a hash, or for what a slot holds, begins.
    private func home(_ slot: UInt64) -> Int { Int(slot >> 32) & (slots.count - 1) }

    private func slot(of key: DeduplicationKey) -> Int? {
        guard count > 0 else { return nil }
        let hash = Self.hash(key.high, key.low, key.scope)
        var slot = home(hash)
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0, ring[Self.place(slots[slot])].key == key { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private mutating func link(_ place: Int, _ entry: Entry) {
        let hash = Self.hash(entry.high, entry.low, entry.scope)
        var slot = home(hash)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = hash | UInt64(place + 1)
    }

    /// Takes a place out of the table, and moves those behind it that would not be found any more.
    private mutating func unlink(_ place: Int) {
        let mask = slots.count - 1
        let linked = Self.hash(ring[place].high, ring[place].low, ring[place].scope) | UInt64(place + 1)
        var hole = home(linked)
        while slots[hole] != linked { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            if (next - home(slots[next])) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    // MARK: Checkpoints

    /// Writes the keys, oldest first: 16 bytes each, and scope, time and position as differences.
    package func encode(to writer: inout ByteWriter) {
        writer.append(varint: forgotten)
        writer.append(varint: latest)
        writer.append(varint: count)
        var time: UInt64 = 0
        var position: UInt64 = 0
        for index in 0..<count {
            let entry = ring[place(index)]
            writer.append(entry.high)
            writer.append(entry.low)
            writer.append(varint: UInt64(entry.scope))
            writer.append(varint: entry.time - time)
            writer.append(varint: entry.position &- position)
            time = entry.time
            position = entry.position
        }
    }

    /// Reads what `encode` wrote; whatever the bytes are, the result is right or an error. Of more keys than
    /// `capacity` the latest are kept.
    package init(_ bytes: UnsafeRawBufferPointer, window: UInt64, capacity: Int) throws(LogFormatError) {
        self.init(window: window, capacity: capacity)
        var reader = ByteReader(bytes)
        forgotten = try reader.nextVarint() & .max >> 1
        latest = try reader.nextVarint()
        var time: UInt64 = 0
        var position: UInt64 = 0
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let key = DeduplicationKey(
                high: try reader.next(), low: try reader.next(), scope: try reader.nextVarint(as: UInt32.self))
            let (sum, overflow) = time.addingReportingOverflow(try reader.nextVarint())
            position &+= try reader.nextVarint()
            guard !overflow, sum <= latest, slot(of: key) == nil else {
                throw LogFormatError("a deduplication window has keys twice or out of order")
            }
            time = sum
            insert(key, position: position, time: time)
        }
        guard reader.isAtEnd else { throw LogFormatError("a deduplication window has bytes behind its end") }
    }
}
