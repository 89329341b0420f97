import PatchbayEvents

/// One validation: the walk over schema and instance together. Used once, by one thread.
struct Evaluation {
    enum Step { case name(String), index(Int) }

    let schema: JSONSchema
    let redacted: Set<String>
    /// Where in the instance the walk is.
    var path: [Step] = []
    /// The resources entered, outermost first.
    private var scope: [Int] = []
    private var found: [Violation] = []
    private var notReported = 0
    /// Above zero, violations are not collected: an answer is enough, and the first one will do.
    private var quiet: Int
    private var depth = 0
    private var stepsLeft: Int
    /// Why the walk was given up; from then on every answer is no.
    private var stopped: Violation?

    init(schema: JSONSchema, redacted: Set<String>, isQuiet: Bool = false) {
        self.schema = schema
        self.redacted = redacted
        quiet = isQuiet ? 1 : 0
        stepsLeft = schema.limits.stepsMax
    }

    var isQuiet: Bool { quiet > 0 }

    mutating func violations(of instance: Value) -> [Violation] {
        var evaluated = Evaluated()
        let isValid = evaluate(schema.root, instance, tracking: false, &evaluated)
        if let stopped { return found + [stopped] }
        if notReported > 0 {
            let message = "and \(notReported) more violations"
            return found + [Violation(instanceLocation: "", schemaLocation: "#", keyword: "limit", message: message)]
        }
        if isValid || !found.isEmpty { return found }
        return [Violation(instanceLocation: "", schemaLocation: "#", keyword: "", message: "is not valid")]
    }

    /// Whether the instance satisfies a schema. With `tracking`, what was evaluated is added on success.
    mutating func evaluate(
        _ index: Int, _ value: Value, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        guard depth < schema.limits.depthMax else {
            return stop("schemas are applied more than \(schema.limits.depthMax) levels deep")
        }
        guard spend(1) else { return false }
        let node = schema.nodes[index]
        if let constant = node.constant {
            return constant || report(node, nil, "is not allowed")
        }
        depth += 1
        let opensScope = scope.last != node.resource
        if opensScope { scope.append(node.resource) }
        var own = Evaluated()
        let isTracking = tracking || node.readsEvaluated
        var isValid = true
        for rule in node.rules {
            // What failing subschemas evaluated is unknown, so the rest of such an instance is not judged.
            if !isValid, isQuiet || rule.check.readsEvaluated { continue }
            guard spend(1) else {
                isValid = false
                break
            }
            if !apply(rule, of: node, to: value, tracking: isTracking, &own) { isValid = false }
        }
        if opensScope { scope.removeLast() }
        depth -= 1
        if isValid, tracking { evaluated.merge(own) }
        return isValid && stopped == nil
    }

    private mutating func apply(
        _ rule: SchemaRule, of node: SchemaNode, to value: Value, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        switch rule.check {
        case .reference(let target): return evaluate(target, value, tracking: tracking, &evaluated)
        case .dynamicReference(let anchor, let otherwise):
            let outermost = scope.first { schema.dynamicAnchors[$0][anchor] != nil }
            let target = outermost.flatMap { schema.dynamicAnchors[$0][anchor] } ?? otherwise
            return evaluate(target, value, tracking: tracking, &evaluated)
        case .allOf, .anyOf, .oneOf, .not, .conditional, .dependentSchemas:
            return applyInPlace(rule, of: node, to: value, tracking: tracking, &evaluated)
        case .items, .contains, .itemsMin, .itemsMax, .uniqueItems, .unevaluatedItems:
            guard case .list(let items) = value else { return true }
            return applyToItems(rule, of: node, items, &evaluated)
        case .members, .propertyNames, .propertiesMin, .propertiesMax, .required, .dependentRequired,
            .unevaluatedProperties:
            guard case .map(let map) = value else { return true }
            return applyToMembers(rule, of: node, map, tracking: tracking, &evaluated)
        case .type, .enumeration, .constant, .multipleOf, .bound, .charactersMin, .charactersMax, .pattern, .format:
            return applyAssertion(rule, of: node, to: value)
        }
    }
}

// MARK: - For the rules

extension Evaluation {
    /// Notes a violation here; always `false`, so that a rule can end with it.
    ///
    /// - Parameter got: the value that the message then describes, unless it is to stay unseen.
    mutating func report(
        _ node: SchemaNode, _ rule: SchemaRule?, _ message: @autoclosure () -> String, got value: Value? = nil
    ) -> Bool {
        guard !isQuiet, stopped == nil else { return false }
        guard let value else { return report(at: node.location, rule?.keyword ?? "", message()) }
        let isHidden = node.hidesValue || (!redacted.isEmpty && redacted.contains(pointer))
        let got = isHidden ? value.describedWithoutContent : value.described
        return report(at: node.location, rule?.keyword ?? "", "\(message()), got \(got)")
    }

    mutating func report(at location: String, _ keyword: String, _ message: @autoclosure () -> String) -> Bool {
        guard !isQuiet, stopped == nil else { return false }
        guard found.count < schema.limits.violationsMax else {
            notReported += 1
            return false
        }
        let place = keyword.isEmpty ? location : "\(location)/\(keyword)"
        found.append(
            Violation(instanceLocation: pointer, schemaLocation: place, keyword: keyword, message: message()))
        return false
    }

    /// Answers without collecting violations.
    mutating func satisfies(
        _ index: Int, _ value: Value, tracking: Bool, _ evaluated: inout Evaluated
    ) -> Bool {
        quiet += 1
        defer { quiet -= 1 }
        return evaluate(index, value, tracking: tracking, &evaluated)
    }

    /// Applies a schema to a member or item.
    mutating func evaluate(_ index: Int, _ value: Value, at step: Step) -> Bool {
        path.append(step)
        defer { path.removeLast() }
        var unused = Evaluated()
        return evaluate(index, value, tracking: false, &unused)
    }

    /// Counts work; `false` once there was too much of it.
    mutating func spend(_ steps: Int) -> Bool {
        guard stopped == nil else { return false }
        stepsLeft -= steps
        return stepsLeft >= 0 || stop("took more than \(schema.limits.stepsMax) steps")
    }

    private mutating func stop(_ message: String) -> Bool {
        if stopped == nil {
            let message = "validation was stopped: \(message)"
            stopped = Violation(instanceLocation: pointer, schemaLocation: "#", keyword: "limit", message: message)
        }
        return false
    }

    /// The violations found since a mark, taken back out.
    mutating func takeViolations(since mark: ViolationMark) -> [Violation] {
        let taken = Array(found[mark.count...])
        found.removeSubrange(mark.count...)
        notReported = mark.notReported
        return taken
    }

    struct ViolationMark {
        fileprivate let count: Int
        fileprivate let notReported: Int
    }

    var mark: ViolationMark { ViolationMark(count: found.count, notReported: notReported) }

    var pointer: String {
        path.reduce("") { pointer, step in
            switch step {
            case .name(let name): pointer + "/" + JSONPointer.escaped(name)
            case .index(let index): pointer + "/\(index)"
            }
        }
    }
}

extension SchemaCheck {
    fileprivate var readsEvaluated: Bool {
        switch self {
        case .unevaluatedItems, .unevaluatedProperties: true
        default: false
        }
    }
}
