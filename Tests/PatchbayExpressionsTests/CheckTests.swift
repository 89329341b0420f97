import PatchbayEvents
import Testing

@testable import PatchbayExpressions

@Suite struct CheckTests {
    private func compile(_ source: String, _ variables: [ExpressionEnvironment.Variable] = []) throws -> Expression {
        try Expression(source, in: ExpressionEnvironment(eventPlan: FieldPlan(), variables: variables))
    }

    private func error(_ source: String) -> ExpressionError? {
        do {
            _ = try compile(source, [.init("n", .int), .init("m", .map(.string, .int)), .init("w", .wrapper(.int))])
            return nil
        } catch {
            return error as? ExpressionError
        }
    }

    @Test(arguments: [
        ("1 + 'a'", 1, 1, "`+` does not take (int, string)"), ("n && true", 1, 1, "`&&` needs a bool, not an int"),
        ("!n", 1, 1, "`!` needs a bool, not an int"), ("true || event.type", 1, 1, "`||` needs a bool, not a string"),
        ("-'a'", 1, 1, "`-` does not take (string)"), ("n.foo == 1", 1, 1, "an int has no fields, so no `foo`"),
        ("event.type == 5", 1, 1, "`==` compares a string with an int, which are never equal"),
        ("true &&\n  event.type > 5", 2, 3, "`>` does not take (string, int)"),
        ("n in 'abc'", 1, 1, "`in` does not take (int, string)"),
        ("n in ['a']", 1, 1, "`in` looks for an int among values of type string"),
        ("'a'.size(1)", 1, 1, "`size` cannot be called in this form with 1 arguments"),
        ("n.startsWith('a')", 1, 1, "nothing is declared as int.startsWith(string)"),
        ("size(n)", 1, 1, "`size` does not take (int)"), ("m.a + 'x'", 1, 1, "`+` does not take (int, string)"),
        ("m[1]", 1, 1, "`[]` does not take (map(string, int), int)"),
        ("n.all(x, x > 0)", 1, 1, "a loop cannot go over an int"),
        ("[1].all(x, x)", 1, 1, "`a loop's condition` needs a bool, not an int"),
        ("[1].map(x, x.startsWith('a'))", 1, 12, "nothing is declared as int.startsWith(string)"),
        ("true ? 1 : 'a'", 1, 1, "the two outcomes of `?:` are an int and a string"),
        ("[?n]", 1, 3, "`?` needs an optional here, not an int"),
        ("{[1]: 2}", 1, 1, "a map's key cannot be a list(int)"),
        ("n.optMap(x, x)", 1, 1, "`optMap` needs an optional, not an int"),
        ("optional.of(1).optFlatMap(x, x)", 1, 1, "`optFlatMap` needs an optional, not an int"),
        ("[1].transformMapEntry(i, v, v)", 1, 1, "`transformMapEntry` needs a map of entries, not an int"),
        ("google.protobuf.Int32Value{value: 'a'}", 1, 35, "the field `value` takes a wrapper(int), not a string"),
        ("similar('a', 'b', 'soundex') > 0.5", 1, 19, "`soundex` is no measure of similarity"),
        ("event.type.matches('ab[')", 1, 23, "the pattern is no regular expression: missing ]: ["),
        ("timestamp('2026-01-01T00:00:00Z') + 1", 1, 1, "`+` does not take (timestamp, int)"),
    ])
    func `refuses types that do not fit, with the place`(source: String, line: Int, column: Int, message: String) {
        let found = error(source)
        #expect(found?.message == message, "\(source)")
        #expect(found.map { [$0.line, $0.column] } == [line, column], "\(source)")
    }

    @Test func `names the candidates`() {
        #expect(error("'a' - 'b'")?.accepted.contains("(int, int)") == true)
        #expect(error("n.startsWith('a')")?.accepted == ["string.startsWith(string) -> bool"])
        #expect(error("size(n)")?.accepted.contains("size(map(A, B)) -> int") == true)
        #expect(error("similar('a', 'b', 'x')")?.accepted == ["jaroWinkler", "levenshtein", "tokenSort", "tokenSet"])
    }

