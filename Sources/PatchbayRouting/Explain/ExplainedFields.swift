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

    /// What is shown of a place, written as an attribute or as in CEL.
    func shown(_ text: String, at place: String) -> String { isHidden(place) ? Transform.mark : text }

    /// Which part of an expression decided, and what it read.
    func shown(_ explanation: Explanation) -> String {
        guard isHidden(explanation.expression) || explanation.operands.contains(where: { isHidden($0.expression) })
        else { return explanation.description }
        // The outcome of what is not true or false tells of the values.
        let isPlain = ["true", "false"].contains(explanation.outcome) && !isHidden(explanation.expression)
        let reads = explanation.operands.map { "\($0.expression) = \(shown($0.value, at: $0.expression))" }
        return "\(explanation.expression) is \(isPlain ? explanation.outcome : Transform.mark)"
            + (reads.isEmpty ? "" : ": " + reads.joined(separator: ", "))
    }

    private func isHidden(_ place: String) -> Bool { hidden.contains { $0.overlaps(place) } }
}
