import PatchbayEvents
import PatchbayResilience
import PatchbaySchemas

/// Configurations that a handler's schema admits, drawn from a seed: every key now and then, values at their bounds.
struct DrawnConfigurations {
    private let source: Value
    private let schema: JSONSchema
    private var random: SeededRandom
    /// Draws until one is admitted.
    private static let tries = 50
    private static let itemsMax = 1_000

    init(_ source: Value, seed: UInt64) throws {
        self.source = source
        schema = try JSONSchema(compiling: source)
        random = SeededRandom(seed: seed)
    }

    /// The next one; `nil` when no draw fits the schema.
    mutating func next() -> Value? {
        for _ in 0..<Self.tries {
            let value = value(of: source, depth: 0)
            if case .map = value, schema.validate(schema.fillingDefaults(in: value)).isEmpty { return value }
        }
        return nil
    }

    private mutating func value(of schema: Value, depth: Int) -> Value {
        guard case .map(let rules) = schema, depth < 6 else { return .null }
        if let constant = rules[.string("const")] { return constant }
        if case .list(let choices)? = rules[.string("enum")], !choices.isEmpty { return draw(choices) }
        for key in ["oneOf", "anyOf"] {
            if case .list(let choices)? = rules[.string(key)], !choices.isEmpty {
                return value(of: draw(choices), depth: depth + 1)
            }
        }
        if let usual = rules[.string("default")], Int.random(in: 0..<4, using: &random) == 0 { return usual }
        switch type(of: rules) {
        case "object": return object(rules, depth)
        case "array":
            guard let items = rules[.string("items")] else { return .list([]) }
            let least = Int(min(max(number(rules, "minItems") ?? 0, 0), Double(Self.itemsMax)))
            let count = least + Int.random(in: 0...3, using: &random)
            return .list((0..<count).map { _ in value(of: items, depth: depth + 1) })
        case "boolean": return .bool(Bool.random(using: &random))
        case "integer":
            let number = number(rules)
            // Bounds may lie beyond.
            return .int(Int64(exactly: number.rounded()) ?? (number < 0 ? .min : .max))
        case "number": return .double(number(rules))
        case "null": return .null
        default: return .string(text(rules))
        }
    }

    private mutating func object(_ rules: Value.Map, _ depth: Int) -> Value {
        guard case .map(let properties)? = rules[.string("properties")] else { return .object([]) }
        var required: Set<String> = []
        if case .list(let names)? = rules[.string("required")] {
            required = Set(names.compactMap { if case .string(let name) = $0 { name } else { nil } })
        }
        var members: [(String, Value)] = []
        for (key, rule) in properties.entries {
            guard case .string(let name) = key else { continue }
            if required.contains(name) || Int.random(in: 0..<3, using: &random) > 0 {
                members.append((name, value(of: rule, depth: depth + 1)))
            }
        }
        return .object(members)
    }

    private mutating func type(of rules: Value.Map) -> String {
        switch rules[.string("type")] {
        case .string(let type): return type
        case .list(let types):
            if case .string(let type)? = types.randomElement(using: &random) { return type }
            return "string"
        default: return rules[.string("properties")] == nil ? "string" : "object"
        }
    }

    /// At a bound, or a little beside it, or a large one.
    private mutating func number(_ rules: Value.Map) -> Double {
        let low = number(rules, "minimum") ?? number(rules, "exclusiveMinimum").map { $0 + 1 } ?? -1_000_000
        let high = number(rules, "maximum") ?? number(rules, "exclusiveMaximum").map { $0 - 1 } ?? 1_000_000_000
        let choices = [low, high, min(low + 1, high), max(high - 1, low), 0, 1].filter { $0 >= low && $0 <= high }
        return choices.isEmpty ? low : draw(choices)
    }

    private func number(_ rules: Value.Map, _ key: String) -> Double? {
        switch rules[.string(key)] {
        case .int(let number): Double(number)
        case .uint(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    private mutating func text(_ rules: Value.Map) -> String {
        let most = number(rules, "maxLength").map { Int(min($0, 70_000)) } ?? 70_000
        let least = number(rules, "minLength").map { Int(min($0, 70_000)) } ?? 0
        if case .list(let examples)? = rules[.string("examples")], case .string(let example)? = examples.first {
            return example
        }
        // No paths: a handler may well create what it is told.
        let choices = ["", "text", "ä\u{1F50C}", "1", "a b", String(repeating: "x", count: 1_000)]
        let fitting = choices.filter { $0.count >= least && $0.count <= most }
        return fitting.isEmpty ? String(repeating: "x", count: least) : draw(fitting)
    }

    private mutating func draw<T>(_ choices: [T]) -> T { choices[Int.random(in: choices.indices, using: &random)] }
}
