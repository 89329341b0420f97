/// How often each key is present: open addressing over 64-bit hashes, at most half full, places of vanished keys
/// closed at once, so that it allocates only when more keys are present than ever before.
package struct KeyCounts: Sendable {
    struct Entry: Sendable {
        /// 0 is an empty place.
        var key: UInt64 = 0
        var count = 0
    }

    private var entries: [Entry]
    private var used = 0

    /// - Parameter capacity: keys that fit before the table grows.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size <<= 1 }
        entries = Array(repeating: Entry(), count: size)
    }

    /// Counts one more of `key` unless there are `limit` already.
    package mutating func increment(_ key: UInt64, below limit: Int) -> Bool {
        var place = find(key)
        if entries[place].count >= limit { return false }
        if entries[place].key == 0 {
            if (used + 1) * 2 > entries.count {
                grow()
                place = find(key)
            }
            entries[place].key = key
            used += 1
        }
        entries[place].count += 1
        return true
    }

    package mutating func decrement(_ key: UInt64) {
        let place = find(key)
        precondition(entries[place].count > 0, "a key was released that nobody held")
        entries[place].count -= 1
        if entries[place].count == 0 { remove(at: place) }
    }

    func count(of key: UInt64) -> Int { key == 0 ? 0 : entries[find(key)].count }

    private func home(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: key ^ (key >> 32)) & (entries.count - 1)
    }

    private func find(_ key: UInt64) -> Int {
        var place = home(key)
        while entries[place].key != key, entries[place].key != 0 { place = (place + 1) & (entries.count - 1) }
        return place
    }

    /// Empties a place and moves back what was pushed past it (Knuth, volume 3, section 6.4, algorithm R).
    private mutating func remove(at place: Int) {
        let mask = entries.count - 1
        var hole = place
        var next = (hole + 1) & mask
        used -= 1
        while entries[next].key != 0 {
            let distance = (next &- home(entries[next].key)) & mask
            if distance >= (next &- hole) & mask {
                entries[hole] = entries[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        entries[hole] = Entry()
    }

    private mutating func grow() {
        let old = entries
        entries = Array(repeating: Entry(), count: old.count * 2)
        for entry in old where entry.key != 0 { entries[find(entry.key)] = entry }
    }
}
