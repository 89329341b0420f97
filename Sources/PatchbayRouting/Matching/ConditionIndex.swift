import CPatchbayJSON
import PatchbayEvents

/// A text that a field must equal for a route to match.
struct Requirement {
    var slot: Int
    var text: [UInt8]
    /// Whether an event without the field just does not match, rather than failing, which is counted.
    var isFalseWhenAbsent: Bool
}

/// Narrows a list of candidates by what their conditions compare with texts or numbers, so that of a thousand routes by
/// tenant only those of the event's tenant are looked at, and of a thousand by amount those whose range the amount is in.
///
/// It only leaves out what would not match: the rest is decided as without it, in the same order.
final class ConditionIndex {
    /// Shorter lists are looked through.
    static let candidatesMin = 16
    private static let groupsMax = 4
    /// Fewer routes than this share no field worth a look-up.
    private static let groupMin = 8

    /// Routes that compare one field, by the text that they compare it with.
    private struct Group: BitwiseCopyable {
        let slot: Int
        let mask: Int
        let buckets: UnsafeMutablePointer<Bucket>
        let routes: UnsafeMutablePointer<UInt16>
        /// Behind the buckets' routes: those that fail for an event without the field.
        let absentFirst: Int
        let absentCount: Int
    }

    private struct Bucket: BitwiseCopyable {
        var hash: UInt64 = 0
        var first: UInt32 = 0
        /// 0 is an empty place.
        var count: UInt32 = 0
    }

    private let plain: UnsafeMutablePointer<UInt16>
    private let plainCount: Int
    private let groups: UnsafeMutablePointer<Group>
    private let groupCount: Int
    private let ranges: [RangeIndex]
    private let scratch: UnsafeMutablePointer<UInt16>
    private let other: UnsafeMutablePointer<UInt16>
    private let seed: UInt64

    /// `nil` where too few candidates have requirements in common.
    ///
    /// - Parameters:
    ///   - requirements: of all records, by index.
    ///   - ranges: the same.
    init?(
        _ candidates: UnsafeBufferPointer<UInt16>, _ requirements: [[Requirement]], _ ranges: [[RangeRequirement]],
        seed: UInt64
    ) {
        let chosen = Self.choose(candidates, requirements)
        let unchosen = candidates.filter { chosen[$0] == nil }
        self.ranges = RangeIndex.indexes(over: unchosen, ranges)
        guard !chosen.isEmpty || !self.ranges.isEmpty else { return nil }
        let slots = Array(Set(chosen.values.map(\.slot))).sorted()
        let inRanges = Set(self.ranges.flatMap(\.members))
        let rest = unchosen.filter { !inRanges.contains($0) }
        self.seed = seed
        plainCount = rest.count
        plain = .allocate(capacity: max(1, rest.count))
        plain.initialize(from: rest, count: rest.count)
        groupCount = slots.count
        groups = .allocate(capacity: slots.count)
        for (index, slot) in slots.enumerated() {
            let members = candidates.compactMap { route in
                chosen[route].flatMap { $0.slot == slot ? (route, $0) : nil }
            }
            (groups + index).initialize(to: Self.group(slot, members, seed: seed))
        }
        scratch = .allocate(capacity: candidates.count)
        other = .allocate(capacity: candidates.count)
    }

    deinit {
        for index in 0..<groupCount {
            groups[index].buckets.deallocate()
            groups[index].routes.deallocate()
        }
        groups.deallocate()
        plain.deallocate()
        scratch.deallocate()
        other.deallocate()
    }

    /// The candidates that an event may match, in order. Valid until the next call.
    func candidates(for slots: FieldSlots) -> UnsafeBufferPointer<UInt16> {
        var found = UnsafeBufferPointer(start: UnsafePointer(plain), count: plainCount)
        var target = scratch
        var spare = other
        func add(_ more: UnsafeBufferPointer<UInt16>) {
            if more.isEmpty { return }
            if found.isEmpty {
                found = more
                return
            }
            found = Self.merge(found, more, into: target)
            swap(&target, &spare)
        }
        for index in 0..<groupCount { add(bucket(groups[index], slots)) }
        for index in ranges.indices { add(ranges[index].candidates(for: slots)) }
        return found
    }

