import PatchbayEvents
import PatchbayRouting
import Testing

@Suite struct RouteMatcherTests {
    @Test func `every matching route fires, by order, and then as written`() throws {
        let harness = try Harness { _ in
            [
                Route(name: "late", order: 5, targets: [handler(0)]), Route(name: "first", targets: [handler(1)]),
                Route(name: "second", targets: [handler(2)]), Route(name: "early", order: -1, targets: [handler(3)]),
            ]
        }
        #expect(try harness.summary(event("a")) == ["early→3", "first→1", "second→2", "late→0"])
    }

    @Test func `a final route stops the search only when it matches`() throws {
        let harness = try Harness {
            [
                Route(name: "vip", match: try $0.expression("event.data.vip"), targets: [handler(0)], isFinal: true),
                Route(name: "all", targets: [handler(1)]),
            ]
        }
        #expect(try harness.summary(event("a", #""data":{"vip":true}"#)) == ["vip→0"])
        #expect(try harness.summary(event("a", #""data":{"vip":false}"#)) == ["all→1"])
    }

    @Test func `a handler gets an event once, from the first route in order`() throws {
        let harness = try Harness { _ in
            [
                Route(name: "one", priority: 9, targets: [handler(4), handler(4), handler(5)]),
                Route(name: "two", order: 1, targets: [handler(5), handler(6)]),
            ]
        }
        #expect(try harness.summary(event("a")) == ["one→4", "one→5", "two→6"])
        #expect(try harness.summary(event("a")) == ["one→4", "one→5", "two→6"])
        #expect(harness.matcher.counters(ofRoute: 0).duplicates == 2)
        #expect(harness.matcher.counters(ofRoute: 1).matched == 2)
        #expect(harness.table.deliveriesPerEventMax == 3)
    }

