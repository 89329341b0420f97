extension Configuration {
    /// Turns `event_routing` into routes behind those of the file, with the origins of what they come from.
    ///
    /// - `routing_rules` become routes: `priority` is the `order`, so that 1 is tried first.
    /// - `load_balancing: round_robin` makes the handlers of a rule a `oneOf` of equal weights, without an ordering key:
    ///   each event chooses by its own identity, so a handler gets its share, and a repeated event the same handler.
    /// - `priority_based` spreads 1 to `priority_levels` over the priorities 9 to 0.
    /// - `geographic_routing` is a filter: an event that names a region must name one of `regions`.
    mutating func translateAliases() {
        guard let routing = eventRouting else { return }
        eventRouting = nil
        guard routing.enabled else { return }
        for (index, rule) in routing.rules.enumerated() where rule.enabled {
            append(rule, at: "event_routing.routing_rules[\(index)]", routing.optimization)
        }
        resolveHandlers(among: [])
    }

    /// Gives handlers that are named without their module the name of the one of `names` that they can only mean; the
    /// host's own are known here. What stays without one is refused when the configuration is validated.
    mutating func resolveHandlers(among names: [String]) {
        let own = modules.load.compactMap { load in load.builtin.map { "\(load.name).\($0.rawValue)" } }
        let all = names + own + Load.Builtin.allCases.map { "builtin.\($0.rawValue)" }
        func resolve(_ handler: inout HandlerReference) {
            let name = handler.name
            guard !name.contains(".") else { return }
            let byHandler = all.filter { $0.hasSuffix(".\(name)") }
            let found = byHandler.isEmpty ? all.filter { $0.hasPrefix("\(name).") } : byHandler
            if found.count == 1 { handler.name = found[0] }
        }
        changeHandlers(resolve)
    }

    private mutating func append(_ rule: EventRouting.Rule, at path: String, _ optimization: EventRouting.Optimization)
    {
        let target = "routes[\(routes.count)]"
        var route = Route()
        func come(_ key: String, from source: String?) {
            guard let source, let origin = origins.nearest(to: source) else { return }
            origins["\(target).\(key)"] = origin
        }
        route.name = rule.name
        route.location = rule.location
        route.match = rule.condition
        come("name", from: "\(path).rule")
        come("match", from: rule.condition.location.map { _ in "\(path).condition" })
        route.order = rule.priority ?? Self.orderWithoutPriority
        come("order", from: rule.priority.map { _ in "\(path).priority" } ?? path)
        if let levels = optimization.priorityBased, levels.enabled {
            route.priority = Self.priority(of: rule.priority ?? levels.levels, levels: levels.levels)
            come("priority", from: rule.priority.map { _ in "\(path).priority" } ?? optimization.paths[.priorityBased])
        }
        if let geographic = optimization.geographicRouting, geographic.enabled {
            let source = optimization.paths[.geographicRouting].map { "\($0).regions" }
            come("filters[\(route.filters.count)].cel", from: source)
            route.filters.append(filter(geographic.regions, isRequired: false, from: source))
        }
        if !rule.regions.isEmpty {
            come("filters[\(route.filters.count)].cel", from: "\(path).regions")
            route.filters.append(filter(rule.regions, isRequired: true, from: "\(path).regions"))
        }
        if let balancing = optimization.loadBalancing, balancing.enabled, rule.handlers.count > 1 {
            route.to = [.oneOf(rule.handlers.map { Choice(handler: $0) })]
            route.ordering.key = ExpressionSource("")
            come("ordering.key", from: optimization.paths[.loadBalancing])
            for index in rule.handlers.indices {
                come("to[0].oneOf[\(index)].handler", from: "\(path).handlers[\(index)]")
                come("to[0].oneOf[\(index)].weight", from: optimization.paths[.loadBalancing])
            }
        } else {
            route.to = rule.handlers.map { .handler($0) }
            for index in rule.handlers.indices {
                come("to[\(index)].handler", from: "\(path).handlers[\(index)]")
            }
        }
        routes.append(route)
    }

    /// Behind every rule that says its priority.
    private static let orderWithoutPriority = 1_000_000

    /// 1 is 9, the last level is 0, and the others lie evenly between them; a single level is the default.
    static func priority(of level: Int, levels: Int) -> Int {
        guard levels > 1 else { return Route().priority }
        return 9 - ((level - 1) * 9 + (levels - 1) / 2) / (levels - 1)
    }

    /// Whether the event's region is one of `regions`: its attribute `region`, or else `region` in its data. An event
    /// without a region is taken unless one `isRequired`.
    private func filter(_ regions: [String], isRequired: Bool, from path: String?) -> Filter {
        let list = regions.map { "'\($0)'" }.joined(separator: ", ")
        let inData =
            isRequired
            ? "has(event.data.region) && event.data.region in [\(list)]"
            : "!has(event.data.region) || event.data.region in [\(list)]"
        return .cel(
            ExpressionSource(
                "has(event.region) ? event.region in [\(list)] : \(inData)",
                location: path.flatMap { origins.nearest(to: $0)?.location }))
    }
}

extension ConfigurationDraft {
    /// As `Configuration.resolveHandlers(among:)`, with `names` as modules offer them.
    package mutating func resolveHandlers(among names: [String]) { configuration.resolveHandlers(among: names) }
}
