import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting
import Testing

/// Choices whose entries have conditions.
@Suite struct ChoiceTests {
    private static func choice(_ index: UInt16, weight: UInt32 = 1, _ match: Expression? = nil) -> RouteChoice {
        RouteChoice(RouteHandler(name: "h\(index)", handler: index, lane: index), weight: weight, match: match)
    }

    /// A route to whom `data.to` names, then to h8 and h9 by weight where `hasRest`; and one for all events behind it.
    private func harness(hasRest: Bool = true, isFinal: Bool = false) throws -> Harness {
        try Harness { compiler in
            let entries = [
                Self.choice(0, try compiler.expression("event.data.to == 'h0'")),
                Self.choice(1, try compiler.expression("event.data.size > 3")),
            ]
            let shares: [(UInt16, UInt32)] = [(8, 90), (7, 0), (9, 10)]
            let rest = hasRest ? shares.map { Self.choice($0, weight: $1) } : []
            return [
                Route(name: "agents", targets: [.oneOf(entries + rest)], isFinal: isFinal),
                Route(name: "all", order: 1, targets: [handler(5)]),
            ]
        }
    }

    private func lanes(_ harness: Harness, _ data: String, id: String = "1") throws -> [String] {
        try harness.summary(event("a", id: id, #""data":\#(data)"#))
    }

    @Test func `the first entry whose condition holds gets the event`() throws {
        let harness = try harness()
        #expect(try lanes(harness, #"{"to":"h0","size":9}"#) == ["agents→0", "all→5"])
        #expect(try lanes(harness, #"{"to":"h1","size":9}"#) == ["agents→1", "all→5"])
    }

    @Test func `entries without a condition share the rest by weight`() throws {
        let harness = try harness()
        var counts: [String: Int] = [:]
        for index in 0..<2_000 {
            counts[try lanes(harness, #"{"to":"x","size":0}"#, id: "\(index)")[0], default: 0] += 1
        }
        #expect(Set(counts.keys) == ["agents→8", "agents→9"])
        #expect((1_740...1_860).contains(counts["agents→8"] ?? 0))
    }

    @Test func `what has no value does not hold, the next entry is asked, and the route says so`() throws {
        let harness = try harness()
        #expect(try lanes(harness, #"{"size":9}"#) == ["agents→1", "all→5"])
        let counters = harness.matcher.counters(ofRoute: 0)
        #expect(counters.errors == 1 && counters.matched == 1)
        let error = try #require(harness.matcher.lastError(ofRoute: 0))
        #expect(error.hasPrefix("to[0].oneOf[0].match: ") && error.contains("event.data.to = absent"), "\(error)")
    }

    @Test(arguments: [true, false])
    func `a route whose choices leave nobody does not take the event, final or not`(isFinal: Bool) throws {
        let harness = try harness(hasRest: false, isFinal: isFinal)
        #expect(try lanes(harness, #"{"to":"x","size":0}"#) == ["all→5"])
        #expect(harness.matcher.counters(ofRoute: 0).matched == 0)
        #expect(try lanes(harness, #"{"to":"h0","size":0}"#) == (isFinal ? ["agents→0"] : ["agents→0", "all→5"]))
        let alone = try Harness { compiler in
            [Route(name: "r", targets: [.oneOf([Self.choice(0, try compiler.expression("event.data.on"))])])]
        }
        #expect(try lanes(alone, #"{"on":false}"#) == [])
        #expect(try alone.explain(event("a", #""data":{"on":false}"#)).isUnmatched)
    }

    @Test func `other targets of the route get the event all the same`() throws {
        let harness = try Harness { compiler in
            let chosen = Self.choice(0, try compiler.expression("event.data.on"))
            return [Route(name: "r", targets: [.oneOf([chosen]), handler(1)], isFinal: true)]
        }
        #expect(try lanes(harness, #"{"on":false}"#) == ["r→1"])
        let text = try harness.explain(event("a", #""data":{"on":false}"#)).text
        #expect(text.contains("    → nobody: no condition holds\n        to[0].oneOf[0].match event.data.on: does not"))
        #expect(text.contains("1 of 1 routes, 1 delivery"), "\(text)")
    }

    @Test func `one handler may stand under several conditions, in lanes of their own`() throws {
        let harness = try Harness { compiler in
            let large = RouteHandler(name: "h0", handler: 0, lane: 3)
            return [
                Route(
                    name: "r",
                    targets: [
                        .oneOf([
                            RouteChoice(large, weight: 1, match: try compiler.expression("event.data.size > 3")),
                            Self.choice(0),
                        ])
                    ])
            ]
        }
        #expect(try lanes(harness, #"{"size":9}"#) == ["r→3"])
        #expect(try lanes(harness, #"{"size":1}"#) == ["r→0"])
        #expect(try harness.explain(event("a", #""data":{"size":9}"#)).routes[0].targets.map(\.lane) == [3])
    }

    @Test func `explains which conditions were asked and what decided`() throws {
        let harness = try harness()
        let first = try harness.explain(event("a", #""data":{"to":"x","size":9}"#))
        #expect(
            first.routes[0].targets[0].conditions.map(\.text) == [
                #"to[0].oneOf[0].match event.data.to == 'h0': does not hold: event.data.to = "x""#,
                "to[0].oneOf[1].match event.data.size > 3: holds: event.data.size = 9",
            ])
        #expect(first.routes[0].targets[0].text == "h1")
        let rest = try harness.explain(event("a", #""data":{"to":"x","size":0}"#)).routes[0].targets[0]
        #expect(rest.choices.map(\.handler) == ["h8", "h7", "h9"] && rest.conditions.count == 2)
        let none = try self.harness(hasRest: false).explain(event("a", #""data":{"to":"x","size":0}"#)).routes[0]
        #expect(none.verdict == .notMatched && none.targets.isEmpty)
        #expect(none.checks.map(\.place) == ["to[0].oneOf[0].match", "to[0].oneOf[1].match"])
        let failed = try self.harness(hasRest: false).explain(event("a", #""data":{"to":"x"}"#)).routes[0]
        #expect(failed.verdict == .failed)
    }

    @Test func `says what a choice behind a final route would have done`() throws {
        let harness = try Harness { compiler in
            let chosen = Self.choice(0, try compiler.expression("event.data.on"))
            return [
                Route(name: "first", targets: [handler(1)], isFinal: true),
                Route(name: "second", order: 1, targets: [.oneOf([chosen])]),
            ]
        }
        #expect(try harness.explain(event("a", #""data":{"on":true}"#)).routes[1].wouldMatch == true)
        #expect(try harness.explain(event("a", #""data":{"on":false}"#)).routes[1].wouldMatch == false)
    }

    @Test func `nothing gets to an entry behind one without a condition`() {
        let entries = [(true, 1), (false, 0), (true, 1), (false, 3), (false, 1), (true, 1), (false, 1)]
        let order = ChoiceOrder(entries.map { (hasCondition: $0.0, weight: $0.1) })
        #expect(order.asked == [0, 2] && order.sharing == [3, 4] && order.unreachable == [5, 6])
        #expect(ChoiceOrder([(hasCondition: false, weight: 0)]).isEmpty)
    }
}
