import PatchbayEvents
import PatchbayRouting
import Testing

@Suite struct ConditionIndexTests {
    /// Routes that compare fields in every way that an index may or may not use.
    private func routes(_ dice: inout Dice, _ compiler: borrowing Harness.Compiler, count: Int) throws -> [Route] {
        var routes: [Route] = []
        for index in 0..<count {
            let text = "t\(dice.below(12))"
            let name = dice.pick(["tenant", "region"])
            var route = Route(name: "r\(index)", order: dice.below(5), targets: [handler(UInt16(dice.below(60)))])
            route.isFinal = dice.below(25) == 0
            if dice.below(4) == 0 { route.type = try TypePattern(dice.pick(["com.*", "com.a", "**"])) }
            switch dice.below(10) {
            case 8:
                let low = dice.below(6)
                route.match = try compiler.expression(
                    "event.data.n >= \(low) && event.data.n < \(low + dice.below(4)) && event.tenant != 'x'")
            case 9:
                let value = dice.pick(["2.5", "3", "-1", "9007199254740993", "18446744073709551615u"])
                route.match = try compiler.expression(
                    "\(value) \(dice.pick(["<", "<=", "==", ">", "!="])) event.data.n")
            case 0, 1: route.filters = [.exact([RouteAttribute(name, text)])]
            case 2:
                route.filters = [
                    .all([.exact([RouteAttribute(name, text), RouteAttribute("vip", "true")])]),
                    .cel(try compiler.expression("event.data.n > \(dice.below(5))")),
                ]
            case 3: route.match = try compiler.expression("event.\(name) == '\(text)' && event.data.n > 2")
            case 4: route.match = try compiler.expression("event.data.n > 2 && '\(text)' == event.data.kind")
            case 5:
                route.filters = [.cel(try compiler.expression("event.data.kind == '\(text)'"))]
                route.match = try compiler.expression("event.\(name) == '\(text)'")
            case 6:
                route.filters = [
                    .any([.exact([RouteAttribute(name, text)]), .not(.exact([RouteAttribute("vip", "true")]))])
                ]
            default: route.match = try compiler.expression("event.data.n > \(dice.below(5))")
            }
            routes.append(route)
        }
        return routes
    }

    private func anyEvent(_ dice: inout Dice) -> String {
        var members: [String] = []
        for name in ["tenant", "region"] where dice.below(4) > 0 {
            members.append(#""\#(name)":\#(dice.pick([#""t\#(dice.below(14))""#, "7", "true"]))"#)
        }
        if dice.below(2) == 0 { members.append(#""vip":\#(dice.pick(["true", "false", #""true""#]))"#) }
        let kind = dice.pick([#""kind":"t\#(dice.below(14))""#, #""kind":null"#, #""kind":3"#, #""other":1"#])
        let number = dice.pick([
            "\(dice.below(9))", "2.5", "-1", "9007199254740992", "9007199254740993", #""3""#, "null", "1e300",
        ])
        if dice.below(6) > 0 { members.append(#""data":{"n":\#(number),\#(kind)}"#) }
        return event(dice.pick(["com.a", "com.b", "org.c"]), members.joined(separator: ","))
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `leaves out only what would not match, errors included`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var given: [Route] = []
        let harness = try Harness { compiler in
            given = try routes(&dice, compiler, count: 200)
            return given
        }
        var errors = [UInt64](repeating: 0, count: given.count)
        var matched = errors
        for round in 0..<400 {
            let json = anyEvent(&dice)
            let slots = try harness.slots(json)
            let deliveries = harness.route(slots)
            let explained = harness.table.explain(slots)
            // The explanation tries every route, without an index.
            let expected = explained.routes.flatMap { route in
                route.targets.filter(\.delivers).map { "\(route.route)→\($0.lane ?? -1)" }
            }
            check(
                deliveries.map { "\($0.route)→\($0.lane)" } == expected, "seed \(seed), round \(round): \(json)")
            for route in explained.routes {
                if route.verdict == .failed { errors[route.route] += 1 }
                if route.verdict == .matched { matched[route.route] += 1 }
            }
        }
        for index in given.indices {
            let counters = harness.matcher.counters(ofRoute: index)
            check(counters.errors == errors[index], "seed \(seed): errors of \(given[index])")
            check(counters.matched == matched[index], "seed \(seed): matches of \(given[index])")
        }
        #expect(matched.contains { $0 > 0 } && errors.contains { $0 > 0 })
    }

    @Test func `many types share what they have in common, and new ones never break the index`() throws {
        let harness = try Harness { compiler in
            try (0..<300).map { index in
                Route(
                    name: "r\(index)", match: try compiler.expression("event.tenant == 't\(index)'"),
                    targets: [handler(UInt16(index))])
            }
        }
        for round in 0..<6_000 {
            let tenant = round % 310
            let found = try harness.summary(event("com.type\(round)", #""tenant":"t\#(tenant)""#))
            check(found == (tenant < 300 ? ["r\(tenant)→\(tenant)"] : []), "round \(round): \(found)")
        }
        // 4,096 types are known at once; that they share one list of candidates keeps the cache from starting over.
        #expect(harness.matcher.typeCacheResets == 1)
    }
}
