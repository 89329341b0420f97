import Foundation
import PatchbayEvents
import PatchbayExpressions
import PatchbayTestKit
import Testing

/// Whatever the text, compiling ends with an expression or an error, and evaluating with a value or an error.
///
/// The expressions of the independent suite are mutated, too, where `PATCHBAY_SUITES` names their folder.
@Suite struct ExpressionFuzzTests {
    private static let seeds = ownSeeds + suiteExpressions()

    private static func suiteExpressions() -> [String] {
        guard let root = ProcessInfo.processInfo.environment["PATCHBAY_SUITES"] else { return [] }
        let folder = URL(fileURLWithPath: root).appendingPathComponent("cel")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.sorted { $0.path < $1.path }.flatMap { file in
            ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").compactMap { line in
                let json = try? JSONSerialization.jsonObject(with: Data(line.utf8))
                return (json as? [String: Any])?["expr"] as? String
            }
        }
    }

    private static let ownSeeds = [
        "event.type == 'com.shop.order.created' && event.data.amount > 1000",
        "[1, 2.5, 'x'].map(i, i * 2).filter(j, j > x)",
        "has(event.data.a.b) ? event.data.a.b : {'k': [1u, b'\\xff']}.?k[?0].orValue(3)",
        "x in event.data.list || !(1 / 0 == y)",
        "timestamp('2026-01-01T00:00:00Z') + duration('1h') < timestamp(event.time)",
        "'%s %d'.format([x, 3]).matches('^a(b|c)*$')",
        "cel.bind(v, event.data, v.size() + math.greatest(1, 2))",
        "event.data.list.exists_one(i, v, i == 0 && v.a != null)",
        "r'''raw''' + \"\\u00e9\\t\" + string(0x1Fu) // note",
        "{1: 'a', true: -2, 'z': [?optional.of(1)]}.transformMap(k, v, v)",
        "regex.replace(event.type, '(a+)+b', r'\\1') + regex.extract(y, x).orValue('')",
        "similar(y, event.type, 'tokenSet') > 0.8 || similar(y, 'abc') < 0.1",
        "lists.range(x).sortBy(i, -i).distinct()",
        "[[x], [y]].flatten().slice(0, 1) == [x].sort() && sets.intersects([1], [x])",
        "cidr('10.0.0.0/8').containsIP(y) || ip('::1').family() == x || isIP(y)",
        "'a,b'.split(',', -1).join('-').substring(1, 2).reverse()", "google.protobuf.Int32Value{value: 5} + .x",
    ]
    private static let pieces = [
        "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "!", "-", "&&", "||", "==", "<", "in", "+", "%", "/", "*",
        "'", "\"", "`",
        "\\", "'''", "event", "event.data.a", "x", "y", "1", "0x", "1e9", "9223372036854775807",
        "18446744073709551615u", "\n", "//",
        "null", "true", "size(", ".map(q, ", ".all(q, ", ".?", "[?", "b'", "r'", "é", "😀", "\u{0}", "optional.none()",
        "type(", ".format(",
        "duration('1h')", "-9223372036854775808", "0.0", "string(", "int(", "'\\U0010ffff'", ".matches('a*')",
        "similar(", ".sortBy(q, ", "regex.replace(", "ip(", ".flatten(", "cel.bind(q, ", ".transformMap(q, r, ",
    ]

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `mutated expressions never crash and never run on`(seed: UInt64) {
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        for _ in 0..<1_000 * FuzzBudget.times {
            var text = Array((Self.seeds.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) { mutate(&text, &random) }
            exercise(String(decoding: text, as: UTF8.self), &random)
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `random bytes and random pieces never crash`(seed: UInt64) {
        var random = SeededRandom(seed: FuzzBudget.seed + seed)
        for round in 0..<1_000 * FuzzBudget.times {
            let count = Int.random(in: 0..<60, using: &random)
            let text =
                round % 2 == 0
                ? String(decoding: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, as: UTF8.self)
                : (0..<count / 4).map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined()
            exercise(text, &random)
        }
    }

    private func mutate(_ text: inout [UInt8], _ random: inout SeededRandom) {
        let place = Int.random(in: 0...text.count, using: &random)
        let end = min(text.count, place + Int.random(in: 0...8, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: text.removeSubrange(place..<end)
        case 1: text.insert(contentsOf: (Self.pieces.randomElement(using: &random) ?? "").utf8, at: place)
        case 2: text.insert(contentsOf: text[place..<end], at: place)
        case 3: if place < text.count { text[place] = UInt8.random(in: 32...126, using: &random) }
        default: text.insert(contentsOf: (Self.seeds.randomElement(using: &random) ?? "").utf8, at: place)
        }
    }

    private func exercise(_ source: String, _ random: inout SeededRandom) {
        let plan = FieldPlan()
        var environment = ExpressionEnvironment(eventPlan: plan, variables: ["x", "y"])
        environment.costMax = 10_000
        environment.isChecked = Bool.random(using: &random)
        do throws(ExpressionError) {
            let expression = try Expression(source, in: environment)
            let event = EventFields(
                plan,
                [
                    "type": .text("a"), "time": .text("2026-01-01T00:00:00Z"), "data": .json(#"{"a": {"b": 1}}"#),
                    "data.a": .json(#"{"b": 1}"#), "data.a.b": .int(1), "data.amount": .double(1.5),
                    "data.list": .json(#"[{"a": null}, 2, "x", [[]]]"#),
                ])
            let variables: [Value] = [.int(3), .string("ab")]
            let match = expression.matches(event.slots, variables: variables)
            // Testing in place costs fewer steps, so only one of the two may run out of them.
            if match == .error(.costExceeded) { return }
            #expect(expression.explain(event.slots, variables: variables).match == match, "\(source)")
            do throws(EvaluationError) {
                let value = try expression.evaluate(event.slots, variables: variables)
                #expect(
                    match == (value == .bool(true) ? .yes : value == .bool(false) ? .no : .error(.noSuchOverload)),
                    "\(source)")
            } catch {
                if error.code == .costExceeded { return }
                #expect(match == .error(error.code), "\(source): \(error)")
                #expect(error.position != nil, "\(source)")
            }
        } catch {
            #expect(error.line >= 1 && error.column >= 1 && !error.message.isEmpty, "\(source)")
        }
    }
}
