import PatchbayEvents

/// Keywords for objects.
extension Evaluation {
    mutating func applyToMembers(
        _ rule: SchemaRule, of node: SchemaNode, _ map: Value.Map, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        switch rule.check {
        case .members(let members): return applyMembers(members, of: node, map, tracking: tracking, &evaluated)
        case .propertyNames(let schema):
            return forEachMember(of: map) { evaluation, name, _ in
                evaluation.evaluate(schema, .string(name), at: .name(name))
            }
        case .propertiesMin(let least):
            return map.count >= least
                || report(
                    node, rule, "must have at least \(counted(least, "property", "properties")), has \(map.count)")
        case .propertiesMax(let most):
            return map.count <= most
                || report(node, rule, "must have at most \(counted(most, "property", "properties")), has \(map.count)")
        case .required(let names):
            var isValid = true
            for name in names where map[name] == nil {
                isValid = reportMissing(name, "is required", node, rule)
            }
            return isValid
        case .dependentRequired(let dependent):
            var isValid = true
            for (name, required) in dependent where map[name] != nil {
                for missing in required where map[missing] == nil {
                    isValid = reportMissing(missing, "is required beside \(Value.quoted(name))", node, rule)
                }
            }
            return isValid
        case .unevaluatedProperties(let schema):
            guard !evaluated.allProperties else { return true }
            let isValid = forEachMember(of: map) { evaluation, name, value in
                guard !evaluated.properties.contains(.string(name)) else { return true }
                return evaluation.applyToOther(schema, name, value, rule.keyword, of: node, known: [])
            }
            evaluated.allProperties = true
            return isValid
        default: return true
        }
    }

    private mutating func applyMembers(
        _ members: SchemaMembers, of node: SchemaNode, _ map: Value.Map, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        var seen: Set<Value.Key> = []
        let isValid = forEachMember(of: map) { evaluation, name, value in
            var isValid = true
            var isKnown = false
            if let schema = members.byName[.string(name)] {
                isKnown = true
                isValid = evaluation.evaluate(schema, value, at: .name(name))
            }
            for (pattern, schema) in members.patterns {
                guard evaluation.spend(1 + name.utf8.count / 64) else { return false }
                guard pattern.matches(name) else { continue }
                isKnown = true
                if !evaluation.evaluate(schema, value, at: .name(name)) { isValid = false }
            }
            if isKnown {
                if tracking { seen.insert(.string(name)) }
            } else if let additional = members.additional {
                let keyword = "additionalProperties"
                let known = members.named.map(\.name)
                isValid = evaluation.applyToOther(additional, name, value, keyword, of: node, known: known)
            }
            return isValid
        }
        if tracking {
            if members.additional != nil { evaluated.allProperties = true }
            evaluated.properties.formUnion(seen)
        }
        return isValid
    }

    /// A member that no other keyword knows; when there must be none, the message says which there may be.
    private mutating func applyToOther(
        _ schema: Int, _ name: String, _ value: Value, _ keyword: String, of node: SchemaNode,
        known: @autoclosure () -> [String]
    ) -> Bool {
        guard self.schema.nodes[schema].constant == false else { return evaluate(schema, value, at: .name(name)) }
        guard !isQuiet else { return false }
        path.append(.name(name))
        defer { path.removeLast() }
        let accepted = known()
        guard !accepted.isEmpty else { return report(at: node.location, keyword, "is not a known property") }
        let list = Value.joined(accepted.map(Value.quoted), max: 20, by: ", ")
        return report(at: node.location, keyword, "is not a known property; accepted are \(list)")
    }

    /// The violation stands where the property would be.
    private mutating func reportMissing(
        _ name: String, _ message: String, _ node: SchemaNode, _ rule: SchemaRule
    ) -> Bool {
        path.append(.name(name))
        defer { path.removeLast() }
        return report(node, rule, message)
    }

    /// Whether all members satisfy the check; every one is checked unless an answer is enough.
    private mutating func forEachMember(
        of map: Value.Map, _ check: (inout Evaluation, String, Value) -> Bool
    ) -> Bool {
        var isValid = true
        for case (.string(let name), let value) in map.entries where !check(&self, name, value) {
            isValid = false
            if isQuiet { break }
        }
        return isValid
    }
}
