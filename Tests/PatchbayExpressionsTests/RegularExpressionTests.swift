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
}
