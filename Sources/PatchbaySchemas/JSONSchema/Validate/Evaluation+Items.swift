import PatchbayEvents

/// Keywords for arrays.
extension Evaluation {
    mutating func applyToItems(
        _ rule: SchemaRule, of node: SchemaNode, _ items: [Value], _ evaluated: inout Evaluated
    ) -> Bool {
        switch rule.check {
        case .items(let prefix, let rest, let restKeyword):
            return applyItems(prefix, rest, restKeyword, of: node, items, &evaluated)
        case .contains(let contained, let least, let most):
            return applyContains(contained, least, most, rule, of: node, items, &evaluated)
        case .itemsMin(let least):
            return items.count >= least
                || report(node, rule, "must have at least \(counted(least, "item")), has \(items.count)")
        case .itemsMax(let most):
            return items.count <= most
                || report(node, rule, "must have at most \(counted(most, "item")), has \(items.count)")
        case .uniqueItems:
            guard spend(weight(of: .list(items))) else { return false }
            var places: [Value: Int] = [:]
            for (index, item) in items.enumerated() {
                if let first = places.updateValue(index, forKey: item) {
                    return report(node, rule, "must not hold equal items: \(first) and \(index) are equal")
                }
            }
            return true
        case .unevaluatedItems(let rest):
            var isValid = true
            for (index, item) in items.enumerated().dropFirst(evaluated.itemsBelow) {
                guard !evaluated.items.contains(index) else { continue }
                if !evaluate(rest, item, at: .index(index)) {
                    isValid = false
                    if isQuiet { break }
                }
            }
            evaluated.itemsBelow = items.count
            return isValid
        default: return true
        }
    }

    private mutating func applyItems(
        _ prefix: [Int], _ rest: Int?, _ restKeyword: String, of node: SchemaNode, _ items: [Value],
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isValid = true
        for (index, item) in items.enumerated() {
            guard let schema = index < prefix.count ? prefix[index] : rest else { break }
            if index >= prefix.count, self.schema.nodes[schema].constant == false {
                let message = prefix.isEmpty ? "must be empty" : "must have at most \(counted(prefix.count, "item"))"
                return report(at: node.location, restKeyword, "\(message), has \(items.count)")
            }
            if !evaluate(schema, item, at: .index(index)) {
                isValid = false
                if isQuiet { return false }
            }
        }
        evaluated.itemsBelow = max(evaluated.itemsBelow, rest == nil ? min(prefix.count, items.count) : items.count)
        return isValid
    }

    private mutating func applyContains(
        _ contained: Int, _ least: Int, _ most: Int?, _ rule: SchemaRule, of node: SchemaNode, _ items: [Value],
        _ evaluated: inout Evaluated
    ) -> Bool {
        var matching = 0
        for (index, item) in items.enumerated() {
            var unused = Evaluated()
            guard satisfies(contained, item, tracking: false, &unused) else { continue }
            matching += 1
            evaluated.items.insert(index)
        }
        if matching < least {
            let message = "must hold at least \(counted(least, "item")) that the schema under \"contains\" accepts"
            return report(at: node.location, least == 1 ? "contains" : "minContains", "\(message), has \(matching)")
        }
        if let most, matching > most {
            let message = "must hold at most \(counted(most, "item")) that the schema under \"contains\" accepts"
            return report(at: node.location, "maxContains", "\(message), has \(matching)")
        }
        return true
    }
}
