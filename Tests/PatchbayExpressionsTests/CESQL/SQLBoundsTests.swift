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
}
