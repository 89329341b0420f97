import Glibc
import PatchbayEvents

/// The routes that take a type, by the type's bytes: what one matcher has seen, bounded.
///
/// Open addressing on bytes; belongs to one thread. When it is full it starts over, so that a flood of made-up types
/// costs pattern matching, never memory.
struct TypeCache: ~Copyable {
    static let typesMax = 4_096
    /// Longer types are matched anew each time.
    static let typeBytesMax = 256
    static let probesMax = 16
    private static let capacity = 8_192
    private static let bytesMax = 512 * 1_024

    struct Entry: BitwiseCopyable {
        var hash: UInt64 = 0
        var typeOffset: UInt32 = 0
        /// 0 is an empty place: an event's type is never empty.
        var typeCount: UInt32 = 0
        /// The number of its list of candidates.
        var list: UInt32 = 0
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let bytes: UnsafeMutablePointer<UInt8>
    private var lists: CandidateLists
    private var used = 0
    private var bytesUsed = 0
    private let seed: UInt64
    private let patternCount: Int
    /// Times it started over.
    private(set) var resets: UInt64 = 0

    init(seed: KeySeed, routes: Int) {
        self.seed = seed.low ^ (seed.high << 1)
        patternCount = routes
        lists = CandidateLists(routes: routes, seed: self.seed)
        entries = .allocate(capacity: TypeCache.capacity)
        entries.initialize(repeating: Entry(), count: TypeCache.capacity)
        bytes = .allocate(capacity: TypeCache.bytesMax)
    }

    deinit {
        entries.deallocate()
        bytes.deallocate()
    }

    /// The routes that take the type and that an event with these fields may match, in order; asked of the table when
    /// the type is not known. Valid until the next call.
    mutating func find(
        _ type: UnsafeRawBufferPointer, _ slots: FieldSlots, table: Unmanaged<RouteTable>
    ) -> UnsafeBufferPointer<UInt16> {
        let hash = TypeCache.hash(type, seed: seed)
        var place = Int(truncatingIfNeeded: hash) & (TypeCache.capacity - 1)
        for _ in 0..<TypeCache.probesMax {
            let entry = entries[place]
            if entry.hash == hash, Int(entry.typeCount) == type.count, isSame(entry, type) {
                return lists.routes(Int(entry.list), for: slots, table: table)
            }
            if entry.typeCount == 0 { return add(type, hash: hash, place: place, table: table) }
            place = (place + 1) & (TypeCache.capacity - 1)
        }
        return add(type, hash: hash, place: nil, table: table)
    }

    private func isSame(_ entry: Entry, _ type: UnsafeRawBufferPointer) -> Bool {
        guard let start = type.baseAddress else { return false }
        return TypeCache.equal(bytes + Int(entry.typeOffset), start, type.count)
    }

    /// Matches the type against all patterns; remembers the result at `place`, if there is one and room.
    private mutating func add(
        _ type: UnsafeRawBufferPointer, hash: UInt64, place: Int?, table: Unmanaged<RouteTable>
    ) -> UnsafeBufferPointer<UInt16> {
        let isKept = type.count > 0 && type.count <= TypeCache.typeBytesMax
        var place = isKept ? place : nil
        // What is kept leaves room for the candidates of one type that is not.
        if isKept,
            used >= TypeCache.typesMax || bytesUsed + type.count > TypeCache.bytesMax
                || !lists.hasRoom(for: patternCount)
        {
            reset()
            place = Int(truncatingIfNeeded: hash) & (TypeCache.capacity - 1)
        }
        let (list, found) = lists.add(type: type, table: table, kept: place != nil)
        guard let place, let start = type.baseAddress else { return found }
        (bytes + bytesUsed).update(from: start.assumingMemoryBound(to: UInt8.self), count: type.count)
        entries[place] = Entry(
            hash: hash, typeOffset: UInt32(bytesUsed), typeCount: UInt32(type.count), list: UInt32(list))
        used += 1
        bytesUsed += type.count
        return found
    }

    private mutating func reset() {
        entries.update(repeating: Entry(), count: TypeCache.capacity)
        used = 0
        bytesUsed = 0
        lists.removeAll()
        resets &+= 1
    }

    /// Eight bytes a step, folded multiplication; the seed keeps strangers from aiming at one place.
    static func hash(_ type: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: type.count)
        var offset = 0
        while offset + 8 <= type.count {
            hash = fold(hash ^ type.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        if type.count >= 8 {
            hash = fold(hash ^ type.loadUnaligned(fromByteOffset: type.count - 8, as: UInt64.self))
        } else {
            var last: UInt64 = 0
            for byte in type { last = last << 8 | UInt64(byte) }
            hash = fold(hash ^ last)
        }
        return hash
    }

    private static func fold(_ word: UInt64) -> UInt64 {
        let product = word.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }

    private static func equal(_ a: UnsafePointer<UInt8>, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        memcmp(a, b, count) == 0
    }
}