    @Test(arguments: [
        ("1", "int"), ("[1, 2]", "list(int)"), ("[1, 'a']", "list(dyn)"), ("{'a': 1u}", "map(string, uint)"),
        ("[]", "list(dyn)"), ("[[], [1]]", "list(list(int))"), ("[].map(x, x)", "list(dyn)"), ("m.a + n", "int"),
        ("m.map(k, k)", "list(string)"), ("m.transformMap(k, v, v > 1)", "map(string, bool)"),
        ("m.transformList(k, v, k)", "list(string)"), ("m.?a", "optional_type(int)"), ("m.?a.orValue(2)", "int"),
        ("m[?'a'].optMap(x, string(x))", "optional_type(string)"), ("cel.bind(x, 1.5, [x])", "list(double)"),
        ("w + 1", "int"), ("w == null", "bool"), ("[w, 1]", "list(wrapper(int))"), ("type(1)", "type"),
        ("timestamp(event.time) - timestamp(event.time)", "duration"), ("'a,b'.split(',')", "list(string)"),
        ("math.greatest(1, 2)", "int"), ("math.greatest(1, 2.0)", "dyn"), ("math.greatest(1, 2, 3)", "dyn"),
        ("event.data.a", "dyn"), ("event.data.a + 1", "dyn"), ("string(event.data.a)", "string"),
        ("-event.data.a", "dyn"),
        ("event.data.a.map(x, x.b)", "list(dyn)"), ("event.data.a > 1", "bool"), ("dyn(1)", "dyn"),
        ("[3, 1].sort()", "list(int)"), ("m.map(k, k).sortBy(k, size(k))", "list(string)"),
        ("[[1], [2]].flatten()", "list(int)"), ("cidr('10.0.0.0/8').ip()", "net.IP"),
        ("regex.extract('a', 'a')", "optional_type(string)"), ("lists.range(2).map(i, [i])", "list(list(int))"),
        ("true ? dyn(1) : 'a'", "dyn"), ("google.protobuf.Struct{}", "map(string, dyn)"),
        ("[[{}]]", "list(list(map(dyn, dyn)))"),
    ])
    func `finds the type`(source: String, type: String) throws {
        let expression = try compile(
            source, [.init("n", .int), .init("m", .map(.string, .int)), .init("w", .wrapper(.int))])
        #expect(expression.resultType.description == type, "\(source)")
    }

    @Test func `checks nothing where it is told not to`() throws {
        var environment = ExpressionEnvironment(variables: ["x"])
        environment.isChecked = false
        for source in ["1 + 'a'", "nothing(1)", "unknown == 2", "[1].all(x, x)", "1 ? 2 : 3", "{[]: 1}", "'a'.b"] {
            let expression = try Expression(source, in: environment)
            #expect(expression.resultType == .dyn || source == "{[]: 1}", "\(source)")
            #expect(throws: EvaluationError.self, "\(source)") { try expression.evaluate(nil, variables: [.int(1)]) }
        }
    }

