import PatchbayEvents

extension Expression {
    /// Fields that have to equal a text for the condition to be true: while such a field is there and is anything else,
    /// the condition is false, not an error. For an index over conditions; possibly not all there are.
    package var requiredTexts: [(slot: Int, text: String)] { requirements(of: root) }

    private func requirements(of node: Node) -> [(slot: Int, text: String)] {
        switch node.kind {
        case .and(let operands): return operands.flatMap(requirements)
        case .compare(.equal, let left, let right):
            if case .slot(let slot, _) = left.kind, case .string(let text)? = right.constant { return [(slot, text)] }
            if case .slot(let slot, _) = right.kind, case .string(let text)? = left.constant { return [(slot, text)] }
            return []
        default: return []
        }
    }

    /// Fields that have to be a number within a range for the condition to be true: while such a field is a number
    /// outside of it, the condition is false, not an error. Bounds are a little too wide rather than too narrow.
    package var requiredRanges: [(slot: Int, range: ClosedRange<Double>)] {
        var ranges: [Int: ClosedRange<Double>] = [:]
        var slots: [Int] = []
        for (slot, range) in self.ranges(of: root) {
            guard let known = ranges[slot] else {
                ranges[slot] = range
                slots.append(slot)
                continue
            }
            // What cannot be both needs nothing to be left out for: it is never true.
            if known.overlaps(range) { ranges[slot] = known.clamped(to: range) }
        }
        return slots.compactMap { slot in ranges[slot].map { (slot, $0) } }
    }

    private func ranges(of node: Node) -> [(slot: Int, range: ClosedRange<Double>)] {
        switch node.kind {
        case .and(let operands): return operands.flatMap(ranges)
        case .compare(let relation, let left, let right):
            if case .slot(let slot, _) = left.kind, let range = Self.range(relation, right.constant) {
                return [(slot, range)]
            }
            if case .slot(let slot, _) = right.kind, let range = Self.range(relation.flipped, left.constant) {
                return [(slot, range)]
            }
            return []
        default: return []
        }
    }

    /// Which numbers stand so to a constant; `nil` when it is none.
    private static func range(_ relation: Node.Relation, _ constant: Value?) -> ClosedRange<Double>? {
        let number: Double
        switch constant {
        case .int(let value): number = Double(value)
        case .uint(let value): number = Double(value)
        case .double(let value) where !value.isNaN: number = value
        default: return nil
        }
        // Whole numbers beyond 2^53 are rounded.
        let (below, above) = (number.nextDown, number.nextUp)
        switch relation {
        case .equal: return below...above
        case .less, .lessOrEqual: return -.infinity...above
        case .greater, .greaterOrEqual: return below ... .infinity
        case .notEqual: return nil
        }
    }
}
