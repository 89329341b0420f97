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
    /// A list of entries that name what they optimize, or a map by these names, or a list of such maps.
    static let optimization = Format(
        read: { node, path, reading in
            if case .list = node.content { return readList(node, path, &reading) }
            var found = EventRouting.Optimization()
            return readKeys(node, path, into: &found, &reading) ? found : nil
        },
        show: { _ in nil },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([
                        OptimizationKeys.section.schema(),
                        Schema.type(
                            "array",
                            (
                                "items",
                                Schema.object(
                                    (
                                        "anyOf",
                                        .list([OptimizationEntry.section.schema(), OptimizationKeys.section.schema()])
                                    ))
                            )),
                    ])
                ))
        })

    /// A map by the names of what is optimized; false when it is no map.
    private static func readKeys(
        _ node: YAMLNode, _ path: String, into found: inout EventRouting.Optimization, _ reading: inout Reading
    ) -> Bool {
        guard let keys = OptimizationKeys.section.read(node, path, &reading) else { return false }
        for kind in EventRouting.Optimization.Kind.allCases {
            guard let entry = node[kind.rawValue] else { continue }
            let entryPath = "\(path).\(kind.rawValue)"
            note(kind, at: entryPath, entry.keyLocation, in: &found, &reading)
            switch kind {
            case .loadBalancing: found.loadBalancing = keys.loadBalancing
            case .priorityBased: found.priorityBased = keys.priorityBased
            case .geographicRouting:
                found.geographicRouting = keys.geographicRouting
                guard keys.geographicRouting != nil, entry.value["regions"] == nil else { continue }
                reading.fail(
                    .missingKey, "geographic_routing needs the key 'regions'", at: entry.value.location, entryPath,
                    remedy: "add 'regions': as in [us-east, eu-west]")
            }
        }
        return true
    }

    private static func note(
        _ kind: EventRouting.Optimization.Kind, at path: String, _ place: SourceLocation,
        in found: inout EventRouting.Optimization, _ reading: inout Reading
    ) {
        if found.paths[kind] != nil {
            reading.fail(
                .duplicateKey, "a second '\(kind.rawValue)'", at: place, path, remedy: "keep one of them")
        }
        found.paths[kind] = path
    }

    /// Whether an entry of a list is a map by the names of what is optimized.
    private static func isByName(_ node: YAMLNode) -> Bool {
        guard case .map(let entries) = node.content else { return false }
        return entries.contains { EventRouting.Optimization.Kind(rawValue: $0.key) != nil }
    }

    private static func readList(
        _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) -> EventRouting.Optimization? {
        guard case .list(let nodes) = node.content else { return nil }
        var found = EventRouting.Optimization()
        for (index, node) in nodes.enumerated() {
            let entryPath = "\(path)[\(index)]"
            if isByName(node) {
                _ = readKeys(node, entryPath, into: &found, &reading)
                continue
            }
            guard let entry = OptimizationEntry.section.read(node, entryPath, &reading) else { continue }
            note(entry.kind, at: entryPath, node.location, in: &found, &reading)
            switch entry.kind {
            case .loadBalancing: found.loadBalancing = .init(algorithm: entry.algorithm, enabled: entry.enabled)
            case .priorityBased: found.priorityBased = .init(levels: entry.levels, enabled: entry.enabled)
            case .geographicRouting: found.geographicRouting = .init(regions: entry.regions, enabled: entry.enabled)
            }
        }
        return found
    }
}