    @Test func `deliveries carry event, priority and key`() throws {
        let harness = try Harness {
            [
                Route(
                    name: "r", priority: 7, targets: [handler(3)], orderingKey: try $0.key("event.subject"),
                    rateKey: try $0.key("event.source"))
            ]
        }
        let delivery = harness.route(try harness.slots(event("a", #""subject":"s""#)), event: 42).first
        #expect(delivery?.event == 42)
        #expect(delivery?.priority == 7)
        #expect(delivery?.keyHash != 0 && delivery?.rateKeyHash != 0 && delivery?.keyHash != delivery?.rateKeyHash)
    }

    @Test(arguments: [
        ("exact", "eu/1", true), ("exact", "eu/12", false), ("prefix", "eu/1", true), ("prefix", "eu/12", true),
        ("prefix", "eu", false), ("suffix", "x/eu/1", true), ("suffix", "1", false), ("prefix", "EU/1", false),
    ])
    func `compares an attribute as its dialect says`(dialect: String, subject: String, matches: Bool) throws {
        let attributes = [RouteAttribute("subject", "eu/1")]
        let filter: RouteFilter =
            dialect == "exact" ? .exact(attributes) : dialect == "prefix" ? .prefix(attributes) : .suffix(attributes)
        let harness = try Harness { _ in [Route(name: "r", filters: [filter], targets: [handler(0)])] }
        #expect(try harness.route(event("a", #""subject":"\#(subject)""#)).isEmpty == !matches)
        #expect(try harness.route(event("a")).isEmpty)
    }

    @Test func `compares numbers and booleans by their canonical text`() throws {
        let harness = try Harness { _ in
            [
                Route(
                    name: "r", filters: [.exact([RouteAttribute("tenant", "-7"), RouteAttribute("live", "true")])],
                    targets: [handler(0)])
            ]
        }
        #expect(try !harness.route(event("a", #""tenant":-7,"live":true"#)).isEmpty)
        #expect(try !harness.route(event("a", #""tenant":"-7","live":"true""#)).isEmpty)
        #expect(try harness.route(event("a", #""tenant":7,"live":true"#)).isEmpty)
        #expect(try harness.route(event("a", #""tenant":-7,"live":false"#)).isEmpty)
    }

    @Test func `an error in a condition does not match, unless something else decides`() throws {
        let harness = try Harness { compiler in
            let failing = try compiler.expression("event.data.missing > 1")
            let eu = RouteFilter.prefix([RouteAttribute("subject", "eu/")])
            return [
                Route(name: "match", match: failing, targets: [handler(0)]),
                Route(name: "not", filters: [.not(.cel(failing))], targets: [handler(1)]),
                Route(name: "any", filters: [.any([.cel(failing), eu])], targets: [handler(2)]),
                Route(name: "all", filters: [.not(.all([.cel(failing), .not(eu)]))], targets: [handler(3)]),
            ]
        }
        #expect(try harness.summary(event("a", #""subject":"eu/1","data":{}"#)) == ["any→2", "all→3"])
        #expect((0..<4).map { harness.matcher.counters(ofRoute: $0).errors } == [1, 1, 0, 0])
        #expect(
            harness.matcher.lastError(ofRoute: 0)?.contains("event.data.missing = absent") == true)
        #expect(harness.matcher.lastError(ofRoute: 2) == nil)
    }

    @Test func `a choice keeps to its weights and sticks to the ordering key`() throws {
        let routes: (borrowing Harness.Compiler) throws -> [Route] = {
            [Route(name: "r", targets: [oneOf([0: 90, 1: 10, 2: 0])], orderingKey: try $0.key("event.partitionkey"))]
        }
        let harness = try Harness(routes)
        let restarted = try Harness(seed: KeySeed(77, 78), routes)
        var counts = [0, 0, 0]
        for index in 0..<2_000 {
            let json = event("a", id: "\(index)", #""partitionkey":"k\#(index)""#)
            let lane = try harness.route(json)[0].lane
            counts[Int(lane)] += 1
            check(try restarted.route(json)[0].lane == lane, "key k\(index) moved after a restart")
            let other = event("a", id: "other\(index)", #""partitionkey":"k\#(index)""#)
            check(try harness.route(other)[0].lane == lane, "key k\(index) did not stick")
        }
        #expect((1_740...1_860).contains(counts[0]))
        #expect(counts[2] == 0)
    }

    @Test func `without a key a choice sticks to source and id`() throws {
        let harness = try Harness { _ in [Route(name: "r", targets: [oneOf([0: 1, 1: 1])])] }
        let lanes = try (0..<200).map { try harness.route(event("a", id: "\($0)"))[0].lane }
        #expect(lanes == (try (0..<200).map { try harness.route(event("a", id: "\($0)"))[0].lane }))
        #expect((70...130).contains(lanes.count { $0 == 1 }))
        let elsewhere = try (0..<200).map { try harness.route(event("a", id: "\($0)", source: "/t"))[0].lane }
        #expect(lanes != elsewhere)
    }

    @Test func `more types than the cache holds are matched all the same`() throws {
        let harness = try Harness { _ in
            [
                Route(name: "even", type: try TypePattern("t.*.even"), targets: [handler(0)]),
                Route(name: "long", type: try TypePattern("long.**"), targets: [handler(1)]),
            ]
        }
        for index in 0..<10_000 {
            let kind = index % 2 == 0 ? "even" : "odd"
            let found = try harness.summary(event("t.\(index).\(kind)"))
            check(found == (index % 2 == 0 ? ["even→0"] : []), "type \(index)")
        }
        #expect(harness.matcher.typeCacheResets == 2)
        let long = "long." + String(repeating: "x", count: 5_000)
        #expect(try harness.summary(event(long)) == ["long→1"])
        #expect(try harness.summary(event(long + "y")) == ["long→1"])
    }

    @Test func `finding 22: a type longer than the whole cache does not empty it`() throws {
        let harness = try Harness { _ in [Route(name: "all", targets: [handler(0)])] }
        let huge = String(repeating: "x", count: 600_000)
        for type in ["a", huge, "a", huge] { #expect(try harness.summary(event(type)) == ["all→0"]) }
        #expect(harness.matcher.typeCacheResets == 0)
    }

    @Test func `refuses routes that could deliver to nobody`() throws {
        let plan = FieldPlan()
        for targets in [[], [oneOf([0: 0])], [oneOf([:])]] {
            let error = #expect(throws: RoutingError.self) {
                _ = try RouteTable([Route(name: "r", targets: targets)], plan: plan, seed: KeySeed(1, 2))
            }
            #expect(error?.code == .targets)
            #expect(error?.route == "r")
        }
    }

    @Test func `without routes nothing matches`() throws {
        let harness = try Harness { _ in [] }
        #expect(try harness.route(event("a")).isEmpty)
        #expect(try harness.explain(event("a")).isUnmatched)
    }
}
