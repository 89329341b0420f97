import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct RegularExpressionTests {
    @Test(arguments: [
        ("b+", "abbc", true), ("^b", "ab", false), ("", "", true), ("^$", "x", false), ("ñ{2}", "mañña", true),
        (#"\d{3}-\d+"#, "tel 555-1", true), ("(?i)HELLO", "hello", true), ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
    ])
    func `finds a match anywhere in the text`(pattern: String, text: String, expected: Bool) throws {
        #expect(try RegularExpression(pattern).matches(text) == expected)
    }

    @Test(
        arguments: [("(", nil), ("a**", 1), ("[z-a]", 1), (#"\q"#, 0), ("x{1001}", 1), ("(a)\\1", 3)]
            as [(String, Int?)])
    func `refuses a pattern with a message and its place`(pattern: String, offset: Int?) {
        let error = #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression(pattern) }
        #expect(error?.message.isEmpty == false)
        if let offset { #expect(error?.offset == offset, "\(pattern)") }
    }

    @Test func `refuses what compiles to more than the memory bound`() {
        #expect(throws: RegularExpression.SyntaxError.self) {
            try RegularExpression("((((a{100}){100}){100}){100}){100}")
        }
        #expect(throws: RegularExpression.SyntaxError.self) {
            try RegularExpression(String(repeating: #"[\pL\pN]{900}"#, count: 20))
        }
    }

    @Test func `takes linear time where backtracking takes exponential`() throws {
        let evil = try RegularExpression("^(a+)+$")
        #expect(!evil.matches(String(repeating: "a", count: 100_000) + "b"))
    }

    @Test func `refuses patterns that compile to more instructions than allowed, with the place in the expression`() {
        do throws(ExpressionError) {
            _ = try Expression(
                "true && event.type.matches('\\\\pL{500}')", in: ExpressionEnvironment(eventPlan: FieldPlan()))
            Issue.record("it compiled")
        } catch {
            #expect(error.code == .arguments)
            #expect(error.position.column >= 28)
            #expect(error.message.contains("instructions") || error.message.contains("too large"))
        }
    }

    @Test func `tells where groups match`() throws {
        let text = Array("äid=42".utf8)
        let expression = try RegularExpression("(x)?id=(\\d+)")
        #expect(expression.groupCount == 2)
        #expect(expression.firstMatch(in: text, from: 0) == [2..<7, nil, 5..<7])
        #expect(expression.firstMatch(in: text, from: 3) == nil)
        #expect(try RegularExpression("").firstMatch(in: [], from: 0) == [0..<0])
    }

    /// Patterns that make a backtracking matcher run for ages, on texts that make them fail late.
    @Test(arguments: [
        "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*c", "^(a?){50}a{50}$",
        "(a*)*(b*)*(c*)*d", "(?:(?:a+)+)+$b", "((a*)*)*b", "^(.*?,){20}P", "([ab]*a){20}c", "(a|b|ab)*(ba|bb)*c$",
        "(?s).*.*.*.*.*=.*x",
    ])
    func `never takes more than its budget where backtracking would`(pattern: String) throws {
        let texts = [
            String(repeating: "a", count: 5_000) + "!", String(repeating: "ab", count: 2_500),
            String(repeating: "x", count: 5_000), String(repeating: ",1", count: 2_500),
        ]
        let expression = try RegularExpression(pattern)
        #expect(expression.instructionCount < 1_000)
        let checked = try Expression("t.matches(p)", in: ExpressionEnvironment(variables: ["t", "p"]))
        for text in texts {
            let isMatch = expression.matches(text)
            let match = checked.matches(nil, variables: [.string(text), .string(pattern)])
            #expect(match == (isMatch ? .yes : .no))
        }
    }
}
