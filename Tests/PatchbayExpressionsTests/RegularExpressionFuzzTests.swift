import PatchbayEvents
import PatchbayExpressions
import PatchbayTestKit
import Testing

@Suite struct RegularExpressionFuzzTests {
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
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        for _ in 0..<300 * FuzzBudget.times {
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
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        let pieces = [
            "(", ")", "[", "]", "{", "}", "a", "b", "*", "+", "?", "|", ".", "^", "$", "\\", "\\d", "\\pL", "{2,3}",
            "{1000}",
            "(?i)", "(?P<n>", "[^", "a-z", "\\b", "é", "😀", "\u{0}", "(?:", "{,5}", "\\Q", "\\x{10FFFF}",
        ]
        for _ in 0..<1_000 * FuzzBudget.times {
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

    /// Repetitions of repetitions and of choices that overlap: on a text that fails at its end, a matcher that goes back
    /// tries ways without number.
    private static func catastrophe(_ depth: Int, _ random: inout SeededRandom) -> String {
        let letter = ["a", "b", "[ab]", ".", "\\w"].randomElement(using: &random) ?? "a"
        guard depth > 0 else { return letter }
        let inner = catastrophe(depth - 1, &random)
        let repeated = ["*", "+", "{2,}", "*?", "{1,9}"].randomElement(using: &random) ?? "*"
        return switch Int.random(in: 0..<4, using: &random) {
        case 0: "(\(inner))\(repeated)"
        case 1: "(?:\(inner)|\(letter))\(repeated)"
        case 2: "(\(inner)\(repeated)\(letter)?)+"
        default: "\(inner)\(repeated)\(catastrophe(depth - 1, &random))"
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `patterns that backtracking never finishes end within the budget`(seed: UInt64) throws {
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        let condition = try Expression("t.matches(p)", in: ExpressionEnvironment(variables: ["t", "p"]))
        for _ in 0..<50 * FuzzBudget.times {
            let pattern = "^\(Self.catastrophe(4, &random))$"
            let expression: RegularExpression
            do throws(RegularExpression.SyntaxError) {
                expression = try RegularExpression(pattern, limits: .computed)
            } catch {
                #expect(!error.message.isEmpty, "\(pattern)")
                continue
            }
            let text =
                (0..<Int.random(in: 0...5_000, using: &random)).map { _ in Bool.random(using: &random) ? "a" : "b" }
                .joined() + "!"
            let isMatch = expression.matches(text)
            let match = condition.matches(nil, variables: [.string(text), .string(pattern)])
            #expect(match == (isMatch ? .yes : .no) || match == .error(.costExceeded), "seed \(seed): \(pattern)")
        }
    }
}