    private func bucket(_ group: Group, _ slots: FieldSlots) -> UnsafeBufferPointer<UInt16> {
        let field = slots[group.slot]
        switch field.kind {
        case PBJ_STRING.rawValue: return bucket(group, field.text)
        case PBJ_ABSENT.rawValue:
            return UnsafeBufferPointer(start: group.routes + group.absentFirst, count: group.absentCount)
        default:
            return field.withCanonicalText { bucket(group, UnsafeRawBufferPointer(start: $0, count: $1)) }
                ?? UnsafeBufferPointer(start: nil, count: 0)
        }
    }

    private func bucket(_ group: Group, _ text: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt16> {
        let hash = TypeCache.hash(text, seed: seed)
        var place = Int(truncatingIfNeeded: hash) & group.mask
        while group.buckets[place].count > 0 {
            let bucket = group.buckets[place]
            if bucket.hash == hash {
                return UnsafeBufferPointer(start: group.routes + Int(bucket.first), count: Int(bucket.count))
            }
            place = (place + 1) & group.mask
        }
        return UnsafeBufferPointer(start: nil, count: 0)
    }

    private static func merge(
        _ a: UnsafeBufferPointer<UInt16>, _ b: UnsafeBufferPointer<UInt16>, into out: UnsafeMutablePointer<UInt16>
    ) -> UnsafeBufferPointer<UInt16> {
        var (i, j, count) = (0, 0, 0)
        while i < a.count || j < b.count {
            let takesFirst = j == b.count || (i < a.count && a[i] < b[j])
            out[count] = takesFirst ? a[i] : b[j]
            if takesFirst { i += 1 } else { j += 1 }
            count += 1
        }
        return UnsafeBufferPointer(start: out, count: count)
    }

    // MARK: Building

    /// One requirement for each candidate that has any in common with enough others: of the field with most texts.
    private static func choose(
        _ candidates: UnsafeBufferPointer<UInt16>, _ requirements: [[Requirement]]
    ) -> [UInt16: Requirement] {
        var texts: [Int: Set<[UInt8]>] = [:]
        var members: [Int: Int] = [:]
        for route in candidates {
            for requirement in requirements[Int(route)] {
                texts[requirement.slot, default: []].insert(requirement.text)
                members[requirement.slot, default: 0] += 1
            }
        }
        let best = members.filter { $0.value >= groupMin }.keys
            .sorted { (texts[$0]?.count ?? 0, -$0) > (texts[$1]?.count ?? 0, -$1) }.prefix(groupsMax)
        var chosen: [UInt16: Requirement] = [:]
        for route in candidates {
            let own = requirements[Int(route)]
            chosen[route] = best.lazy.compactMap { slot in own.first { $0.slot == slot } }.first
        }
        return chosen
    }

    private static func group(_ slot: Int, _ members: [(UInt16, Requirement)], seed: UInt64) -> Group {
        var byHash: [UInt64: [UInt16]] = [:]
        for (route, requirement) in members {
            let hash = requirement.text.withUnsafeBytes { TypeCache.hash($0, seed: seed) }
            byHash[hash, default: []].append(route)
        }
        let absent = members.filter { !$0.1.isFalseWhenAbsent }.map(\.0)
        var capacity = 8
        while capacity < byHash.count * 2 { capacity *= 2 }
        let buckets = UnsafeMutablePointer<Bucket>.allocate(capacity: capacity)
        buckets.initialize(repeating: Bucket(), count: capacity)
        var routes: [UInt16] = []
        for (hash, list) in byHash {
            var place = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while buckets[place].count > 0 { place = (place + 1) & (capacity - 1) }
            buckets[place] = Bucket(hash: hash, first: UInt32(routes.count), count: UInt32(list.count))
            routes += list
        }
        let kept = UnsafeMutablePointer<UInt16>.allocate(capacity: max(1, routes.count + absent.count))
        kept.initialize(from: routes + absent, count: routes.count + absent.count)
        return Group(
            slot: slot, mask: capacity - 1, buckets: buckets, routes: kept, absentFirst: routes.count,
            absentCount: absent.count)
    }
}
