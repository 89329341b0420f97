import PatchbayEvents
import PatchbayRouting
import Testing

@Suite struct ExplainTests {
    private func harness() throws -> Harness {
        try Harness { compiler in
            [
                Route(
                    name: "refunds", type: try TypePattern("com.acme.refund.*"), targets: [handler(0)]),
                Route(
                    name: "us", order: 1, filters: [.any([.prefix([RouteAttribute("subject", "us/")])])],
                    targets: [handler(1)]),
                Route(
                    name: "big", order: 2, match: try compiler.expression("event.data.total > 1000"),
                    targets: [handler(2)]),
                Route(
                    name: "gold", order: 3, match: try compiler.expression("event.data.customer.gold"),
                    targets: [handler(3)]),
                Route(
                    name: "orders", order: 4, type: try TypePattern("com.acme.order.*"),
                    filters: [.prefix([RouteAttribute("subject", "eu/")])],
                    targets: [handler(4), oneOf([5: 95, 6: 5])], isFinal: true,
                    orderingKey: try compiler.key("event.partitionkey")),
                Route(name: "rest", order: 5, targets: [handler(7)]),
            ]
        }
    }

    private let paid = event(
        "com.acme.order.paid", #""subject":"eu/1","partitionkey":"c-7","data":{"total":200}"#)

    @Test func `says for every route what decided`() throws {
        let routes = try harness().explain(paid).routes
        #expect(
            routes[0].checks.map(\.text) == [
                "type 'com.acme.refund.*': does not hold, the event has 'com.acme.order.paid'"
            ])
        #expect(
            routes[1].checks.map(\.text) == [
                "filters[0].any[0].prefix.subject 'us/': does not hold, the event has 'eu/1'"
            ])
        #expect(routes[2].checks.map(\.place) == ["match"])
        #expect(
            routes[2].checks.map(\.text) == ["match event.data.total > 1000: does not hold: event.data.total = 200"])
        #expect(routes[2].checks[0].expected == "event.data.total > 1000")
        #expect(routes[4].checks.map(\.place) == ["type", "filters[0].prefix.subject"])
        #expect(routes[4].orderingKey?.expression == "event.partitionkey")
        #expect(routes[4].orderingKey?.value == #""c-7""#)
        #expect(routes[4].isFinal)
    }

    @Test func `names the receivers that the matcher chooses`() throws {
        let harness = try harness()
        let explanation = try harness.explain(paid)
        #expect(explanation.routes[4].targets.map(\.lane) == (try harness.route(paid)).map { Int($0.lane) })
        #expect(explanation.routes[4].targets[1].choices.map(\.handler) == ["h5", "h6"])
        #expect(explanation.routes[4].targets[1].choices.map(\.weight) == [95, 5])
        #expect(explanation.deliveryCount == 2)
    }

    @Test func `marks what a handler has already`() throws {
        let harness = try Harness { _ in
            [Route(name: "a", targets: [handler(0)]), Route(name: "b", targets: [handler(0)])]
        }
        let routes = try harness.explain(event("x")).routes
        #expect(routes.map { $0.targets[0].isDuplicate } == [false, true])
        #expect(routes[1].targets[0].givenBy == "a")
    }

    @Test func `reads as text`() throws {
        let text = try harness().explain(paid).text
        #expect(text.hasPrefix("com.acme.order.paid: 1 of 6 routes, 2 deliveries\n- refunds: does not match\n"))
        for line in [
            "    type 'com.acme.refund.*': does not hold, the event has 'com.acme.order.paid'",
            "    filters[0].any[0].prefix.subject 'us/': does not hold, the event has 'eu/1'",
            "! gold: does not match, because it could not be evaluated",
            "+ orders: matches, final: the search stops here", #"    ordering key event.partitionkey: "c-7""#,
            "    → h4", "    → h5 (one of h5 95/100, h6 5/100, by the ordering key \"c-7\")",
            "  rest: not tried, 'orders' is final; it would match",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(text)")
        }
    }

    @Test func `reads as JSON`() throws {
        let value = try harness().explain(paid).value
        guard case .map(let map) = value, case .list(let routes) = map["routes"], case .map(let us) = routes[1],
            case .list(let checks) = us["checks"], case .map(let check) = checks[0]
        else {
            Issue.record("not the shape that was promised: \(value)")
            return
        }
        #expect(map["deliveries"] == .int(2))
        #expect(us["verdict"] == .string("notMatched"))
        #expect(check["actual"] == .string("eu/1"))
        #expect(check["place"] == .string("filters[0].any[0].prefix.subject"))
    }
}
