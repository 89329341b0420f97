import PatchbayEvents

/// The keys that a lane is busy with: each has the delivery that may go on and those that wait behind it.
///
/// Open addressing over 64-bit hashes, at most half full; places of vanished keys are closed at once, so it allocates
/// only when more keys are busy than ever before.
struct KeyTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// 0 is an empty place.
        var key: UInt64 = 0
        var waiting = DeliveryList()
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var mask: Int
    private(set) var count = 0

    init() {
        mask = 63
        entries = .allocate(capacity: mask + 1)
        entries.initialize(repeating: Entry(), count: mask + 1)
    }

    deinit { entries.deallocate() }

    /// Makes `key` busy; false when it is already, and `node` then waits behind.
    mutating func acquire(_ key: UInt64, _ node: Link, _ table: UnsafeMutablePointer<Delivery>) -> Bool {
        let place = find(key)
        if entries[place].key == key {
            entries[place].waiting.append(node, table)
            return false
        }
        entries[place] = Entry(key: key)
        count += 1
        if count * 2 > mask { grow() }
        return true
    }

    /// The next delivery of the key, which now may run; 0 when none waits, and the key is then no longer busy.
    mutating func release(_ key: UInt64, _ table: UnsafeMutablePointer<Delivery>) -> Link {
        let place = find(key)
        guard entries[place].key == key else { return 0 }
        let next = entries[place].waiting.popFirst(table)
        if next == 0 { remove(place) }
        return next
    }

    private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: key ^ (key >> 32)) & mask }

    private func find(_ key: UInt64) -> Int {
        var place = home(key)
        while entries[place].key != key, entries[place].key != 0 { place = (place + 1) & mask }
        return place
    }

    /// Empties a place and moves back what was pushed past it (Knuth, volume 3, section 6.4, algorithm R).
    private mutating func remove(_ place: Int) {
        var hole = place
        var next = (hole + 1) & mask
        while entries[next].key != 0 {
            if (next &- home(entries[next].key)) & mask >= (next &- hole) & mask {
                entries[hole] = entries[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        entries[hole] = Entry()
        count -= 1
    }

    private mutating func grow() {
        let old = entries
        let oldCount = mask + 1
        mask = oldCount * 2 - 1
        entries = .allocate(capacity: mask + 1)
        entries.initialize(repeating: Entry(), count: mask + 1)
        for index in 0..<oldCount where old[index].key != 0 { entries[find(old[index].key)] = old[index] }
        old.deallocate()
    }
}
