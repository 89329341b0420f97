import PatchbayEvents

/// Keywords that look at the value alone.
extension Evaluation {
    mutating func applyAssertion(_ rule: SchemaRule, of node: SchemaNode, to value: Value) -> Bool {
        switch rule.check {
        case .type(let accepted):
            guard !JSONTypes(of: value).isAccepted(by: accepted) else { return true }
            return report(node, rule, "expected \(accepted.words)", got: value)
        case .enumeration(let accepted, let set):
            guard spend(weight(of: value)) else { return false }
            guard !set.contains(value) else { return true }
            let list = Value.joined(accepted.map(\.shown), max: 20, by: ", ")
            return report(node, rule, "must be one of \(list)", got: value)
        case .constant(let accepted):
            guard spend(weight(of: value)) else { return false }
            guard value != accepted else { return true }
            return report(node, rule, "must be \(accepted.shown)", got: value)
        case .multipleOf(let divisor, let form):
            guard JSONTypes(of: value).isNumber else { return true }
            if let number = DecimalForm(value), number.isMultiple(of: form) { return true }
            return report(node, rule, "must be a multiple of \(divisor.shown)", got: value)
        case .bound(let bound, let limit):
            guard let order = Value.numericOrder(value, limit), !bound.admits(order) else { return true }
            return report(node, rule, "must be \(bound.words) \(limit.shown)", got: value)
        default: return applyToText(rule, of: node, value)
        }
    }

    private mutating func applyToText(_ rule: SchemaRule, of node: SchemaNode, _ value: Value) -> Bool {
        guard case .string(let text) = value else { return true }
        guard spend(1 + text.utf8.count / 64) else { return false }
        switch rule.check {
        case .charactersMin(let least):
            let length = text.unicodeScalars.count
            guard length < least else { return true }
            return report(node, rule, "must have at least \(counted(least, "character")), has \(length)")
        case .charactersMax(let most):
            let length = text.unicodeScalars.count
            guard length > most else { return true }
            return report(node, rule, "must have at most \(counted(most, "character")), has \(length)")
        case .pattern(let pattern):
            guard !pattern.matches(text) else { return true }
            return report(node, rule, "must match the pattern \(pattern.source)", got: value)
        case .format(let format):
            guard !format.accepts(text) else { return true }
            return report(node, rule, "must be \(format.words)", got: value)
        default: return true
        }
    }

    /// How much work comparing or hashing a value is, in steps.
    func weight(of value: Value) -> Int {
        switch value {
        case .string(let text): 1 + text.utf8.count / 64
        case .list(let list): list.reduce(1) { $0 + weight(of: $1) }
        case .map(let map): map.entries.reduce(1) { $0 + 1 + weight(of: $1.value) }
        default: 1
        }
    }
}
