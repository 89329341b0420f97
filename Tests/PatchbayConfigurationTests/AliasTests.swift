import Testing

@testable import PatchbayConfiguration

/// The rules of the requirements' area 1, in the form that lists what is optimized.
let olderExample = """
    event_routing:
      enabled: true
      routing_strategy: content_based
      routing_rules:
        - rule: user_registration
          condition: event_type == 'user_registered'
          handlers: [welcome.log, profile.log]
          priority: 1
        - rule: order_processing
          condition: event_type == 'order_created' && event_data.amount > 1000
          handlers: [billing.log]
          priority: 2
        - rule: system_alert
          condition: event_type == 'system_error' && metadata.user_region == 'eu'
          handlers: [welcome.log, billing.log]
          priority: 3
      routing_optimization:
        - optimization: load_balancing
          algorithm: round_robin
        - optimization: priority_based
          priority_levels: 5
        - optimization: geographic_routing
          regions: [us-east, us-west, eu-west]
    """

@Suite struct AliasTests {
    private func compiled(_ yaml: String) -> ConfigurationDraft {
        draft(yaml, check: Configuration.compileExpression)
    }

    private func found(_ yaml: String) -> [String] {
        compiled("event_routing:\n  \(yaml)").errors.map {
            "\($0.location.line):\($0.location.column) \($0.code) \($0.path): \($0.message)"
        }
    }

