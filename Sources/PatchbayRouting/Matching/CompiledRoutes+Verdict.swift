import CPatchbayJSON
import Glibc
import PatchbayEvents
import PatchbayExpressions

/// Filters, conditions and choices of one event; all without allocation.
extension CompiledRoutes {
    /// Whether the route's filters and condition hold; its type pattern is the cache's business.
    func verdict(of record: RouteRecord, _ slots: FieldSlots) -> Match {
        if record.filter >= 0 {
            let verdict = verdict(filter: Int(record.filter), slots)
            if verdict != .yes { return verdict }
        }
        return record.condition < 0 ? .yes : matches(condition: Int(record.condition), slots)
    }

    /// As in CEL's `&&` and `||`, what decides wins over an error, whatever their order.
    private func verdict(filter index: Int, _ slots: FieldSlots) -> Match {
        let filter = filters[index]
        switch filter.kind {
        case .exact, .prefix, .suffix: return compare(filter, slots[Int(filter.index)]) ? .yes : .no
        case .cel: return matches(condition: Int(filter.index), slots)
        case .cesql: return matches(query: Int(filter.index), slots)
        case .not:
            let verdict = verdict(filter: index + 1, slots)
            return verdict == .yes ? .no : verdict == .no ? .yes : verdict
        case .all: return combine(filter, from: index + 1, slots, decisive: .no, otherwise: .yes)
        case .any: return combine(filter, from: index + 1, slots, decisive: .yes, otherwise: .no)
        }
    }

    private func combine(
        _ filter: FilterRecord, from first: Int, _ slots: FieldSlots, decisive: Match,
        otherwise: Match
    ) -> Match {
        var result = otherwise
        var child = first
        while child < Int(filter.end) {
            let verdict = verdict(filter: child, slots)
            if verdict == decisive { return decisive }
            if verdict != otherwise, result == otherwise { result = verdict }
            child = Int(filters[child].end)
        }
        return result
    }

    private func compare(_ filter: FilterRecord, _ field: pbj_field) -> Bool {
        if field.kind == PBJ_STRING.rawValue {
            guard let text = UnsafeRawPointer(field.ptr) else { return filter.textCount == 0 }
            return compare(filter, text, Int(field.length))
        }
        return field.withCanonicalText { compare(filter, $0, $1) } ?? false
    }

    private func compare(_ filter: FilterRecord, _ text: UnsafeRawPointer, _ count: Int) -> Bool {
        let wanted = Int(filter.textCount)
        guard let expected = filter.text, filter.kind == .exact ? count == wanted : count >= wanted else {
            return false
        }
        return memcmp(filter.kind == .suffix ? text + (count - wanted) : text, expected, wanted) == 0
    }

    // MARK: Choices

    /// What picks a choice: the same for the same ordering key, or for the same event when it has none; also on
    /// other days and other hosts, unlike the hashes that lanes work with.
    func chance(_ record: RouteRecord, _ slots: FieldSlots) -> UInt64 {
        let key = hash(key: record.orderingKey, slots, seed: .fixed)
        if key != 0 { return key }
        let source = KeySeed.fixed.hash(slots[sourceSlot].text, kind: 0, chain: 0)
        return KeySeed.fixed.hash(slots[idSlot].text, kind: 0, chain: source)
    }

    /// The index of the choice that gets the event; `nil` when no condition holds and nobody gets the rest.
    ///
    /// - Parameter hasFailed: becomes true when a condition that was asked has no value; it does not hold.
    @inline(__always)
    func choice(_ target: TargetRecord, chance: UInt64, _ slots: FieldSlots, hasFailed: inout Bool) -> Int? {
        var index = Int(target.firstChoice)
        if target.conditionCount > 0 {
            if let taken = conditionalChoice(target, slots, &hasFailed) { return taken }
            if target.sharingCount == 0 { return nil }
            index += Int(target.conditionCount)
        }
        if target.sharingCount > 1 {
            let point = chance.multipliedFullWidth(by: target.weightSum).high
            while point >= choices[index].weightBelow { index += 1 }
        }
        return index
    }

    @inline(never)
    private func conditionalChoice(_ target: TargetRecord, _ slots: FieldSlots, _ hasFailed: inout Bool) -> Int? {
        for index in Int(target.firstChoice)..<Int(target.firstChoice + target.conditionCount) {
            switch matches(condition: Int(choices[index].condition), slots) {
            case .yes: return index
            case .no: break
            case .error: hasFailed = true
            }
        }
        return nil
    }
}

extension pbj_field {
    /// The canonical text of a number or boolean attribute (CloudEvents 1.0, section 3.1), on the stack; `nil` for
    /// anything else. Strings are not copied, their text is read where it lies.
    func withCanonicalText<R>(_ body: (UnsafeRawPointer, Int) -> R) -> R? {
        switch pbj_kind(rawValue: kind) {
        case PBJ_BOOL:
            let text: StaticString = i != 0 ? "true" : "false"
            return body(text.utf8Start, text.utf8CodeUnitCount)
        case PBJ_INT:
            return withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { buffer in
                var start = buffer.count
                var rest = i.magnitude
                repeat {
                    start -= 1
                    buffer[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                } while rest > 0
                if i < 0 {
                    start -= 1
                    buffer[start] = UInt8(ascii: "-")
                }
                return buffer.baseAddress.map { body($0 + start, buffer.count - start) }
            }
        default: return nil
        }
    }
}
