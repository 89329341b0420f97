/// What makes an event the same as another one: 128 bits of a good hash of what it is told apart by.
package struct DeduplicationKey: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Which keys came within the last while: the first of a key is admitted, the others until `window` has passed are
/// duplicates of it. A duplicate does not make the window longer.
///
/// Time comes in as Unix nanoseconds, so that it holds across restarts; when it goes back, it stands still. Keys lie in
/// a ring in the order of their times, which is also the order in which they expire, with a hash table of ring places
/// beside it. At most `capacity` keys are kept: beyond, the oldest is forgotten before its time, and counted.
package struct DeduplicationWindow: Sendable {
    private struct Entry {
        var key: DeduplicationKey
        /// Unix nanoseconds.
        var time: UInt64
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

    /// Takes a key in; false when it is a duplicate.
    package mutating func admit(_ key: DeduplicationKey, now: UInt64) -> Bool {
        latest = max(latest, now)
        expire()
        guard slot(of: key) == nil else { return false }
        insert(key, time: latest)
        return true
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

    private mutating func insert(_ key: DeduplicationKey, time: UInt64) {
        if count == capacity {
            removeFirst()
            forgotten += 1
        }
        if count == ring.count { resize(max(16, ring.count * 2)) }
        let entry = Entry(key: key, time: time)
        ring[place(count)] = entry
        link(place(count), entry)
        count += 1
    }

    private mutating func resize(_ length: Int) {
        var grown = ContiguousArray<Entry>()
        grown.reserveCapacity(length)
        for index in 0..<count { grown.append(ring[place(index)]) }
        let empty = Entry(key: DeduplicationKey(high: 0, low: 0), time: 0)
        grown.append(contentsOf: repeatElement(empty, count: length - count))
        ring = grown
        first = 0
        slots = ContiguousArray(repeating: 0, count: length * 2)
        for index in 0..<count { link(index, ring[index]) }
    }

    /// A key's hash, in the upper half of a word.
    private static func hash(_ key: DeduplicationKey) -> UInt64 {
        var hash = key.low &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 32 ^ key.high) &* 0xD6E8_FEB8_6659_FD93
        return (hash ^ hash << 32) & ~0xFFFF_FFFF
    }

    private static func place(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }

    /// Where the search for a hash, or for what a slot holds, begins.
    private func home(_ slot: UInt64) -> Int { Int(slot >> 32) & (slots.count - 1) }

    private func slot(of key: DeduplicationKey) -> Int? {
        guard count > 0 else { return nil }
        let hash = Self.hash(key)
        var slot = home(hash)
        while slots[slot] != 0 {
            if (slots[slot] ^ hash) >> 32 == 0, ring[Self.place(slots[slot])].key == key { return slot }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private mutating func link(_ place: Int, _ entry: Entry) {
        let hash = Self.hash(entry.key)
        var slot = home(hash)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = hash | UInt64(place + 1)
    }

    /// Takes a place out of the table, and moves those behind it that would not be found any more.
    private mutating func unlink(_ place: Int) {
        let mask = slots.count - 1
        let linked = Self.hash(ring[place].key) | UInt64(place + 1)
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

    /// Writes the keys, oldest first: 16 bytes each, and the time as a difference.
    package func encode(to writer: inout ByteWriter) {
        writer.append(varint: forgotten)
        writer.append(varint: latest)
        writer.append(varint: count)
        var time: UInt64 = 0
        for index in 0..<count {
            let entry = ring[place(index)]
            writer.append(entry.key.high)
            writer.append(entry.key.low)
            writer.append(varint: entry.time - time)
            time = entry.time
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
        var rest = try reader.nextVarint()
        while rest > 0 {
            rest -= 1
            let key = DeduplicationKey(high: try reader.next(), low: try reader.next())
            let (sum, overflow) = time.addingReportingOverflow(try reader.nextVarint())
            guard !overflow, sum <= latest, slot(of: key) == nil else {
                throw LogFormatError("a deduplication window has keys twice or out of order")
            }
            time = sum
            insert(key, time: time)
        }
        guard reader.isAtEnd else { throw LogFormatError("a deduplication window has bytes behind its end") }
    }
}