    @Test func `rules become routes of the ordinary form`() throws {
        let routes = try valid(olderExample).routes
        #expect(routes.map(\.name) == ["user_registration", "order_processing", "system_alert"])
        #expect(routes.map(\.order) == [1, 2, 3])
        // Five levels over 9 to 0.
        #expect(routes.map(\.priority) == [9, 7, 4])
        #expect(
            routes.map(\.match.text) == [
                "event.type == 'user_registered'", "event.type == 'order_created' && event.data.amount > 1000",
                "event.type == 'system_error' && event.userregion == 'eu'",
            ])
        #expect(routes[1].to.flatMap(\.handlers).map(\.name) == ["billing.log"])
        guard case .oneOf(let choices) = routes[0].to.first else {
            Issue.record("round robin is no choice")
            return
        }
        #expect(choices.map(\.handler.name) == ["welcome.log", "profile.log"] && choices.map(\.weight) == [1, 1])
        #expect(routes[0].to.count == 1 && routes[0].ordering.key.isEmpty)
    }

    @Test func `the map form and switched-off parts mean the same`() throws {
        let map = try valid(
            """
            event_routing:
              routing_rules:
                - {rule: a, condition: "event_type == 'x'", handlers: [a.b, c.d], priority: 2}
                - {rule: off, handlers: [a.b], enabled: false}
                - {rule: last, handlers: [a.b]}
              routing_optimization:
                load_balancing: round_robin
                priority_based: {priority_levels: 2}
                geographic_routing: {regions: [eu], enabled: false}
            """
        ).routes
        #expect(map.map(\.name) == ["a", "last"] && map.map(\.priority) == [0, 0])
        #expect(map[1].order > map[0].order && map[0].filters.isEmpty)
        #expect(map[0].to.count == 1 && map[1].to == [.handler(map[1].to[0].handlers[0])])
        let plain = try valid("event_routing: {routing_rules: [{rule: a, handlers: [a.b, c.d]}]}").routes
        #expect(plain[0].to.count == 2 && plain[0].priority == 5)
        #expect(try valid("event_routing: {enabled: false, routing_rules: [{rule: a, handlers: [a.b]}]}").routes == [])
    }

    @Test func `a list of maps by name means the same as one map`() throws {
        func routes(_ optimization: String) throws -> [Configuration.Route] {
            try valid(
                "event_routing:\n  routing_rules: [{rule: a, handlers: [a.b, c.d], priority: 2}]\n"
                    + "  routing_optimization: \(optimization)"
            ).routes
        }
        let parts = [
            "load_balancing: round_robin", "priority_based: {priority_levels: 3}",
            "geographic_routing: {regions: [eu]}",
        ]
        let list = try routes("[\(parts.map { "{\($0)}" }.joined(separator: ", "))]")
        let map = try routes("{\(parts.joined(separator: ", "))}")
        #expect(list.map(\.priority) == map.map(\.priority) && list.map(\.to.count) == [1])
        #expect(list.map(\.filters.count) == [1] && map.map(\.filters.count) == [1])
        #expect(
            found("routing_optimization: [{load_balancing: round_robin}, {load_balancing: round_robin}]").count == 1)
        #expect(found("routing_optimization: [{geographic_routing: {enabled: true}}]").count == 1)
        #expect(found("routing_optimization: [{load_balancing: round_robin, levels: 5}]").count == 1)
        #expect(
            try EditorSchema.violations(in: "event_routing: {routing_optimization: [{load_balancing: round_robin}]}")
                == [])
    }

    @Test(arguments: 1...12)
    func `priority levels go from 9 down to 0 without rising`(levels: Int) {
        let all = (1...levels).map { Configuration.priority(of: $0, levels: levels) }
        #expect(all.allSatisfy { (0...9).contains($0) } && zip(all, all.dropFirst()).allSatisfy { $0 >= $1 })
        if levels > 1 { #expect(all.first == 9 && all.last == 0) }
        if levels <= 10 { #expect(Set(all).count == levels) }
    }

    @Test(arguments: [
        ("event_type == 'event_type'", "event.type == 'event_type'"),
        ("amount > 1000 && severity == 'high'", "event.data.amount > 1000 && event.data.severity == 'high'"),
        ("event_data.items.all(amount, amount > limit)", "event.data.items.all(amount, amount > event.data.limit)"),
        ("event.type == 'x' && data.event_type == 'y'", "event.type == 'x' && event.data.event_type == 'y'"),
        (
            "math.abs(amount) > 1.0 && type(event_data) == map",
            "math.abs(event.data.amount) > 1.0 && type(event.data) == map"
        ),
        ("(event_type) == \"é\" && metadata.user_id == 'z'", "(event.type) == \"é\" && event.userid == 'z'"),
        ("cel.bind(x, amount, x > 1 && y > x)", "cel.bind(x, event.data.amount, x > 1 && event.data.y > x)"),
        ("has(event_data.coupon) && correlationId != ''", "has(event.data.coupon) && event.correlationid != ''"),
    ])
    func `older names are found where they are names`(older: String, cel: String) throws {
        #expect(try AliasExpression(older).text == cel)
    }

    @Test func `errors stand at what the user wrote`() {
        #expect(
            found(
                "routing_rules: [{rule: a, handlers: [a.b], condition: \"event_type == 'x' && size(event_type, 1) > 2\"}]"
            )
            .map { $0.prefix(while: { $0 != " " }) } == ["2:79"])
        #expect(
            found("routing_rules: [{rule: a, handlers: [a.b], condition: \"event_type ==\"}]")
                .allSatisfy { $0.hasPrefix("2:7") && $0.contains("event_routing.routing_rules[0].condition") })
        #expect(
            found("routing_rules: [{rule: a, handlers: [a.b, a.b]}]")
                == ["2:45 impossible event_routing.routing_rules[0].handlers[1]: 'a.b' stands here twice"])
        #expect(
            found("routing_strategy: topic_based").first?.hasPrefix("2:21 badValue event_routing.routing_strategy")
                == true)
        #expect(
            found(
                "routing_optimization: {priority_based: {priority_levels: 5}}\n  routing_rules: [{rule: a, handlers: [a.b], priority: 6}]"
            ) == [
                "3:56 outOfRange event_routing.routing_rules[0].priority: priority 6 is none of the 5 priority_levels"
            ])
        #expect(
            found("routing_optimization: [{optimization: priority_based, regions: [eu]}]").first?.hasPrefix(
                "2:57 impossible")
                == true)
        #expect(found("routing_optimization: [{optimization: geographic_routing}]").count == 1)
        #expect(found("rules: []").first?.contains("unknown key 'rules' in event_routing") == true)
    }

    @Test func `a route and a rule of one name are an error, and unknown handlers are, at their lines`() {
        let all = errors(
            """
            routes: [{name: a, to: [{handler: builtin.log}]}]
            event_routing:
              routing_rules:
                - rule: a
                  handlers: [send_mail]
            """, handlers: { _ in .unknown(candidates: ["mail.send"]) })
        #expect(
            all.count == 2 && all[0].hasPrefix("4:13 duplicateName") && all[1].hasPrefix("5:18 unresolved"), "\(all)")
    }

    @Test func `a handler without its module is found where one can be meant`() throws {
        var draft = draft(
            """
            modules: {load: [{name: audit, builtin: log}]}
            event_routing: {routing_rules: [{rule: a, handlers: [audit, send_mail, charge, twice]}]}
            """)
        draft.resolveHandlers(among: ["mail.send_mail", "charge.card", "a.twice", "b.twice"])
        #expect(
            draft.configuration.routes[0].to.flatMap(\.handlers).map(\.name)
                == ["audit.log", "mail.send_mail", "charge.card", "twice"])
    }

    @Test func `the effective configuration shows routes and the lines that they come from`() throws {
        let yaml = EffectiveConfiguration(try valid(olderExample)).yaml
        #expect(!yaml.contains("event_routing"))
        for line in [
            "name: user_registration  # p.yaml:5", "order: 1  # p.yaml:8", "priority: 9  # p.yaml:8",
            #"match: "event.type == 'user_registered'"  # p.yaml:6"#, "weight: 1  # p.yaml:18",
            "handler: profile.log  # p.yaml:7",
        ] {
            #expect(yaml.contains(line), "\(line) is not in\n\(yaml)")
        }
        #expect(Configuration.section.show(try valid(yaml)) == Configuration.section.show(try valid(olderExample)))
    }
}
