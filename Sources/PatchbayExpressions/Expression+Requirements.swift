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
}
