import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct ParserTests {
    private func error(_ source: String, variables: [String] = []) -> ExpressionError? {
        do throws(ExpressionError) {
            _ = try Expression(source, in: ExpressionEnvironment(eventPlan: FieldPlan(), variables: variables))
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("", 1, 1), ("1 +", 1, 4), ("(1", 1, 3), ("[1, 2", 1, 6), ("'abc", 1, 1), ("1 ==\n  == 2", 2, 3),
        ("'é' + §", 1, 7), ("event.type = 'x'", 1, 12), ("0x", 1, 1), ("1e", 1, 2), ("12abc", 1, 1),
        ("99999999999999999999", 1, 1), ("9223372036854775808", 1, 1), (#"'\q'"#, 1, 2), (#"'\ud800'"#, 1, 2),
        ("for", 1, 1), ("a ? b", 1, 6), ("{1 2}", 1, 4), ("event.type.", 1, 12), ("1 2", 1, 3), ("`a`", 1, 1),
    ])
    func `names the place of a mistake`(source: String, line: Int, column: Int) {
        let found = error(source)
        #expect(found?.code == .syntax, "\(source)")
        #expect(found?.position == SourcePosition(line: line, column: column), "\(source): \(found?.description ?? "")")
    }

    @Test func `lists what may stand in an unknown name's place`() {
        let found = error("evnt.type == 'x' || amount > 3", variables: ["amount"])
        #expect(found?.code == .unknownName)
        #expect(found?.accepted == ["event", "amount"])
        #expect(found?.column == 1)
    }

    @Test func `suggests functions with similar names`() {
        let found = error("event.type.startWith('x')")
        #expect(found?.code == .unknownFunction)
        #expect(found?.accepted.contains("startsWith") == true)
    }

    @Test func `refuses a known function with arguments that it never takes and shows its forms`() {
        let found = error("event.type.startsWith('x', 'y')")
        #expect(found?.code == .arguments)
        #expect(found?.accepted == ["string.startsWith(string) -> bool"])
    }

    @Test func `refuses fields of attributes that are strings`() {
        #expect(error("event.type.name == 'x'")?.accepted == ["event.type", "event.data.name"])
        #expect(error("event.Type == 'x'")?.code == .unknownName)
        #expect(error("event == 1")?.accepted.contains("event.data") == true)
    }

    @Test func `refuses a constant pattern that is no regular expression`() {
        #expect(error("event.type.matches('(')")?.code == .arguments)
        #expect(error("has(event)")?.code == .arguments)
        #expect(error("[1].all(1, true)")?.code == .arguments)
    }

    @Test(arguments: [
        String(repeating: "(", count: 5_000) + "1", String(repeating: "!", count: 5_000) + "true",
        String(repeating: "-", count: 5_000) + "x", String(repeating: "[", count: 5_000),
        String(repeating: "{1:", count: 5_000), "1" + String(repeating: " + 1", count: 5_000),
        "[0]" + String(repeating: "[0]", count: 5_000), "a" + String(repeating: ".a", count: 5_000),
        String(repeating: "true ? 1 : ", count: 3_000) + "1", String(repeating: "f(", count: 5_000),
        String(repeating: "[1].all(x, ", count: 1_000), String(repeating: " ", count: 70_000),
    ])
    func `refuses what nests too deeply or is too long`(source: String) {
        #expect(error(source)?.code == .tooLarge)
    }

    @Test func `accepts chains of logical operators of any length`() throws {
        let parts = (0..<3_000).map { "event.type == 't\($0)'" }.joined(separator: " || ")
        #expect(error(parts)?.code == .tooLarge)  // 64 KiB of text are the limit, not the operators.
        let shorter = (0..<2_000).map { "event.type == 't\($0)'" }.joined(separator: " || ")
        #expect(try match(shorter, ["type": .text("t1999")]) == .yes)
        #expect(try match(shorter, ["type": .text("t2000")]) == .no)
    }

    @Test func `allows the nesting that the language asks for`() throws {
        let nested = String(repeating: "(", count: 60) + "7" + String(repeating: ")", count: 60)
        #expect(try value(nested) == .int(7))
        #expect(try value(String(repeating: "!", count: 60) + "true") == .bool(true))
    }

    @Test func `tells constants from what reads something`() throws {
        let environment = ExpressionEnvironment(eventPlan: FieldPlan(), variables: ["x"])
        #expect(try Expression("timestamp('2026-01-01T00:00:00Z') + duration('1h')", in: environment).isConstant)
        #expect(try Expression("[1, 2].map(i, i * 2)", in: environment).isConstant)
        #expect(try !Expression("x + 1", in: environment).isConstant)
        #expect(try !Expression("has(event.type)", in: environment).isConstant)
        #expect(try !Expression("1 / 0", in: environment).isConstant)
    }
}
