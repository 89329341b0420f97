import Glibc
import PatchbayEvents

/// The routes that some types take, each list once, with an index over it once it is used.
///
/// Belongs to a `TypeCache`, which bounds it.
struct CandidateLists: ~Copyable {
    struct List: BitwiseCopyable {
        var hash: UInt64
        var first: UInt32
        var count: UInt32
        /// Times it was asked for, up to `usesMin`.
        var uses: UInt32 = 0
        var index: Unmanaged<ConditionIndex>?
    }

    /// An index is made for a list that is asked for as often: a flood of new types makes none.
    private static let usesMin: UInt32 = 8
    private static let room = 512 * 1_024
    private static let listsMax = TypeCache.typesMax + 1

    private let lists: UnsafeMutablePointer<List>
    private let candidates: UnsafeMutablePointer<UInt16>
    private let capacity: Int
    private let seed: UInt64
    private var count = 0
    private var used = 0

    init(routes: Int, seed: UInt64) {
        self.seed = seed
        capacity = max(Self.room, routes * 2)
        lists = .allocate(capacity: Self.listsMax)
        candidates = .allocate(capacity: capacity)
    }

    deinit {
        for list in 0..<count { lists[list].index?.release() }
        lists.deallocate()
        candidates.deallocate()
    }

    /// Whether another list of up to this many routes has room.
    func hasRoom(for routes: Int) -> Bool { count < Self.listsMax - 1 && used + routes * 2 <= capacity }

    mutating func removeAll() {
        for list in 0..<count { lists[list].index?.release() }
        (count, used) = (0, 0)
    }

    /// The routes that take the type, from the table, as a list that is there already where it is the same.
    ///
    /// - Returns: the list's number, and its routes. A list that is not `kept` is gone with the next one.
    mutating func add(
        type: UnsafeRawBufferPointer, table: Unmanaged<RouteTable>, kept: Bool
    ) -> (number: Int, routes: UnsafeBufferPointer<UInt16>) {
        let start = candidates + used
        var found = 0
        table._withUnsafeGuaranteedRef { table in
            table.candidates(type: type) { index in
                start[found] = index
                found += 1
            }
        }
        let routes = UnsafeBufferPointer(start: UnsafePointer(start), count: found)
        guard kept else { return (0, routes) }
        let hash = TypeCache.hash(UnsafeRawBufferPointer(routes), seed: seed)
        for number in 0..<count where lists[number].hash == hash && Int(lists[number].count) == found {
            if memcmp(candidates + Int(lists[number].first), start, found * 2) == 0 { return (number, routes) }
        }
        (lists + count).initialize(to: List(hash: hash, first: UInt32(used), count: UInt32(found)))
        used += found
        count += 1
        return (count - 1, routes)
    }

    /// Those of a kept list that an event with these fields may match, in order.
    mutating func routes(
        _ number: Int, for slots: FieldSlots, table: Unmanaged<RouteTable>
    ) -> UnsafeBufferPointer<UInt16> {
        let list = lists + number
        let routes = UnsafeBufferPointer(
            start: UnsafePointer(candidates + Int(list.pointee.first)), count: Int(list.pointee.count))
        if let index = list.pointee.index { return index._withUnsafeGuaranteedRef { $0.candidates(for: slots) } }
        guard routes.count >= ConditionIndex.candidatesMin, list.pointee.uses < Self.usesMin else { return routes }
        list.pointee.uses += 1
        if list.pointee.uses == Self.usesMin {
            let (requirements, ranges) = table._withUnsafeGuaranteedRef { ($0.requirements, $0.ranges) }
            list.pointee.index = ConditionIndex(routes, requirements, ranges, seed: seed).map(Unmanaged.passRetained)
        }
        return routes
    }
}
