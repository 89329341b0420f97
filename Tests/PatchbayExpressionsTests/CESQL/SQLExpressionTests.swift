import PatchbayEvents
import PatchbayExpressions
import Testing

/// The value of a CESQL expression for an event with these attributes, and the class of its error.
private func sql(_ source: String, _ values: [String: EventFields.Field] = [:]) throws -> (Value, String?) {
    let plan = FieldPlan()
    let expression = try SQLExpression(source, plan: plan, checksFunctions: false)
    let event = EventFields(plan, values)
    let result = withExtendedLifetime(event) { expression.evaluate(event.slots) }
    return (result.value, result.error?.kind.rawValue)
}

@Suite struct SQLExpressionTests {
    private static let event: [String: EventFields.Field] = [
        "id": .text("7"), "type": .text("com.acme.order"), "source": .text("/shop"), "subject": .text("eu/é1"),
        "count": .int(12), "large": .int(5_000_000_000), "vip": .bool(true), "hop": .text("5"), "nothing": .null,
    ]

    @Test(arguments: [
        ("NOT true OR TRUE", Value.bool(true)), ("not (FALSE) and 2 > 1", .bool(true)),
        ("1 + 2 * 3 - -4", .int(11)), ("7 - 2-1", .int(4)), ("-7 / 2", .int(-3)), ("-7 % 2", .int(-1)),
        ("7 % -2", .int(1)), ("- 2147483647", .int(-2_147_483_647)), ("-2147483648", .int(-2_147_483_648)),
        ("+5", .int(5)), ("-2147483648 % -1", .int(0)),
        // AND, OR and XOR are of one strength, from left to right.
        ("TRUE OR TRUE AND FALSE", .bool(false)), ("TRUE XOR TRUE OR TRUE", .bool(true)),
        // NOT and - are stronger than LIKE, IN and comparisons.
        ("NOT vip = FALSE", .bool(true)), ("-1 IN (1, -1)", .bool(true)), ("NOT vip IN (FALSE)", .bool(true)),
        ("1 + 1 IN (2)", .int(1)),
        // Casts go by the right operand; IN by the left one.
        ("hop = 5", .bool(true)), ("5 = hop", .bool(true)), ("hop < 6 AND hop >= '5'", .bool(true)),
        ("vip = 'true'", .bool(true)), ("vip = 'TRUE'", .bool(false)), ("'TRUE' = vip", .bool(true)),
        ("'x' != 'X'", .bool(true)), ("count + vip", .int(13)), ("hop IN ('4', 5)", .bool(true)),
        ("count NOT IN ('1', '012')", .bool(false)), ("BOOL(count)", .bool(true)), ("STRING(-0)", .string("0")),
        ("INT('+08')", .int(8)), ("large", .string("5000000000")), ("specversion", .string("1.0")),
        ("EXISTS vip AND EXISTS ID AND NOT EXISTS nothing", .bool(true)), ("Count", .int(12)),
        (#"'it\'s' LIKE "it's""#, .bool(true)), (#"'\n'"#, .string(#"\n"#)), (#""a\"b""#, .string("a\"b")),
        ("subject LIKE 'eu/__'", .bool(true)), ("subject LIKE 'eu/_'", .bool(false)),
        ("subject LIKE '%é%'", .bool(true)), ("count LIKE '1_'", .bool(true)), ("'' LIKE '%'", .bool(true)),
        ("'a' LIKE ''", .bool(false)), (#"'a\%b' LIKE 'a\\%b'"#, .bool(true)), ("'aab' LIKE 'a%ab'", .bool(true)),
        ("'ab' LIKE 'ab%b'", .bool(false)), ("'a\nb' LIKE 'a%b' AND 'a\nb' LIKE 'a_b'", .bool(true)),
        ("'a.c' LIKE 'a._' OR '(x)' NOT LIKE '(_'", .bool(true)),
        ("LENGTH(subject)", .int(5)), ("UPPER(subject)", .string("EU/É1")), ("lower('ÀB')", .string("àb")),
        ("CONCAT()", .string("")), ("CONCAT(id, 1, TRUE)", .string("71true")), ("CONCAT_WS('-')", .string("")),
        ("CONCAT_WS(', ', 'a', '', 'b')", .string("a, , b")), ("TRIM('\u{A0}\t a b \u{2003}')", .string("a b")),
        ("LEFT(subject, 4)", .string("eu/é")), ("RIGHT(subject, 2)", .string("é1")), ("LEFT('ab', 0)", .string("")),
        ("SUBSTRING(subject, 4, 1)", .string("é")), ("SUBSTRING('abc', 3, 99)", .string("c")),
        ("SUBSTRING(UPPER('abc'), -2)", .string("BC")), ("SUBSTRING('', 0)", .string("")),
        ("ABS(-3)", .int(3)), ("FALSE AND missing", .bool(false)), ("TRUE OR 1 / 0 = 1", .bool(true)),
    ])
    func `evaluates`(source: String, wanted: Value) throws {
        let (value, error) = try sql(source, Self.event)
        #expect(error == nil)
        #expect(value.typeName == wanted.typeName && value == wanted, "\(value.display)")
    }

    @Test(arguments: [
        ("missing", Value.bool(false), "missingAttribute"), ("missing * 5", .int(0), "missingAttribute"),
        ("UPPER(missing)", .string(""), "missingAttribute"), ("nothing = ''", .bool(false), "missingAttribute"),
        ("NOT missing", .bool(false), "missingAttribute"), ("missing NOT LIKE 'a'", .bool(false), "missingAttribute"),
        ("'a' NOT IN (missing)", .bool(false), "missingAttribute"),
        ("missing OR TRUE", .bool(false), "missingAttribute"),
        ("1 / 0", .int(0), "math"), ("1 % 0", .int(0), "math"), ("2147483647 + 1", .int(0), "math"),
        ("-2147483648 - 1", .int(0), "math"), ("65536 * 65536", .int(0), "math"), ("-2147483648 / -1", .int(0), "math"),
        ("-(-2147483648)", .int(0), "math"), ("ABS(-2147483648)", .int(2_147_483_647), "math"),
        ("'abc' = 1", .bool(false), "cast"), ("'abc' != 1", .bool(false), "cast"),
        ("'a' AND TRUE", .bool(false), "cast"),
        ("large + 1", .int(0), "cast"), ("INT(' 1')", .int(0), "cast"), ("INT('')", .int(0), "cast"),
        ("INT('-')", .int(0), "cast"), ("INT('2147483648')", .int(0), "cast"), ("BOOL('yes')", .bool(false), "cast"),
        ("1 IN ('x', 1)", .bool(false), "cast"), ("LEFT('abc', -1)", .string("abc"), "functionEvaluation"),
        ("SUBSTRING('abc', 1, -1)", .string(""), "functionEvaluation"),
        ("SUBSTRING('abc', 4)", .string(""), "functionEvaluation"), ("NOWHERE(1)", .bool(false), "missingFunction"),
        ("LENGTH()", .bool(false), "missingFunction"),
    ])
    func `gives an error of its class and the zero value around it`(
        source: String, wanted: Value, error: String
    ) throws {
        let (value, found) = try sql(source, Self.event)
        #expect(found == error)
        #expect(value.typeName == wanted.typeName && value == wanted, "\(value.display)")
    }

    @Test(arguments: [
        ("", 1, 1, "a value"), ("ABC(", 1, 5, "a value"), ("a = ", 1, 5, "a value"), ("a ==  b", 1, 3, "="),
        ("'abc", 1, 1, "'"), ("a LIKE b", 1, 8, "a text in quotes, the pattern"), ("a IN ()", 1, 7, "a value"),
        ("a NOT = b", 1, 7, "LIKE or IN"), ("EXISTS 'a'", 1, 8, "an attribute's name"), ("(a", 1, 3, "`)`"),
        ("a\n  b", 2, 3, "an operator or the expression's end"), ("2147483648", 1, 1, "-2147483648 to 2147483647"),
        ("+ 5", 1, 3, "an integer behind `+`"), ("'a''b'", 1, 4, "an operator or the expression's end"),
        ("é = 1", 1, 1, "names"), ("a && b", 1, 3, "AND"), ("a || b", 1, 3, "OR"), ("UPER(a)", 1, 1, "LENGTH"),
        ("a = LEFT(b)", 1, 5, "LEFT(text, count)"),
        ("data = 'x'", 1, 1, "a condition in CEL for what is inside data"),
        ("a_b = 1", 1, 1, "an attribute, as type, source, subject or an extension"), ("and = 1", 1, 1, "a value"),
        ("event.type = 'a'", 1, 6, "context attributes, which have no fields; `match` and the filter `cel` read data"),
        ("a = ~1", 1, 5, "names"),
    ])
    func `names place and alternatives of a mistake`(source: String, line: Int, column: Int, accepted: String) throws {
        let error = try #require(throws: ExpressionError.self) { try SQLExpression(source, plan: FieldPlan()) }
        #expect(error.line == line && error.column == column, "\(error)")
        #expect(error.accepted.contains(accepted), "\(error)")
        #expect(!error.message.contains("unexpected the end"))
    }

    @Test func `reads only the attributes that it names, and none that every event has`() throws {
        let plan = FieldPlan()
        _ = try SQLExpression("EXISTS id AND specversion = '1.0' AND subject LIKE 'a%' OR subject = tenant", plan: plan)
        #expect(plan.count == 2)
        #expect(plan.slot(of: ["subject"]) < 2 && plan.slot(of: ["tenant"]) < 2)
    }

    @Test func `matches only what is true without an error`() throws {
        func match(_ source: String) throws -> Match {
            let plan = FieldPlan()
            let expression = try SQLExpression(source, plan: plan)
            let event = EventFields(plan, Self.event)
            return withExtendedLifetime(event) { expression.matches(event.slots) }
        }
        #expect(try match("type LIKE 'com.%'") == .yes)
        #expect(try match("type LIKE 'org.%'") == .no)
        #expect(try match("missing LIKE 'org.%'") == .error(.noSuchKey))
        #expect(try match("count") == .error(.noSuchOverload))
    }

    @Test(arguments: [
        ("type LIKE 'com.%' AND (hop > 3 AND count < 5)", "count < 5 is false: count = 12"),
        ("vip = FALSE OR count < 5", "vip = FALSE OR count < 5 is false: vip = true, count = 12"),
        ("NOT (vip AND count < 50)", "(vip AND count < 50) is true: vip = true, count = 12"),
        (
            "count > 1 AND tenant = 'a'",
            "tenant = 'a' is an error (the event has no attribute `tenant`): tenant = absent"
        ),
        ("type LIKE 'org.%'", #"type LIKE 'org.%' is false: type = "com.acme.order""#),
    ])
    func `names the smallest part that decided`(source: String, wanted: String) throws {
        let plan = FieldPlan()
        let expression = try SQLExpression(source, plan: plan)
        let event = EventFields(plan, Self.event)
        #expect(withExtendedLifetime(event) { expression.explain(event.slots).description } == wanted)
    }
}
