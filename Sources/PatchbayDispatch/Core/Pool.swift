import PatchbayEvents

/// A table of reusable entries that never moves: entry 0 is never given out, freed entries are reused latest first,
/// so a steady state touches no new memory.
struct Pool<Element: BitwiseCopyable>: ~Copyable {
    private let storage: ReservedArray<Element>
    private let freed: ReservedArray<UInt32>
    private var freeCount = 0
    /// Entries ever given out are below this.
    private(set) var highWater = 1

    init(capacity: Int) {
        storage = ReservedArray(capacity: capacity + 1)
        freed = ReservedArray(capacity: capacity + 1)
    }

    var base: UnsafeMutablePointer<Element> { storage.base }

    /// 0 when the table is full. The entry holds what it held when it was freed.
    mutating func take() -> Link {
        if freeCount > 0 {
            freeCount -= 1
            return freed[freeCount]
        }
        guard highWater < storage.capacity else { return 0 }
        highWater += 1
        return Link(highWater - 1)
    }

    mutating func free(_ link: Link) {
        freed[freeCount] = link
        freeCount += 1
    }

    var isExhausted: Bool { freeCount == 0 && highWater >= storage.capacity }

    var used: Int { highWater - 1 - freeCount }
}
