import PatchbayEvents
import PatchbaySchemas
import PatchbayTestKit
import Testing

/// Random schemas and instances: no crash, and the ways to ask agree.
@Suite struct SchemaFuzzTests {
    @Test func `answers consistently for random schemas and instances`() throws {
        var compiled = 0
        var valid = 0
        for seed in FuzzBudget.seed..<FuzzBudget.seed + UInt64(400 * FuzzBudget.times) {
            var random = Xorshift(seed)
            let schema = randomSchema(&random, depth: 4)
            var options = JSONSchema.Options()
            options.limits.stepsMax = 5_000
            options.limits.depthMax = 60
            options.assertsFormat = true
            let positive: JSONSchema
            let negative: JSONSchema
            do {
                positive = try JSONSchema(compiling: schema, options: options)
                // Nested, `#` means another schema, so the negation needs a name to refer to.
                options.documents = ["x:schema": schema]
                negative = try JSONSchema(compiling: json(#"{"not": {"$ref": "x:schema"}}"#), options: options)
            } catch let error as SchemaError {
                #expect(!error.problems.isEmpty)
                continue
            }
            compiled += 1
            for _ in 0..<8 {
                let instance = randomValue(&random, depth: 3)
                let found = positive.validate(instance)
                #expect(found.isEmpty == positive.isValid(instance), "seed \(seed)")
                if found.isEmpty { valid += 1 }
                let isStopped = (found + negative.validate(instance)).contains { $0.keyword == "limit" }
                #expect(isStopped || found.isEmpty != negative.isValid(instance), "seed \(seed)")
                #expect(extends(positive.fillingDefaults(in: instance), instance), "seed \(seed)")
            }
        }
        // Both answers must be common among many schemas, or nothing was tried.
        #expect(compiled > 100 * FuzzBudget.times)
        #expect(valid > compiled)
        #expect(valid < compiled * 7)
    }

    /// Whether a value has all that another one has, at its place.
    private func extends(_ value: Value, _ other: Value) -> Bool {
        switch (value, other) {
        case (.map(let map), .map(let other)):
            other.entries.allSatisfy { entry in map[entry.key].map { extends($0, entry.value) } ?? false }
        case (.list(let list), .list(let other)):
            list.count == other.count && zip(list, other).allSatisfy { extends($0, $1) }
        default: value.json == other.json
        }
    }

    private static let keywords = [
        "type", "enum", "const", "multipleOf", "minimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
        "minItems", "uniqueItems", "maxProperties", "required", "dependentRequired", "format", "allOf", "anyOf",
        "oneOf", "not", "if", "then", "else", "properties", "patternProperties", "additionalProperties",
        "propertyNames", "prefixItems", "items", "contains", "minContains", "unevaluatedItems",
        "unevaluatedProperties", "dependentSchemas", "$ref", "$dynamicRef", "$dynamicAnchor", "$defs", "$id", "default",
        "$anchor",
    ]
    private static let names = ["a", "b", "~/", ""]

    private func randomSchema(_ random: inout Xorshift, depth: Int) -> Value {
        guard depth == 4 || (depth > 0 && random.below(8) > 0) else { return .bool(random.below(4) > 0) }
        let entries = (0..<1 + random.below(5)).map { _ -> (Value.Key, Value) in
            let keyword = random.of(Self.keywords)
            // Now and then a keyword's value is of any kind.
            let value =
                random.below(60) == 0
                ? randomValue(&random, depth: 2) : operand(of: keyword, &random, depth: depth - 1)
            return (.string(keyword), value)
        }
        return .map(Value.Map(entries))
    }

    private func operand(of keyword: String, _ random: inout Xorshift, depth: Int) -> Value {
        func schemas(_ random: inout Xorshift) -> [Value] {
            (0..<1 + random.below(3)).map { _ in randomSchema(&random, depth: depth) }
        }
        func map(_ random: inout Xorshift, _ names: [String]) -> Value {
            .map(Value.Map(schemas(&random).map { (.string(random.of(names)), $0) }))
        }
        switch keyword {
        case "type": return .string(random.of(["null", "boolean", "integer", "number", "string", "array", "object"]))
        case "enum": return .list([randomValue(&random, depth: 2), randomValue(&random, depth: 1)])
        case "const", "default": return randomValue(&random, depth: 2)
        case "multipleOf": return random.of([.double(0.5), .int(2), .double(1e-7), .double(1e300)])
        case "minimum", "exclusiveMaximum": return random.of([.int(1), .double(0.1), .uint(.max), .int(.min)])
        case "minLength", "maxLength", "minItems", "maxProperties", "minContains": return .int(Int64(random.below(3)))
        case "pattern": return .string(random.of(["^a", "[^]", "\\s", "\\p{Letter}", "b$"]))
        case "uniqueItems": return .bool(true)
        case "required": return .list([.string(random.of(Self.names))])
        case "dependentRequired":
            return .map(Value.Map([(.string(random.of(Self.names)), .list([.string(random.of(Self.names))]))]))
        case "format": return .string(random.of(["date-time", "uri", "ipv6", "email", "regex", "duration"]))
        case "allOf", "anyOf", "oneOf", "prefixItems": return .list(schemas(&random))
        case "properties", "dependentSchemas", "$defs": return map(&random, Self.names)
        case "patternProperties": return map(&random, ["^a", "", "\\d"])
        case "$ref", "$dynamicRef": return .string(random.of(["#", "#a", "#/$defs/a", "#/properties/a", "y"]))
        case "$dynamicAnchor", "$anchor": return .string(random.of(["a", "b"]))
        case "$id": return .string(random.of(["x", "y", "https://e.com/z"]))
        default: return randomSchema(&random, depth: depth)
        }
    }

    private func randomValue(_ random: inout Xorshift, depth: Int) -> Value {
        switch random.below(depth > 0 ? 10 : 7) {
        case 0: return .null
        case 1: return .bool(random.below(2) == 0)
        case 2: return .int(random.of([0, 1, -1, .max, .min]))
        case 3: return random.of([.uint(.max), .double(0.5), .double(-0.0), .double(1e308), .double(.nan), .double(2)])
        case 4, 5, 6: return .string(random.of(["", "a", "ab\n", "é🐲", "2026-01-01T00:00:00Z", "::1", "a@b"]))
        case 7: return .list((0..<random.below(4)).map { _ in randomValue(&random, depth: depth - 1) })
        default:
            let entries = (0..<random.below(4)).map { _ -> (Value.Key, Value) in
                (.string(random.of(Self.names)), randomValue(&random, depth: depth - 1))
            }
            return .map(Value.Map(entries))
        }
    }
}

/// Marsaglia's xorshift64*: the same numbers for the same seed everywhere.
private struct Xorshift {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ bound: Int) -> Int {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return Int(((state &* 0x2545_F491_4F6C_DD1D) >> 33) % UInt64(bound))
    }

    mutating func of<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
