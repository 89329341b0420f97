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

    /// A pattern as a tree, with a matcher of its own that is too simple to be wrong.
    private indirect enum Model {
        case letter(Character)
        case any
        case sequence([Model])
        case choice([Model])
        case repeated(Model, min: Int, max: Int?)

        static func random(_ depth: Int, _ random: inout SeededRandom) -> Model {
            switch Int.random(in: 0..<(depth > 0 ? 6 : 3), using: &random) {
            case 0, 1: .letter("abc".randomElement(using: &random) ?? "a")
            case 2: .any
            case 3:
                .sequence((0..<Int.random(in: 1...3, using: &random)).map { _ in .random(depth - 1, &random) })
            case 4:
                .choice((0..<Int.random(in: 1...3, using: &random)).map { _ in .random(depth - 1, &random) })
            default:
                .repeated(
                    .random(depth - 1, &random), min: Int.random(in: 0...2, using: &random),
                    max: Bool.random(using: &random) ? nil : 3)
            }
        }

        var pattern: String {
            switch self {
            case .letter(let letter): String(letter)
            case .any: "."
            case .sequence(let parts): parts.map(\.pattern).joined()
            case .choice(let parts): "(" + parts.map(\.pattern).joined(separator: "|") + ")"
            case .repeated(let part, let min, let max): "(?:\(part.pattern)){\(min),\(max.map(String.init) ?? "")}"
            }
        }

        /// Where a match that begins at one of these places may end.
        func ends(_ text: [Character], _ starts: Set<Int>) -> Set<Int> {
            switch self {
            case .letter(let letter): Set(starts.filter { $0 < text.count && text[$0] == letter }.map { $0 + 1 })
            case .any: Set(starts.filter { $0 < text.count }.map { $0 + 1 })
            case .sequence(let parts): parts.reduce(starts) { $1.ends(text, $0) }
            case .choice(let parts): parts.reduce(into: Set()) { $0.formUnion($1.ends(text, starts)) }
            case .repeated(let part, let min, let max): Self.repeated(part, min, max, text, starts)
            }
        }

        private static func repeated(
            _ part: Model, _ min: Int, _ max: Int?, _ text: [Character], _ starts: Set<Int>
        ) -> Set<Int> {
            var current = starts
            for _ in 0..<min { current = part.ends(text, current) }
            var found = current
            for _ in 0..<(max.map { $0 - min } ?? text.count + 1) {
                current = part.ends(text, current)
                found.formUnion(current)
            }
            return found
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `agrees with a simple model on random patterns`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let model = Model.random(3, &random)
            let expression = try RegularExpression("^(?:\(model.pattern))$")
            for _ in 0..<10 {
                let text = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    "abc".randomElement(using: &random) ?? "a"
                }
                let expected = model.ends(text, [0]).contains(text.count)
                #expect(
                    expression.matches(String(text)) == expected, "seed \(seed): \(model.pattern) on \(String(text))")
            }
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random pieces of patterns compile within the limits or are refused`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces = [
            "(", ")", "[", "]", "{", "}", "a", "b", "*", "+", "?", "|", ".", "^", "$", "\\", "\\d", "\\pL", "{2,3}",
            "{1000}",
            "(?i)", "(?P<n>", "[^", "a-z", "\\b", "é", "😀", "\u{0}", "(?:", "{,5}", "\\Q", "\\x{10FFFF}",
        ]
        for _ in 0..<1_000 {
            let pattern = (0..<Int.random(in: 0..<20, using: &random))
                .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            do throws(RegularExpression.SyntaxError) {
                let expression = try RegularExpression(pattern, limits: .computed)
                #expect(expression.instructionCount <= RegularExpression.Limits.computed.instructionsMax)
                let text = Array("aab b\u{e9}xyz".utf8)
                let groups = expression.firstMatch(in: text, from: 0)
                #expect((groups != nil) == expression.matches(String(decoding: text, as: UTF8.self)), "\(pattern)")
                for range in (groups ?? []).compactMap({ $0 }) { #expect(range.upperBound <= text.count) }
            } catch {
                #expect(!error.message.isEmpty && (error.offset ?? 0) <= pattern.utf8.count, "\(pattern)")
            }
        }
    }
}
