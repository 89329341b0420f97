import PatchbayEvents
import PatchbayExpressions
import PatchbayTestKit
import Testing

/// Whatever the text, compiling CloudEvents SQL ends with an expression or an error, and so does evaluating.
@Suite struct SQLFuzzTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `mutated expressions never crash, and matching agrees with evaluating`(seed: UInt64) {
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        let pieces = [
            "(", ")", ",", "'", "\"", "\\", "%", "_", "NOT ", " AND ", " OR ", " XOR ", " LIKE 'a%_'", " IN (",
            "EXISTS ",
            "-", "+", "*", "/", "<", "<>", "!=", "=", "type", "hop", "n", "missing", "12", "2147483647", "TRUE",
            "SUBSTRING(", "CONCAT_WS(", "INT(", "ABS(", "é", "😀", "\u{0}", "\n", "'a\\'b'",
        ]
        for _ in 0..<1_500 * FuzzBudget.times {
            var text = "type LIKE 'com.%' AND (INT(hop) < 10 OR n IN (1, '2'))"
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                var scalars = Array(text.unicodeScalars)
                let place = Int.random(in: 0...scalars.count, using: &random)
                if Bool.random(using: &random), place < scalars.count {
                    scalars.removeSubrange(place..<min(scalars.count, place + 5))
                } else {
                    scalars.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").unicodeScalars, at: place)
                }
                text = String(String.UnicodeScalarView(scalars))
            }
            exercise(text)
        }
    }

    private func exercise(_ source: String) {
        let plan = FieldPlan()
        do throws(ExpressionError) {
            let expression = try SQLExpression(source, plan: plan, costMax: 10_000)
            let event = EventFields(plan, ["type": .text("com.a"), "hop": .text("5"), "n": .int(2)])
            let match = expression.matches(event.slots)
            let result = expression.evaluate(event.slots)
            #expect((match == .yes) == (result.error == nil && result.value == .bool(true)), "\(source)")
            #expect(expression.explain(event.slots).match == match, "\(source)")
            if result.error == nil, let other = expression.otherType {
                #expect(match == .error(.noSuchOverload), "\(source) is \(other)")
            }
            withExtendedLifetime(event) {}
        } catch {
            #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty, "\(source)")
        }
    }
}
