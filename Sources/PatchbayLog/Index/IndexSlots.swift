/// Where in a table of `slots` the search for a key begins, and the tag that is compared: both from the key's hash, and
/// a part of the index's format.
enum IndexSlots {
    @inline(__always) static func first(_ hash: UInt64, of slots: Int) -> Int {
        Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(truncatingIfNeeded: slots)) >> 32)
    }

    /// Never 0, which is an empty slot.
    @inline(__always) static func tag(_ hash: UInt64) -> UInt16 {
        let tag = UInt16(truncatingIfNeeded: hash)
        return tag == 0 ? 1 : tag
    }

    /// Slots for `count` events when no more are to come: four of five are taken, and one at least is empty.
    static func sealedCount(_ count: Int) -> Int { count + count / 4 + 1 }
}

/// The events that a search by hash found: almost always none or one.
struct Candidates: Sequence {
    private var one: Int?
    private var more: [Int] = []

    mutating func append(_ event: Int) {
        if one == nil { one = event } else { more.append(event) }
    }

    /// Newest first.
    func makeIterator() -> Iterator { Iterator(one: one, more: more.isEmpty ? more : sorted()) }

    private func sorted() -> [Int] { (more + (one.map { [$0] } ?? [])).sorted() }

    struct Iterator: IteratorProtocol {
        fileprivate var one: Int?
        fileprivate var more: [Int]

        mutating func next() -> Int? {
            if let last = more.popLast() {
                one = nil
                return last
            }
            defer { one = nil }
            return one
        }
    }
}
