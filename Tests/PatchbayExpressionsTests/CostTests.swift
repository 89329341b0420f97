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
        "list.all(a, text.matches('(a|b|ab)*c') == false)", "list.map(a, similar(text, text)).size() == 0",
        "list.map(a, regex.replace(text, 'a', text)).size() == 0",
        "list.map(a, regex.extractAll(text, 'a')).size() == 0",
        "list.map(a, regex.extract('a', text + string(a)).hasValue()).size() == 0",
        "list.map(a, list.sort()).size() == 0", "list.map(a, list.distinct()).size() == 0",
        "lists.range(1000000000) == []",
        "list.map(a, [list].flatten()).size() == 0",
        "sets.equivalent(list, list.map(a, a + 5000)) || sets.contains(list, list)",
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

    @Test(arguments: [
        "list.exists(a, list.exists(b, list.exists(c, a + b + c < 0)))", "text + text == text", "[list] == [list]",
        "text.matches('(a|b)*c')", "{'a': list.map(x, x)}.size() == 0", "list.map(x, x).sort() == list",
        doubling("[list, list]", "[x, x]", 3, "x == x"), "similar(text, text) > 0.5", "list", "list.sortBy(x, x)",
    ])
    func `says what is too costly, and where`(source: String) throws {
        var environment = ExpressionEnvironment(variables: ["list", "text"])
        environment.costMax = 20
        let expression = try Expression(source, in: environment)
        let variables: [Value] = [.list((0..<1_000).map { .int($0) }), .string(String(repeating: "a", count: 1_000))]
        let error = #expect(throws: EvaluationError.self) { try expression.evaluate(nil, variables: variables) }
        #expect(error?.code == .costExceeded)
        #expect(error?.message.hasPrefix("cost exceeded") == true)
        #expect(error?.position != nil, "\(source)")
    }

    @Test func `costs the same every time`() throws {
        let source = "list.filter(a, a % 3 == 0).map(b, string(b)).exists(c, c.matches('^9+$') || c + text == '')"
        func passes(_ costMax: Int) throws -> Bool { try code(source, costMax: costMax) == nil }
        var (low, high) = (0, 1_000_000)
        while high - low > 1 {
            let middle = (low + high) / 2
            if try passes(middle) { high = middle } else { low = middle }
        }
        for _ in 0..<3 { #expect(try passes(high) && !passes(high - 1)) }
    }

    @Test func `a value that is endless to write down costs as much as it has elements`() throws {
        // Building it takes 60 steps; it has 2^60 elements.
        #expect(try code(doubling("['a']", "[x, x]", 60, "x")) == .costExceeded)
    }

    @Test func `searches of an event's text cost steps, in place too`() throws {
        let plan = FieldPlan()
        var environment = ExpressionEnvironment(eventPlan: plan)
        environment.costMax = 1_000
        for (source, isCostly) in [
            ("event.type.matches('(a|b|c){100}d')", true), ("event.type.contains('b')", false),
            ("event.type.matches('b')", false),
        ] {
            let expression = try Expression(source, in: environment)
            #expect(expression.generalStepCount == 0)
            let event = EventFields(plan, ["type": .text(String(repeating: "a", count: 10_000))])
            let match = withExtendedLifetime(event) { expression.matches(event.slots) }
            #expect(match == (isCostly ? .error(.costExceeded) : .no), "\(source)")
        }
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
