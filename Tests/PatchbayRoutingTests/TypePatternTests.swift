import PatchbayRouting
import Testing

@Suite struct TypePatternTests {
    @Test(arguments: [
        ("com.acme.order.*", "com.acme.order.paid", true), ("com.acme.order.*", "com.acme.order", false),
        ("com.acme.order.*", "com.acme.order.paid.late", false), ("com.*.order.paid", "com.acme.order.paid", true),
        ("com.*.order.paid", "com.acme.eu.order.paid", false), ("*", "order", true), ("*", "order.paid", false),
        ("com.acme.**", "com.acme.order", true), ("com.acme.**", "com.acme.order.paid", true),
        ("com.acme.**", "com.acme", false), ("com.acme.**", "com.acmes.order", false), ("**", "order", true),
        ("**", "com.acme.order", true), ("*.**", "com", false), ("*.**", "com.acme", true),
        ("com.acme.order", "com.acme.order", true), ("com.acme.order", "com.acme.Order", false),
        ("com.acme.order", "com.acme.orders", false), ("com.acme.order", "com.acme", false),
        ("com.*.x", "com..x", true), ("a.**", "a.", true),
    ])
    func `star is one token, two stars are a tail of at least one`(pattern: String, type: String, matches: Bool) throws
    {
        #expect(try TypePattern(pattern).matches(type) == matches)
    }

    @Test(arguments: ["", "com..acme", ".com", "com.", "com.**.order", "com.ord*", "***", "a.*b"])
    func `refuses what is not a pattern`(text: String) {
        let error = #expect(throws: RoutingError.self) { _ = try TypePattern(text) }
        #expect(error?.code == .pattern)
    }

    /// Against the definition, token by token.
    @Test(arguments: UInt64(1)...8)
    func `agrees with a token-wise definition`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        for _ in 0..<2_000 {
            var parts = (0...dice.below(3)).map { _ in dice.pick(["a", "b", "*"]) }
            if dice.below(3) == 0 { parts.append("**") }
            let type = (0...dice.below(4)).map { _ in dice.pick(["a", "b", "c"]) }
            let text = parts.joined(separator: ".")
            let matches = try TypePattern(text).matches(type.joined(separator: "."))
            check(matches == defined(parts, type), "seed \(seed): \(text) and \(type)")
        }
    }

    private func defined(_ pattern: [String], _ type: [String]) -> Bool {
        guard let first = pattern.first else { return type.isEmpty }
        if first == "**" { return !type.isEmpty }
        guard let token = type.first, first == "*" || first == token else { return false }
        return defined(Array(pattern.dropFirst()), Array(type.dropFirst()))
    }
}
