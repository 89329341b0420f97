import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct CostTests {
    private func code(_ source: String, costMax: Int = 100_000) throws -> EvaluationError.Code? {
        var environment = ExpressionEnvironment(variables: ["list", "text"])
        environment.costMax = costMax
        let expression = try Expression(source, in: environment)
        let list = Value.list((0..<1_000).map { .int($0) })
        do throws(EvaluationError) {
            _ = try expression.evaluate(nil, variables: [list, .string(String(repeating: "a", count: 1_000))])
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [
        "list.exists(a, list.exists(b, list.exists(c, a + b + c < 0)))",
        "list.map(a, list.map(b, list))", "list.all(a, list.map(b, b) == list)",
        doubling("text", "x + x", 40), doubling("list", "x + x", 40), doubling("[list, list]", "[x, x]", 60, "x == x"),
        doubling("['a']", "[x, x]", 60, "'%s'.format([x]) == ''"), "list.map(a, text.matches('(' + text + ')+'))",
        "list.map(a, text + text).join() == ''", "list.map(a, text.replace('a', text)).size() == 0",
        "list.map(a, text.split('')).size() == 0", "list.map(a, text.indexOf('b')).size() == 0",
        "false && list.all(a, list.all(b, list.all(c, true)))  || list.all(a, list.all(b, list.all(c, true)))",
    ])
    func `ends an evaluation that takes too many steps`(source: String) throws {
        #expect(try code(source) == .costExceeded, "\(source)")
    }

    @Test func `lets ordinary work through`() throws {
        #expect(try code("list.filter(a, a % 2 == 0).map(b, b * b).exists(c, c == 4)") == nil)
        #expect(try code("list == list && text.contains('ab') == false") == nil)
    }

    @Test func `no other operand hides that the steps ran out`() throws {
        #expect(try code("list.all(a, true) || true", costMax: 10) == .costExceeded)
    }
}

/// `cel.bind` nested `times`, each doubling what the last one bound.
private func doubling(_ start: String, _ step: String, _ times: Int, _ end: String = "size(x) == 0") -> String {
    let binds = (0..<times).map { _ in "cel.bind(x, \(step), " }.joined()
    return "cel.bind(x, \(start), \(binds)\(end)" + String(repeating: ")", count: times + 1)
}
