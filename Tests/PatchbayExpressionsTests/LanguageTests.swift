import PatchbayEvents
import PatchbayExpressions
import Testing

/// The language on constants: vectors of our own beside the independent suite.
@Suite struct LanguageTests {
    @Test(arguments: [
        // Operators and precedence.
        ("1 + 2 * 3 - 4 / 2", Value.int(5)), ("-7 / 2", .int(-3)), ("-7 % 3", .int(-1)), ("7u - 2u", .uint(5)),
        ("1.5 + 2.25", .double(3.75)), ("'a' + 'b'", .string("ab")), ("b'a' + b'b'", .bytes([97, 98])),
        ("[1] + [2]", .list([.int(1), .int(2)])), ("true ? 1 : 2", .int(1)), ("!(1 < 2) || 3 >= 3", .bool(true)),
        ("2 in [1, 2]", .bool(true)), ("'k' in {'k': 1}", .bool(true)), ("1 == 1.0", .bool(true)),
        ("0.0 / 0.0 == 0.0 / 0.0", .bool(false)), ("'é' == 'e\u{301}'", .bool(false)),
        ("[1, 'a'] == [1u, 'a']", .bool(true)),
        // Literals.
        (#""\x41\u00e9\U0001F600\101""#, .string("Aé😀A")), (#"r"\n""#, .string(#"\n"#)),
        ("'''a\nb'''", .string("a\nb")),
        (#"b"\xff\377""#, .bytes([255, 255])), ("0xFFu", .uint(255)), ("-0x10", .int(-16)), (".5e1", .double(5)),
        ("1 // one\n + 2", .int(3)),
        // Errors do not matter where the other operand decides.
        ("1 / 0 == 1 || true", .bool(true)), ("false && 1 / 0 == 1", .bool(false)), ("dyn('x') || true", .bool(true)),
        // Macros.
        ("[1, 2, 3].filter(x, x > 1).map(y, y * y)", .list([.int(4), .int(9)])),
        ("{'a': 1, 'b': 2}.exists(k, k == 'b')", .bool(true)), ("[1, 2].exists_one(x, x == 2)", .bool(true)),
        ("[5, 6].transformList(i, v, i > 0, v)", .list([.int(6)])), ("has({'a': 1}.a)", .bool(true)),
        ("[[1, 2], [3]].map(l, l.map(x, x + 1)) == [[2, 3], [4]]", .bool(true)),
        ("cel.bind(x, 'ab', x + x)", .string("abab")),
        // Conversions and text.
        ("string(1e21) + string(0.1) + string(100.0)", .string("1e+210.1100")), ("int('-42')", .int(-42)),
        ("size('héllo') + size([1]) + size({})", .int(6)), ("'banana'.matches('^b(an)+a$')", .bool(true)),
        ("'%s %d %.2f %x'.format(['a', 3, 2.5, 255])", .string("a 3 2.50 ff")),
        ("'a,b,c'.split(',', 2)", .list([.string("a"), .string("b,c")])), ("'äöü'.substring(1, 2)", .string("ö")),
        ("'aXbX'.replace('X', 'yy')", .string("ayybyy")), ("['a', 'b'].join('-')", .string("a-b")),
        ("base64.encode(b'hi')", .string("aGk=")), ("math.greatest(1, 2.5, 2u)", .double(2.5)),
        // Optionals.
        ("{'a': {'b': 1}}.?a.b.orValue(0) + {}.?x.orValue(5)", .int(6)), ("[?optional.none(), 1]", .list([.int(1)])),
        // Lists and sets.
        ("[3, 1, 2].sort() == [1, 2, 3] && ['b', 'a'].sort() == ['a', 'b']", .bool(true)),
        ("['ccc', 'a', 'bb'].sortBy(s, -size(s))[0]", .string("ccc")),
        ("[dyn(1), 1u, 'a', 1.0, 'a', [1], [1.0]].distinct() == [dyn(1), 'a', [1]]", .bool(true)),
        ("[1, 2, 3, 4].slice(1, 3) == [2, 3] && [1].slice(1, 1) == []", .bool(true)),
        ("[[1, [2]], [3]].flatten() == [1, [2], 3]", .bool(true)),
        ("[dyn(1), [2, [3, [4]]]].flatten(2) == [dyn(1), 2, 3, [4]]", .bool(true)),
        ("lists.range(3) == [0, 1, 2] && lists.range(0) == [] && lists.range(-1) == []", .bool(true)),
        ("[1, 2].reverse() == [2, 1] && 'ab'.reverse() == 'ba'", .bool(true)),
        ("sets.contains([1, 2, 3], [3, 1]) && !sets.contains([1], [1, 2])", .bool(true)),
        ("sets.equivalent([1, 2, 2], [2, 1]) && !sets.equivalent([1], [1, 2])", .bool(true)),
        ("sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], []) && sets.contains([1], [])", .bool(true)),
        // Regular expressions.
        (#"regex.replace('hello world', '(h)ello', r'\1i')"#, .string("hi world")),
        (#"regex.replace('banana', 'a', 'x', 2)"#, .string("bxnxna")),
        (#"regex.replace('ab', '', '-')"#, .string("-a-b-")),
        (#"regex.replace('äbä', 'b?', '.')"#, .string(".ä.ä.")),
        (#"regex.replace('ab', 'b', r'\\\0')"#, .string(#"a\b"#)),
        ("regex.replace('foo', 'o', 'x', 0)", .string("foo")),
        (#"regex.extract('id=42;', 'id=(\\d+)').value()"#, .string("42")),
        (#"regex.extract('id=42;', r'\d+') == optional.of('42')"#, .bool(true)),
        ("regex.extract('x', '(y)|x') == optional.none() && regex.extract('', 'z') == optional.none()", .bool(true)),
        (#"regex.extractAll('id:1, id:22', r'id:(\d+)') == ['1', '22']"#, .bool(true)),
        // Addresses.
        ("cidr('10.0.0.0/8').containsIP('10.1.2.3') && isIP('::1') && !isIP('1.2.3')", .bool(true)),
        ("string(ip('2001:0db8:0:0:1:0:0:1'))", .string("2001:db8::1:0:0:1")),
        ("string(cidr('10.1.2.3/8').masked()) + ' ' + string(cidr('10.1.2.3/8').ip())", .string("10.0.0.0/8 10.1.2.3")),
    ])
    func `evaluates`(source: String, expected: Value) throws {
        let found = try value(source)
        #expect(found == expected && found.typeName == expected.typeName, "\(source) is \(found.display)")
    }

    @Test(arguments: [
        ("1 / 0", EvaluationError.Code.divideByZero), ("9223372036854775807 + 1", .overflow), ("0u - 1u", .overflow),
        ("-(-9223372036854775807 - 1)", .overflow), ("1 + 1.0", .noSuchOverload), ("'a' < 1", .noSuchOverload),
        ("{'a': 1}.b", .noSuchKey), ("[1][1]", .indexOutOfRange), ("int('x')", .invalidArgument),
        ("{'a': 1, 'a': 2}", .duplicateKey), ("{1.5: 1}", .noSuchOverload),
        ("timestamp('2026-02-30T00:00:00Z')", .invalidArgument), ("duration('1 hour')", .invalidArgument),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s')", .overflow),
        ("optional.none().value()", .invalidArgument),
        ("true && 'x'", .noSuchOverload), ("[1, 2].map(x, x / 0)", .divideByZero), ("1 in 2", .noSuchOverload),
        ("'%d'.format(['x'])", .invalidArgument), ("'a'.charAt(2)", .indexOutOfRange),
        ("[1, 'a'].sort()", .noSuchOverload), ("[0.0 / 0.0, 1.0].sort()", .invalidArgument),
        ("[1].slice(0, 2)", .indexOutOfRange), ("[1].slice(1, 0)", .indexOutOfRange),
        ("[1].flatten(-1)", .invalidArgument),
        (#"regex.replace('a', 'a', r'\1')"#, .invalidArgument), (#"regex.replace('a', 'a', r'\x')"#, .invalidArgument),
        ("regex.extract('a', '(a)(b)?')", .invalidPattern), ("regex.extract('a', '(')", .invalidPattern),
        ("ip('1.2.3.256')", .invalidArgument), ("cidr('10.0.0.0/33')", .invalidArgument),
        ("similar('a', 'b', 'soundex')", .invalidArgument),
    ])
    func `fails with a code and a place`(source: String, code: EvaluationError.Code) throws {
        var environment = ExpressionEnvironment()
        environment.isChecked = false
        let expression = try Expression(source, in: environment)
        let error = #expect(throws: EvaluationError.self) { try expression.evaluate(nil) }
        #expect(error?.code == code, "\(source): \(error?.description ?? "")")
        #expect(error?.position != nil)
        #expect(error?.message.isEmpty == false)
    }

    @Test func `a pattern known only when evaluating may fail then`() throws {
        let expression = try Expression("'a'.matches(p)", in: ExpressionEnvironment(variables: ["p"]))
        #expect(try expression.evaluate(nil, variables: [.string("^a$")]) == .bool(true))
        #expect(expression.matches(nil, variables: [.string("(")]) == .error(.invalidPattern))
    }

    @Test func `numbers of all three types are ordered by value`() throws {
        let ascending = [
            "-9223372036854775808", "-1.5", "-1", "0u", "0.5", "1u", "9223372036854775807", "18446744073709551615u",
            "1e300",
        ]
        for (i, a) in ascending.enumerated() {
            for (j, b) in ascending.enumerated() {
                #expect(try value("\(a) < \(b)") == .bool(i < j), "\(a) < \(b)")
                #expect(try value("\(a) >= \(b)") == .bool(i >= j), "\(a) >= \(b)")
                #expect(try value("\(a) == \(b)") == .bool(i == j), "\(a) == \(b)")
            }
        }
    }

    @Test func `doubles become the shortest text that gives them back`() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            #expect(Double(number.celText) == number, "\(number)")
        }
        #expect(0.00001.celText == "1e-05")
        #expect(0.0001.celText == "0.0001")
        #expect(123456789.125.celText == "123456789.125")
        #expect((-0.0).celText == "-0")
        #expect(1e20.celText == "100000000000000000000")
    }

    @Test func `names resolve through the container and local variables come first`() throws {
        var environment = ExpressionEnvironment(variables: ["a.b", "c.a.b", "x"])
        environment.container = "c.d"
        let variables: [Value] = [.int(1), .int(2), .int(3)]
        func evaluate(_ source: String) throws -> Value {
            try Expression(source, in: environment).evaluate(nil, variables: variables)
        }
        #expect(try evaluate("a.b") == .int(2))
        #expect(try evaluate(".a.b") == .int(1))
        #expect(try evaluate("[7].map(x, x)[0] + x") == .int(10))
    }
}
