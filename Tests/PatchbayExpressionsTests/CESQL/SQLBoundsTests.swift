import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct SQLBoundsTests {
    @Test(arguments: ["(", "NOT ", "- ", "UPPER(", "a IN (", "1 IN ((", "NOT (-("])
    func `deep nesting is an error, not a crash`(piece: String) {
        let source = String(repeating: piece, count: 20_000 / piece.utf8.count)
        let error = #expect(throws: ExpressionError.self) { try SQLExpression(source, plan: FieldPlan()) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: [" + 1", " = 1", " XOR a", " AND a OR a", " LIKE 'a'", " IN (1)"])
    func `long rows of operators are an error, not a crash`(piece: String) {
        let source = "a" + String(repeating: piece, count: 5_000)
        let error = #expect(throws: ExpressionError.self) { try SQLExpression(source, plan: FieldPlan()) }
        #expect(error?.code == .tooLarge)
    }

    @Test func `a row of one logic operator and a list may be long`() throws {
        let plan = FieldPlan()
        let list = (0...4_000).map { "'k\($0)'" }.joined(separator: ", ")
        let row = (0...3_000).map { "kind = 'x\($0)'" }.joined(separator: " OR ")
        for (source, match) in [("kind IN (\(list))", Match.yes), (row, .no)] {
            let expression = try SQLExpression(source, plan: plan)
            let filled = EventFields(plan, ["kind": .text("k4000")])
            #expect(withExtendedLifetime(filled) { expression.matches(filled.slots) } == match)
        }
    }

    @Test func `an expression that is too long is refused`() {
        let error = #expect(throws: ExpressionError.self) {
            try SQLExpression("'" + String(repeating: "a", count: 70_000) + "'", plan: nil)
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `texts that grow without bound run out of steps`() throws {
        let plan = FieldPlan()
        let many = "CONCAT(" + Array(repeating: "subject", count: 4_000).joined(separator: ",") + ")"
        for source in [many, "CONCAT_WS(subject, " + Array(repeating: "''", count: 4_000).joined(separator: ",") + ")"]
        {
            let expression = try SQLExpression(source, plan: plan)
            let event = EventFields(plan, ["subject": .text(String(repeating: "x", count: 1 << 20))])
            let result = withExtendedLifetime(event) { expression.evaluate(event.slots) }
            #expect(result.error?.kind == .generic)
            #expect(result.value == .string(""))
        }
    }

    @Test func `LIKE takes steps in proportion to the text`() throws {
        let plan = FieldPlan()
        // A matcher that tries again behind every % would need ages for this.
        let expression = try SQLExpression("subject LIKE '\(String(repeating: "%a_", count: 24))%b'", plan: plan)
        let event = EventFields(plan, ["subject": .text(String(repeating: "a", count: 100_000))])
        #expect(withExtendedLifetime(event) { expression.matches(event.slots) } == .no)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `mutated expressions never crash, and matching agrees with evaluating`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces = [
            "(", ")", ",", "'", "\"", "\\", "%", "_", "NOT ", " AND ", " OR ", " XOR ", " LIKE 'a%_'", " IN (",
            "EXISTS ",
            "-", "+", "*", "/", "<", "<>", "!=", "=", "type", "hop", "n", "missing", "12", "2147483647", "TRUE",
            "SUBSTRING(", "CONCAT_WS(", "INT(", "ABS(", "é", "😀", "\u{0}", "\n", "'a\\'b'",
        ]
        for _ in 0..<1_500 {
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
