import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting
import Testing

/// What explanations name as deciding, by dialect and by operator.
@Suite struct ExplainDecisionTests {
    private static let paid = event(
        "com.acme.order.paid",
        #""subject":"eu/1","level":7,"data":{"total":200,"lines":[{"price":5},{"price":80}],"ssn":"078-05-1120"}"#)

    private func checks(
        _ route: (borrowing Harness.Compiler) throws -> Route
    ) throws -> (verdict: RouteExplanation.Verdict, checks: [RouteCheck]) {
        let routes = try Harness { [try route($0)] }.explain(Self.paid).routes
        return (routes[0].verdict, routes[0].checks)
    }

    @Test(arguments: [
        ("event.data.total > 1000", "event.data.total > 1000 is false", ["event.data.total = 200"]),
        (
            "event.subject == 'eu/1' && event.data.total > 1000", "event.data.total > 1000 is false",
            ["event.data.total = 200"]
        ),
        (
            "event.subject == 'us/1' || event.data.total > 1000",
            "event.subject == 'us/1' || event.data.total > 1000 is false",
            [#"event.subject = "eu/1""#, "event.data.total = 200"]
        ),
        ("event.subject in ['eu/1']", "event.subject in ['eu/1'] is true", [#"event.subject = "eu/1""#]),
        ("has(event.data.none)", "has(event.data.none) is false", []),
        (
            "size(event.data.lines) > 2", "size(event.data.lines) > 2 is false",
            ["size(event.data.lines) = 2", #"event.data.lines = [{"price": 5}, {"price": 80}]"#]
        ),
        (
            "event.data.lines.exists(l, l.price > 50)", "event.data.lines.exists(l, l.price > 50) is true",
            [#"event.data.lines[1] = {"price": 80}"#, #"event.data.lines = [{"price": 5}, {"price": 80}]"#]
        ),
        (
            "event.data.lines.all(l, l.price > 50)", "event.data.lines.all(l, l.price > 50) is false",
            [#"event.data.lines[0] = {"price": 5}"#, #"event.data.lines = [{"price": 5}, {"price": 80}]"#]
        ),
    ])
    func `names the part of a condition that decided and what it read`(
        source: String, part: String, operands: [String]
    ) throws {
        let checks = try checks {
            Route(name: "a", match: try $0.expression(source), targets: [handler(0)])
        }.checks
        let decision = try #require(checks.first?.decision)
        #expect("\(decision.expression) is \(decision.outcome)" == part)
        #expect(decision.operands.map { "\($0.expression) = \($0.value)" } == operands)
    }

    @Test func `names a CESQL filter's part as well`() throws {
        let checks = try checks { compiler in
            let query = try SQLExpression("level > 5 AND subject LIKE 'us/%'", plan: compiler.plan)
            return Route(name: "a", filters: [.cesql(query, key: "cesql")], targets: [handler(0)])
        }
        #expect(checks.verdict == .notMatched)
        #expect(checks.checks.map(\.place) == ["filters[0].cesql"])
        #expect(checks.checks[0].decision?.expression == "subject LIKE 'us/%'")
        #expect(checks.checks[0].decision?.operands.map(\.value) == [#""eu/1""#])
    }

    @Test(arguments: [
        (
            RouteFilter.exact([RouteAttribute("subject", "eu/2")]), "filters[0].exact.subject",
            RouteCheck.Outcome.doesNotHold
        ),
        (.suffix([RouteAttribute("subject", "/1")]), "filters[0].suffix.subject", .holds),
        (.not(.prefix([RouteAttribute("subject", "eu/")])), "filters[0].not.prefix.subject", .holds),
        (
            .all([.suffix([RouteAttribute("subject", "/1")]), .exact([RouteAttribute("level", "8")])]),
            "filters[0].all[1].exact.level", .doesNotHold
        ),
    ])
    func `names the attribute of a filter that decided`(
        filter: RouteFilter, place: String, outcome: RouteCheck.Outcome
    ) throws {
        let checks = try checks { _ in Route(name: "a", filters: [filter], targets: [handler(0)]) }.checks
        #expect(checks.map(\.place) == [place])
        #expect(checks.map(\.outcome) == [outcome])
    }

    @Test func `shows the rate limit's key and priority, and the choice by source and id without an order`() throws {
        let harness = try Harness { compiler in
            [
                Route(
                    name: "a", priority: 8, targets: [oneOf([0: 1, 1: 3])],
                    rateKey: try compiler.key("event.subject"))
            ]
        }
        let route = try harness.explain(Self.paid).routes[0]
        #expect(route.priority == 8)
        #expect(route.rateKey?.value == #""eu/1""#)
        #expect(route.targets[0].chosenBy == nil)
        #expect(route.targets[0].text.hasSuffix("(one of h0 1/4, h1 3/4, by source and id)"))
        #expect(route.targets.map(\.lane) == (try harness.route(Self.paid)).map { Int($0.lane) })
    }

    @Test func `says what a final route stopped would have done`() throws {
        let harness = try Harness { _ in
            [
                Route(name: "first", targets: [handler(0)], isFinal: true),
                Route(name: "same", order: 1, targets: [handler(1)]),
                Route(name: "other", order: 2, type: try TypePattern("com.other"), targets: [handler(2)]),
            ]
        }
        let routes = try harness.explain(Self.paid).routes
        #expect(routes.map(\.wouldMatch) == [nil, true, false])
        #expect(routes[1].verdict == .notTried(after: "first") && routes[1].targets.isEmpty)
    }

    @Test func `cuts long values`() throws {
        let long = event("x", #""subject":"\#(String(repeating: "a", count: 5_000))""#)
        let harness = try Harness { _ in
            [Route(name: "a", filters: [.exact([RouteAttribute("subject", "b")])], targets: [handler(0)])]
        }
        let actual = try #require(try harness.explain(long).routes[0].checks[0].actual)
        #expect(actual.count < 300 && actual.hasSuffix("…"))
    }
}
