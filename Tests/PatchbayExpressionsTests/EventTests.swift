import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct EventTests {
    private let order: [String: EventFields.Field] = [
        "type": .text("com.shop.order.created"), "time": .text("2026-01-31T12:30:00Z"), "data.amount": .int(1500),
        "data.rate": .double(0.5), "data.vip": .bool(true), "data.note": .null, "data.big": .uint(.max),
        "data.items": .json(#"[{"sku": "a", "count": 1}, {"sku": "b", "count": 3}]"#),
        "data.customer": .json(#"{"name": "Zoë", "tags": ["x"]}"#), "data.customer.name": .text("Zoë"),
        "data.empty": .text(""),
    ]

    @Test(arguments: [
        ("event.type == 'com.shop.order.created' && event.data.amount > 1000", Match.yes),
        ("event.type == 'other' && event.data.missing > 1000", .no), ("event.data.amount > 1500.5", .no),
        ("1000 < event.data.amount", .yes), ("event.data.amount != 1500u", .no), ("event.data.big > 0", .yes),
        ("event.data.big == 18446744073709551615u", .yes), ("event.data.vip", .yes), ("!event.data.vip", .no),
        ("event.data.vip == true", .yes), ("event.data.note == null", .yes), ("event.data.amount == null", .no),
        ("event.type.startsWith('com.')", .yes), ("event.type.endsWith('.created')", .yes),
        ("event.type.contains('order')", .yes), ("event.type.contains('ordered')", .no),
        ("event.type.startsWith('')", .yes),
        ("event.data.empty == ''", .yes), ("event.data.empty.endsWith('x')", .no),
        ("event.data.empty in ['', 'y']", .yes),
        ("event.type.matches('order[.](created|paid)$')", .yes),
        ("event.type in ['a', 'com.shop.order.created']", .yes),
        ("event.data.amount in [1, 1500.0]", .yes), ("event.type < 'com.shop.z'", .yes), ("event.type >= 'd'", .no),
        ("has(event.data.amount) && !has(event.data.missing)", .yes), ("has(event.data.a.b.c)", .no),
        ("event.data.missing == 1", .error(.noSuchKey)), ("event.data.missing == 1 || event.data.vip", .yes),
        ("event.data.missing == 1 && event.data.amount < 0", .no), ("!(event.data.missing == 1)", .error(.noSuchKey)),
        ("event.data.amount > 'x'", .error(.noSuchOverload)), ("event.data.amount == 'x'", .no),
        ("event.data.amount != 'x'", .yes), ("event.data.amount", .error(.noSuchOverload)),
        ("event.data.amount.startsWith('1')", .error(.noSuchOverload)), ("event.data['amount'] == 1500", .yes),
        // What the program has no instruction for.
        ("event.data.amount * 2 > 2999", .yes), ("event.data.amount * 0.5 == 750.0", .yes),
        ("event.data.rate + 1 == 1.5", .yes), ("event.data.items.exists(i, i.sku == 'b' && i.count * 1.5 > 4.0)", .yes),
        ("event.data.items[0].sku == 'a'", .yes), ("event.data.customer.name == 'Zoë'", .yes),
        ("event.data.customer.tags[0] == 'x'", .error(.noSuchKey)),  // The slot below an object is filled by decoders.
        ("event.data.customer == {'name': 'Zoë', 'tags': ['x']}", .yes),
        ("event.?subject.orValue('none') == 'none'", .yes),
        ("timestamp(event.time).getHours() == 12", .yes), ("size(event.data.items) == 2", .yes),
        ("event.data.items == 3", .no), ("event.type == event.data.customer.name", .no),
    ])
    func `matches`(source: String, expected: Match) throws {
        #expect(try match(source, order) == expected, "\(source)")
    }

    @Test func `common conditions are tested in place`() throws {
        let plan = FieldPlan()
        for source in [
            "event.type == 'a' && event.data.amount > 1000", "!has(event.data.x) || event.data.y.startsWith('z')",
            "event.type in ['a', 'b'] || event.type.matches('^c')", "event.data.n in [1, 2] && event.data.ok",
        ] {
            let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: plan))
            #expect(expression.generalStepCount == 0, "\(source)")
        }
    }

    @Test(arguments: [
        ("event.type == 'a' || event.data.x", "bool"), ("event.subject", "string"), ("event.datacontenttype", "string"),
        ("event.data.items.exists(i, i == 1)", "bool"), ("[event.data]", "list(dyn)"), ("1.5", "double"),
        ("event.data.x ? 'a' : event.type", "string"), ("event.data", "dyn"), ("event.data.x + 1", "dyn"),
        ("event.tenant", "dyn"),
    ])
    func `tells the type of its values where operators and attributes fix it`(source: String, type: String) throws {
        let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: FieldPlan()))
        #expect(expression.resultType.description == type)
    }

    @Test func `one path is one slot, whichever way it is written`() throws {
        let plan = FieldPlan()
        _ = try Expression("event.data.a.b == 1 && event.data['a'].b == 2", in: ExpressionEnvironment(eventPlan: plan))
        #expect(plan.count == 1)
    }

    @Test func `a variable named event hides the event`() throws {
        let environment = ExpressionEnvironment(eventPlan: FieldPlan(), variables: ["event"])
        let expression = try Expression("event.x", in: environment)
        let map = Value.map(Value.Map([(.string("x"), .int(3))]))
        #expect(try expression.evaluate(nil, variables: [map]) == .int(3))
    }

    @Test func `a breaker's variables are read by index`() throws {
        let names = ["consecutiveFailures", "requests", "failureRatio"]
        let environment = ExpressionEnvironment(variables: names)
        let expression = try Expression(
            "consecutiveFailures > 5 || (requests >= 20 && failureRatio >= 0.5)", in: environment)
        #expect(expression.generalStepCount == 0)
        #expect(expression.matches(nil, variables: [.int(6), .int(0), .double(0)]) == .yes)
        #expect(expression.matches(nil, variables: [.int(0), .int(20), .double(0.5)]) == .yes)
        #expect(expression.matches(nil, variables: [.int(5), .int(19), .double(1)]) == .no)
        #expect(expression.matches(nil, variables: [.int(5), .int(20), .string("x")]) == .error(.noSuchOverload))
    }

    /// A condition's two implementations, in place and in general, must agree on everything.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `testing in place agrees with evaluating in general`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let literals = [
            "0", "-1", "5", "5u", "5.0", "5.5", "9223372036854775807", "18446744073709551615u", "9223372036854775808.0",
            "'a'", "''", "'ab'", "true", "false", "null", "0.0 / 0.0",
        ]
        let fields: [EventFields.Field?] = [
            nil, .null, .bool(true), .bool(false), .int(5), .int(-1), .int(.max), .uint(.max), .double(5.5), .double(5),
            .double(.nan), .text("a"), .text(""), .text("abc"), .json("[5]"), .json("{}"),
        ]
        func test(_ depth: Int) -> String {
            let slot = "event.data.f\(Int.random(in: 0..<4, using: &random))"
            let literal = literals[Int.random(in: 0..<literals.count, using: &random)]
            let relation = ["==", "!=", "<", "<=", ">", ">="][Int.random(in: 0..<6, using: &random)]
            switch Int.random(in: 0..<(depth > 0 ? 12 : 9), using: &random) {
            case 0...2: return "\(slot) \(relation) \(literal)"
            case 3: return "\(literal) \(relation) \(slot)"
            case 4: return "\(slot).\(["startsWith", "endsWith", "contains"].randomElement(using: &random) ?? "")('a')"
            case 5: return "has(\(slot))"
            case 6: return slot
            case 7: return "\(slot) in [\(literal), 'a', 5]"
            case 8: return "\(slot).matches('^a')"
            case 9: return "!(\(test(depth - 1)))"
            case 10: return "(\(test(depth - 1)) && \(test(depth - 1)) && \(test(0)))"
            default: return "(\(test(depth - 1)) || \(test(depth - 1)))"
            }
        }
        for _ in 0..<500 {
            let source = test(3)
            let plan = FieldPlan()
            let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: plan))
            var values: [String: EventFields.Field] = [:]
            for index in 0..<4 { values["data.f\(index)"] = fields[Int.random(in: 0..<fields.count, using: &random)] }
            let event = EventFields(plan, values)
            let general: Match
            do throws(EvaluationError) {
                let value = try expression.evaluate(event.slots)
                general = value == .bool(true) ? .yes : value == .bool(false) ? .no : .error(.noSuchOverload)
            } catch {
                general = .error(error.code)
            }
            #expect(expression.matches(event.slots) == general, "seed \(seed): \(source) with \(values)")
        }
    }
}