    @Test func `a declared function can be checked, not called`() throws {
        var environment = ExpressionEnvironment()
        environment.signatures = [FunctionSignature("pick(list(A), int) -> A")]
        let expression = try Expression("pick(['a'], 0)", in: environment)
        #expect(expression.resultType == .string)
        #expect(throws: EvaluationError(.unknownName, "`pick` is declared only", position: .init(line: 1, column: 1))) {
            try expression.evaluate(nil)
        }
    }

    // MARK: - Signatures

    /// A value of each type, for calls by signature.
    private func sample(_ type: ExpressionType) -> String {
        switch type {
        case .int: "1"
        case .uint: "1u"
        case .double: "1.0"
        case .bool: "true"
        case .string: "'1'"
        case .bytes: "b'1'"
        case .timestamp: "timestamp(1)"
        case .duration: "duration('1s')"
        case .list(let element): "[\(sample(element))]"
        case .map(let key, let value): "{\(sample(key)): \(sample(value))}"
        case .ip: "ip('10.0.0.1')"
        case .cidr: "cidr('10.0.0.0/8')"
        case .abstract(_, let parts): "optional.of(\(sample(parts[0])))"
        default: "1"
        }
    }

    @Test func `every signature is taken by its function and gives what it says`() throws {
        for signature in SignatureTable.standard.all {
            var operands = signature.operands.map(sample)
            if signature.name == "similar", operands.count == 3 { operands[2] = "'levenshtein'" }
            let source: String
            switch signature.name {
            case "+", "-", "*", "/", "%":
                source = operands.count == 1 ? "-\(operands[0])" : "\(operands[0]) \(signature.name) \(operands[1])"
            case "[]": source = "\(operands[0])[\(operands[1])]"
            case "[?]": source = "\(operands[0])[?\(operands[1])]"
            case _ where signature.isMember:
                source = "\(operands[0]).\(signature.name)(\(operands.dropFirst().joined(separator: ", ")))"
            default: source = "\(signature.name)(\(operands.joined(separator: ", ")))"
            }
            let expression = try Expression(source, in: ExpressionEnvironment())
            do throws(EvaluationError) {
                let value = try expression.evaluate(nil)
                #expect(
                    fits(ExpressionType(of: value), expression.resultType),
                    "\(signature): \(source) is \(value.display)")
            } catch {
                #expect(error.code != .noSuchOverload && error.code != .unknownName, "\(signature): \(error)")
            }
        }
    }

    @Test func `every function has a signature`() {
        for function in FunctionTable.standard.all {
            let signatures = SignatureTable.standard.signatures(function.name).filter {
                $0.isMember == function.isMember
            }
            #expect(
                signatures.contains { function.arity == nil || $0.operands.count == function.arity },
                "\(function.name), \(function.arity ?? -1) operands")
        }
    }

    /// Types are known before evaluating, and hold.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `an expression that passes the check never fails for its types`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func make(_ depth: Int) -> String {
            let leaves = [
                "1", "2u", "1.5", "'a'", "true", "[1]", "{'k': 2}", "b'x'", "x", "duration('1s')", "m",
                "optional.of(1)",
            ]
            if depth == 0 { return leaves.randomElement(using: &random) ?? "1" }
            let (a, b, c) = (make(depth - 1), make(depth - 1), make(0))
            let forms = [
                "(\(a) + \(b))", "(\(a) == \(b))", "(\(a) < \(b))", "(\(a) && \(b))", "[\(a), \(b)]", "{\(a): \(b)}",
                "\(a)[\(b)]", "size(\(a))", "\(a).map(v, v)", "\(a).filter(v, \(b))", "(\(a) ? \(b) : \(c))", "\(a).k",
                "string(\(a))", "(\(a) in \(b))", "\(a).or(\(b))", "\(a).orValue(\(b))", "\(a).?k", "-\(a)",
                "[\(a)].sort()", "math.greatest(\(a), \(b))", "\(a).optMap(v, v)", "\(a).transformMap(i, v, v)",
            ]
            return forms.randomElement(using: &random) ?? "1"
        }
        let environment = ExpressionEnvironment(variables: [.init("x", .int), .init("m", .map(.string, .list(.int)))])
        let variables: [Value] = [.int(3), .map(Value.Map([(.string("k"), .list([.int(1)]))]))]
        var passed = 0
        for _ in 0..<1_000 {
            let source = make(Int.random(in: 1...3, using: &random))
            guard let expression = accepted(source, environment) else { continue }
            passed += 1
            do throws(EvaluationError) {
                let value = try expression.evaluate(nil, variables: variables)
                #expect(
                    fits(ExpressionType(of: value), expression.resultType),
                    "seed \(seed): \(source) is \(value.display), not \(expression.resultType)")
            } catch {
                guard error.code == .noSuchOverload else { continue }
                #expect("\(expression.root.allTypes)".contains("dyn"), "seed \(seed): \(source): \(error)")
            }
        }
        #expect(passed > 25)
    }
}

/// `nil` for an expression that the check refuses.
private func accepted(_ source: String, _ environment: ExpressionEnvironment) -> Expression? {
    do {
        return try Expression(source, in: environment)
    } catch {
        return nil
    }
}

private func fits(_ type: ExpressionType, _ wanted: ExpressionType) -> Bool {
    var solver = TypeSolver()
    return solver.assign(type, to: wanted)
}

extension Node {
    /// Its type and those of everything below it.
    fileprivate var allTypes: [ExpressionType] { [type] + kind.children.flatMap(\.allTypes) }
}
