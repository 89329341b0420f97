import CPatchbayJSON
import PatchbayEvents
import PatchbayExpressions

/// An event's fields for an explanation, which shows nothing of what the route's transform hides.
struct ExplainedFields {
    let slots: FieldSlots
    private let hidden: [TransformPath]

    init(_ slots: FieldSlots, of route: Route) {
        self.slots = slots
        hidden = route.transform?.redacted ?? []
    }

    subscript(slot: Int) -> pbj_field { slots[slot] }

    /// Characters of an attribute that are shown.
    private static let shownMax = 240

    /// What is shown of a place, written as an attribute or as in CEL.
    func shown(_ text: String, at place: String) -> String {
        if isHidden(place) { return Transform.mark }
        return text.utf8.count <= Self.shownMax ? text : text.prefix(Self.shownMax) + "…"
    }

    /// Which part of an expression decided, and what it read.
    func shown(_ explanation: Explanation) -> RouteCheck.Decision {
        let hides = isHidden(explanation)
        // The outcome of what is not true or false tells of the values.
        let isPlain = ["true", "false"].contains(explanation.outcome) && !isHidden(explanation.expression)
        return RouteCheck.Decision(
            expression: explanation.expression,
            outcome: hides && !isPlain ? Transform.mark : explanation.outcome,
            operands: explanation.operands.map { operand in
                let isShown = !isHidden(operand.expression) && !(hides && operand.isComputed)
                return .init(expression: operand.expression, value: isShown ? operand.value : Transform.mark)
            })
    }

    /// The value of a key; `nil` when the event has none.
    func shown(_ key: RouteKey) -> KeyExplanation {
        let value = key.value(slots)?.display
        let hides = isHidden(key.text) || isHidden(key.expression.explain(slots))
        return KeyExplanation(expression: key.text, value: value.map { hides ? Transform.mark : $0 })
    }

    private func isHidden(_ explanation: Explanation) -> Bool {
        isHidden(explanation.expression) || explanation.operands.contains { isHidden($0.expression) }
    }

    private func isHidden(_ place: String) -> Bool { hidden.contains { $0.overlaps(place) } }
}
