extension EventRouting.LoadBalancing {
    static let section = Section<Self>(
        "load_balancing", { Self() },
        [
            Key("algorithm", \.algorithm, .choice(), "How handlers share events.", example: .string("round_robin")),
            Key("strategy", \.algorithm, .choice(), "The same as algorithm.", example: .string("round_robin")),
            Key("enabled", \.enabled, .flag, "Whether one handler of a rule gets each event, rather than every one."),
        ])
}

extension EventRouting.PriorityBased {
    static let section = Section<Self>(
        "priority_based", { Self() },
        [
            Key(
                "priority_levels", \.levels, .integer(1...100), "How many priorities there are; 1 is the highest.",
                example: .int(5)),
            Key("enabled", \.enabled, .flag, "Whether a rule's priority decides who goes first inside a lane."),
        ])
}

extension EventRouting.GeographicRouting {
    static let section = Section<Self>(
        "geographic_routing", { Self() },
        [
            Key(
                "regions", \.regions, Format<String>.region.list(nonEmpty: true),
                "The regions that are taken: events of another one match no rule.",
                example: .list([.string("us-east"), .string("us-west"), .string("eu-west")])),
            Key("enabled", \.enabled, .flag, "Whether events of other regions are left out."),
        ])
}

/// One entry of `routing_optimization` where that is a list.
private struct OptimizationEntry: Sendable {
    var kind = EventRouting.Optimization.Kind.loadBalancing
    var algorithm = EventRouting.Algorithm.roundRobin
    var levels = EventRouting.PriorityBased().levels
    var regions: [String] = []
    var enabled = true

    private static let keysOfKind: [EventRouting.Optimization.Kind: [String]] = [
        .loadBalancing: ["algorithm", "strategy"], .priorityBased: ["priority_levels"], .geographicRouting: ["regions"],
    ]

    static let section = Section<Self>(
        "an optimization", { Self() },
        [
            Key(
                "optimization", \.kind, .choice(), "What is optimized.", example: .string("load_balancing"),
                required: true),
            Key(
                "algorithm", \.algorithm, .choice(), "load_balancing: how handlers share events.",
                example: .string("round_robin")),
            Key("strategy", \.algorithm, .choice(), "The same as algorithm.", example: .string("round_robin")),
            Key(
                "priority_levels", \.levels, .integer(1...100),
                "priority_based: how many priorities there are; 1 is the highest.", example: .int(5)),
            Key(
                "regions", \.regions, Format<String>.region.list(nonEmpty: true),
                "geographic_routing: the regions that are taken.",
                example: .list([.string("us-east"), .string("us-west"), .string("eu-west")])),
            Key("enabled", \.enabled, .flag, "Whether it counts."),
        ]
    ) { entry, node, path, reading in
        let own = keysOfKind[entry.kind] ?? []
        for key in keysOfKind.values.flatMap({ $0 }).sorted() where !own.contains(key) {
            guard let written = node[key] else { continue }
            reading.fail(
                .impossible, "'\(key)' has no meaning with 'optimization: \(entry.kind.rawValue)'",
                at: written.keyLocation, "\(path).\(key)", accepted: own)
        }
        if entry.kind == .geographicRouting, node["regions"] == nil {
            reading.fail(
                .missingKey, "geographic_routing needs the key 'regions'", at: node.location, path,
                remedy: "add 'regions': as in [us-east, eu-west]")
        }
    }
}

/// `routing_optimization` where that is a map.
private struct OptimizationKeys: Sendable {
    var loadBalancing: EventRouting.LoadBalancing?
    var priorityBased: EventRouting.PriorityBased?
    var geographicRouting: EventRouting.GeographicRouting?

    static let section = Section<Self>(
        "routing_optimization", { Self() },
        [
            Key(
                "load_balancing", \.loadBalancing, Format<EventRouting.LoadBalancing>.loadBalancing.optional,
                "round_robin: one handler of a rule gets each event.", example: .string("round_robin")),
            Key(
                "priority_based", \.priorityBased, EventRouting.PriorityBased.section.format.optional,
                "A rule's priority decides who goes first inside a lane.",
                example: .map([.init(key: "priority_levels", value: .int(5))])),
            Key(
                "geographic_routing", \.geographicRouting, EventRouting.GeographicRouting.section.format.optional,
                "Events of other regions are left out.",
                example: .map([
                    .init(
                        key: "regions",
                        value: .list([.string("us-east"), .string("us-west"), .string("eu-west")]))
                ])),
        ])
}

extension Format<EventRouting.LoadBalancing> {
    /// `round_robin`, or a map.
    fileprivate static let loadBalancing = Format(
        read: { node, path, reading in
            guard case .scalar(let scalar) = node.content, !scalar.isNull else {
                return EventRouting.LoadBalancing.section.read(node, path, &reading)
            }
            return Format<EventRouting.Algorithm>.choice().read(node, path, &reading)
                .map { EventRouting.LoadBalancing(algorithm: $0) }
        },
        show: { _ in nil },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([
                        Format<EventRouting.Algorithm>.choice().schema(), EventRouting.LoadBalancing.section.schema(),
                    ])
                ))
        })
}

extension Format<EventRouting.Optimization> {
    /// A list of entries that name what they optimize, or a map by these names.
    static let optimization = Format(
        read: { node, path, reading in
            if case .list = node.content { return readList(node, path, &reading) }
            guard let keys = OptimizationKeys.section.read(node, path, &reading) else { return nil }
            var found = EventRouting.Optimization()
            (found.loadBalancing, found.priorityBased) = (keys.loadBalancing, keys.priorityBased)
            found.geographicRouting = keys.geographicRouting
            for kind in EventRouting.Optimization.Kind.allCases { found.paths[kind] = "\(path).\(kind.rawValue)" }
            if let geographic = node["geographic_routing"], geographic.value["regions"] == nil,
                keys.geographicRouting != nil
            {
                reading.fail(
                    .missingKey, "geographic_routing needs the key 'regions'", at: geographic.value.location,
                    "\(path).geographic_routing", remedy: "add 'regions': as in [us-east, eu-west]")
            }
            return found
        },
        show: { _ in nil },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([
                        OptimizationKeys.section.schema(),
                        Schema.type("array", ("items", OptimizationEntry.section.schema())),
                    ])
                ))
        })

    private static func readList(
        _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) -> EventRouting.Optimization? {
        guard case .list(let nodes) = node.content else { return nil }
        var found = EventRouting.Optimization()
        for (index, node) in nodes.enumerated() {
            let entryPath = "\(path)[\(index)]"
            guard let entry = OptimizationEntry.section.read(node, entryPath, &reading) else { continue }
            if found.paths[entry.kind] != nil {
                reading.fail(
                    .duplicateKey, "a second '\(entry.kind.rawValue)'", at: node.location, entryPath,
                    remedy: "keep one of them")
            }
            found.paths[entry.kind] = entryPath
            switch entry.kind {
            case .loadBalancing: found.loadBalancing = .init(algorithm: entry.algorithm, enabled: entry.enabled)
            case .priorityBased: found.priorityBased = .init(levels: entry.levels, enabled: entry.enabled)
            case .geographicRouting: found.geographicRouting = .init(regions: entry.regions, enabled: entry.enabled)
            }
        }
        return found
    }
}
