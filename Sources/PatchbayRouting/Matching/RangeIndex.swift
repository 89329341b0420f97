import CPatchbayJSON
import PatchbayEvents

/// A range that a field's number must be in for a route to match.
struct RangeRequirement {
    var slot: Int
    var range: ClosedRange<Double>
}

/// Routes that compare one field with numbers, by the places between those numbers where the field's own may lie.
///
/// Immutable; a field that is no number gives all of them, since each comparison is then an error that counts.
final class RangeIndex {
    /// Fewer routes than this share no field worth a search.
    private static let membersMin = 8
    private static let indexesMax = 4
    /// Routes in all places together; ranges that overlap more are compared one by one.
    private static let entriesMax = 1 << 20

    let members: [UInt16]
    private let slot: Int
    /// Ascending and distinct: every end of a range.
    private let cuts: [Double]
    /// Where the routes of each place begin in `routes`; place 2i lies before cut i, place 2i + 1 is cut i.
    private let starts: [UInt32]
    private let routes: UnsafeMutableBufferPointer<UInt16>
    private let all: UnsafeMutableBufferPointer<UInt16>

    /// Indexes over the fields that most candidates compare with numbers; each candidate is in one at most.
    static func indexes(over candidates: [UInt16], _ requirements: [[RangeRequirement]]) -> [RangeIndex] {
        var left = candidates
        var made: [RangeIndex] = []
        while made.count < indexesMax {
            var counts: [Int: Int] = [:]
            for route in left {
                for requirement in requirements[Int(route)] { counts[requirement.slot, default: 0] += 1 }
            }
            guard let best = counts.max(by: { ($0.value, -$0.key) < ($1.value, -$1.key) }), best.value >= membersMin,
                let index = RangeIndex(best.key, left, requirements)
            else { break }
            made.append(index)
            let taken = Set(index.members)
            left.removeAll { taken.contains($0) }
        }
        return made
    }

    private init?(_ slot: Int, _ candidates: [UInt16], _ requirements: [[RangeRequirement]]) {
        let ranges = candidates.compactMap { route in
            requirements[Int(route)].first { $0.slot == slot }.map { (route: route, range: $0.range) }
        }
        self.slot = slot
        members = ranges.map(\.route)
        cuts = Array(Set(ranges.flatMap { [$0.range.lowerBound, $0.range.upperBound] })).sorted()
        var places = [[UInt16]](repeating: [], count: 2 * cuts.count + 1)
        var entries = 0
        for (route, range) in ranges {
            let first = 2 * Self.place(of: range.lowerBound, in: cuts) + 1
            let last = 2 * Self.place(of: range.upperBound, in: cuts) + 1
            entries += last - first + 1
            guard entries <= Self.entriesMax else { return nil }
            for place in first...last { places[place].append(route) }
        }
        var starts: [UInt32] = [0]
        for place in places { starts.append(starts[starts.count - 1] + UInt32(place.count)) }
        self.starts = starts
        routes = .allocate(capacity: entries)
        _ = routes.initialize(from: places.joined())
        all = .allocate(capacity: members.count)
        _ = all.initialize(from: members)
    }

    deinit {
        routes.deallocate()
        all.deallocate()
    }

    /// The routes whose range the event's number is in, in order.
    func candidates(for slots: FieldSlots) -> UnsafeBufferPointer<UInt16> {
        let field = slots[slot]
        let number: Double
        switch field.kind {
        case PBJ_INT.rawValue: number = Double(field.i)
        case PBJ_UINT.rawValue: number = Double(field.u)
        case PBJ_DOUBLE.rawValue: number = field.d
        default: return UnsafeBufferPointer(all)
        }
        let cut = Self.place(of: number, in: cuts)
        let place = cut < cuts.count && cuts[cut] == number ? 2 * cut + 1 : 2 * cut
        return UnsafeBufferPointer(rebasing: routes[Int(starts[place])..<Int(starts[place + 1])])
    }

    /// The first of the cuts that is not below `number`.
    private static func place(of number: Double, in cuts: [Double]) -> Int {
        var (low, high) = (0, cuts.count)
        while low < high {
            let middle = (low + high) / 2
            if cuts[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
