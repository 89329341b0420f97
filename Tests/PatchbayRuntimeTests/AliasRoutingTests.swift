import PatchbayConfiguration
import PatchbayEvents
import PatchbayRouting
import Testing

@testable import PatchbayRuntime

/// Events through the routes that `event_routing` stands for.
@Suite struct AliasRoutingTests {
    private static let rules = """
        event_routing:
          routing_strategy: content_based
          routing_rules:
            - {rule: user_registration, condition: event_type == 'user_registered', handlers: [welcome, profile], priority: 1}
            - {rule: order_processing, condition: "event_type == 'order_created' && amount > 1000", handlers: [billing.log], priority: 2}
            - {rule: system_alert, condition: "metadata.severity == 'high'", handlers: [billing.log], priority: 3}
        """
    private static let modules = """
        modules: {load: [{name: welcome, builtin: log}, {name: profile, builtin: log}, {name: billing, builtin: log}]}

        """

    private let bench: RunBench

    init() throws { bench = try RunBench() }

    private func explainer(_ yaml: String) throws -> Explainer {
        Explainer(try Blueprint(try bench.preparation(Self.modules + yaml).configuration, seed: 1))
    }

    /// `rule→handler` of every delivery.
    private func deliveries(
        _ explainer: Explainer, type: String, id: String = "1", _ more: String = ""
    ) throws -> [String] {
        let event = #"{"specversion":"1.0","id":"\#(id)","source":"/s","type":"\#(type)"\#(more)}"#
        return try explainer.explain(Array(event.utf8)[...]).routing.routes.flatMap { route in
            route.targets.filter(\.delivers).map { "\(route.name)→\($0.handler ?? "nobody")" }
        }
    }

    @Test func `rules route by type, data and metadata`() throws {
        let explainer = try explainer(Self.rules)
        #expect(
            try deliveries(explainer, type: "user_registered")
                == ["user_registration→welcome.log", "user_registration→profile.log"])
        #expect(
            try deliveries(explainer, type: "order_created", #","data":{"amount":1500}"#)
                == ["order_processing→billing.log"])
        #expect(try deliveries(explainer, type: "order_created", #","data":{"amount":1000}"#) == [])
        #expect(try deliveries(explainer, type: "order_created") == [])
        #expect(try deliveries(explainer, type: "any", #","severity":"high""#) == ["system_alert→billing.log"])
    }

    @Test func `round robin gives each event to one handler, and each handler its share`() throws {
        let explainer = try explainer(Self.rules + "\n  routing_optimization: {load_balancing: round_robin}")
        var counts: [String: Int] = [:]
        for id in 1...400 {
            // One ordering key: the choice does not stick to it.
            let found = try deliveries(
                explainer, type: "user_registered", id: "\(id)", #","partitionkey":"same""#)
            #expect(found.count == 1)
            #expect(
                try deliveries(explainer, type: "user_registered", id: "\(id)", #","partitionkey":"same""#) == found)
            for delivery in found { counts[delivery, default: 0] += 1 }
        }
        #expect(counts.keys.sorted() == ["user_registration→profile.log", "user_registration→welcome.log"])
        #expect(counts.values.allSatisfy { (140...260).contains($0) }, "\(counts)")
    }

    @Test func `regions leave other regions out, and a rule may have its own`() throws {
        let explainer = try explainer(
            """
            event_routing:
              routing_rules:
                - {rule: all, handlers: [welcome.log]}
                - {rule: europe, handlers: [billing.log], regions: [eu-west]}
              routing_optimization:
                - {optimization: geographic_routing, regions: [us-east, us-west, eu-west]}
            """)
        func found(_ more: String) throws -> [String] { try deliveries(explainer, type: "x", more) }
        #expect(try found(#","region":"us-east""#) == ["all→welcome.log"])
        #expect(try found(#","region":"eu-west""#) == ["all→welcome.log", "europe→billing.log"])
        #expect(try found(#","data":{"region":"eu-west"}"#) == ["all→welcome.log", "europe→billing.log"])
        #expect(try found(#","region":"ap-south""#) == [])
        #expect(try found(#","data":{"region":"ap-south"}"#) == [])
        #expect(try found("") == ["all→welcome.log"])
    }
}
