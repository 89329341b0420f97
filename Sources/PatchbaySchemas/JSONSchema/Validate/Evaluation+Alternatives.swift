import PatchbayEvents

/// Subschemas applied to the same instance.
extension Evaluation {
    mutating func applyInPlace(
        _ rule: SchemaRule, of node: SchemaNode, to value: Value, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        switch rule.check {
        case .allOf(let schemas):
            var isValid = true
            for schema in schemas where !evaluate(schema, value, tracking: tracking, &evaluated) {
                isValid = false
                if isQuiet { break }
            }
            return isValid
        case .anyOf(let schemas):
            return applyAlternatives(schemas, rule, node, value, tracking, &evaluated, stopAfter: tracking ? nil : 1)
        case .oneOf(let schemas):
            return applyAlternatives(schemas, rule, node, value, tracking, &evaluated, stopAfter: 2)
        case .not(let negated):
            var unused = Evaluated()
            let matches = satisfies(negated, value, tracking: false, &unused)
            return !matches || report(node, rule, "must not match the schema under \"not\"")
        case .conditional(let condition, let then, let otherwise):
            let matches = satisfies(condition, value, tracking: tracking, &evaluated)
            guard let chosen = matches ? then : otherwise else { return true }
            return evaluate(chosen, value, tracking: tracking, &evaluated)
        case .dependentSchemas(let dependent):
            guard case .map(let map) = value else { return true }
            var isValid = true
            for (name, schema) in dependent where map[name] != nil {
                if !evaluate(schema, value, tracking: tracking, &evaluated) { isValid = false }
            }
            return isValid
        default: return true
        }
    }

    /// `anyOf` and `oneOf`: what each alternative missed is told only when none matches.
    private mutating func applyAlternatives(
        _ schemas: [Int], _ rule: SchemaRule, _ node: SchemaNode, _ value: Value, _ tracking: Bool,
        _ evaluated: inout Evaluated, stopAfter enough: Int?
    ) -> Bool {
        let start = mark
        var own = Evaluated()
        var matching: [Int] = []
        var reasons: [String] = []
        for (position, schema) in schemas.enumerated() {
            let before = mark
            if evaluate(schema, value, tracking: tracking, &own) {
                matching.append(position)
                if matching.count == enough { break }
            } else if !isQuiet {
                let missed = takeViolations(since: before)
                if let reason = reason(missed), !reasons.contains(reason) { reasons.append(reason) }
            }
        }
        _ = takeViolations(since: start)
        if matching.isEmpty {
            return report(node, rule, "matches none of \(schemas.count) alternatives: \(Self.listed(reasons))")
        }
        if case .oneOf = rule.check, matching.count > 1 {
            let which = "numbers \(matching[0] + 1) and \(matching[1] + 1)"
            return report(node, rule, "must match exactly one of \(schemas.count) alternatives, matches \(which)")
        }
        evaluated.merge(own)
        return true
    }

    /// The first thing that an alternative missed, with its place when that is further down.
    private func reason(_ violations: [Violation]) -> String? {
        guard let first = violations.first else { return nil }
        let below = first.instanceLocation.dropFirst(pointer.count)
        return below.isEmpty ? first.message : "\(below) \(first.message)"
    }

    private static func listed(_ reasons: [String]) -> String {
        Value.joined(reasons, max: 5, by: "; or ")
    }
}
