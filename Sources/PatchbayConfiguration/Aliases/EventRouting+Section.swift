extension EventRouting {
    static let section = Section<Self>(
        "event_routing", { Self() },
        [
            Key("enabled", \.enabled, .flag, "Whether these rules count.", example: .bool(true)),
            Key(
                "routing_strategy", \.strategy, .choice(), "How events find their handlers: by what is in them.",
                example: .string("content_based")),
            Key(
                "routing_rules", \.rules, Rule.section.format.list(),
                "Rules, each of which stands for a route of the same name.",
                example: .list([
                    .map([
                        .init(key: "rule", value: .string("order_processing")),
                        .init(key: "condition", value: .string("event_type == 'order_created'")),
                        .init(key: "handlers", value: .list([.string("billing.charge")])),
                        .init(key: "priority", value: .int(2)),
                    ])
                ])),
            Key(
                "routing_optimization", \.optimization, Format<Optimization>.optimization,
                "How the rules' handlers share events, how priorities count, and which regions are taken.",
                example: .list([
                    .map([
                        .init(key: "optimization", value: .string("priority_based")),
                        .init(key: "priority_levels", value: .int(5)),
                    ])
                ])),
        ]
    ) { routing, node, path, reading in
        guard let levels = routing.optimization.priorityBased, levels.enabled else { return }
        for (index, rule) in routing.rules.enumerated() {
            guard let priority = rule.priority, !(1...levels.levels).contains(priority) else { continue }
            let place = "\(path).routing_rules[\(index)]"
            let written = node["routing_rules"]?.value.elements[index]["priority"]
            reading.fail(
                .outOfRange, "priority \(priority) is none of the \(levels.levels) priority_levels",
                at: written?.value.location ?? rule.location, "\(place).priority", accepted: ["1 to \(levels.levels)"])
        }
    }
}

extension EventRouting.Rule {
    static let section = Section<Self>(
        "a routing rule", { Self() },
        [
            Key(
                naming: "rule", \.name, .name("a rule's name"), "The rule's name, and its route's.",
                example: .string("order_processing"), location: \.location),
            Key(
                "condition", \.condition, .aliasCondition,
                "Which events: event_type, event_data.x, metadata.x, or CEL over event; empty takes every event.",
                example: .string("event_type == 'order_created'")),
            Key(
                "handlers", \.handlers, Format<Configuration.HandlerReference>.aliasHandler.list(nonEmpty: true),
                "Who receives, as module.handler or by either name alone where that is clear.",
                example: .list([.string("billing.charge"), .string("send_confirmation")]), required: true),
            Key(
                "priority", \.priority, Format<Int>.integer(0...1_000_000).optional,
                "1 is tried first; with priority_based, 1 to priority_levels and 1 goes first inside a lane.",
                example: .int(1)),
            Key(
                "regions", \.regions, Format<String>.region.list(),
                "Regions that the event's must be one of; empty takes every region.",
                example: .list([.string("us-east")])),
            Key("enabled", \.enabled, .flag, "Whether this rule counts.", example: .bool(true)),
        ]
    ) { rule, node, path, reading in
        var seen: Set<String> = []
        for (index, handler) in rule.handlers.enumerated() where !seen.insert(handler.name).inserted {
            reading.fail(
                .impossible, "'\(handler.name)' stands here twice", at: handler.location, "\(path).handlers[\(index)]",
                remedy: "remove one of the two")
        }
    }
}

extension Format<Configuration.HandlerReference> {
    /// As `handler`, or a name without its module, which is found among what modules offer.
    static let aliasHandler = Format(
        read: { node, path, reading in
            if case .scalar(let scalar) = node.content, Names.isName(scalar.text), !scalar.isNull {
                return Configuration.HandlerReference(name: scalar.text, location: node.location)
            }
            return handler.read(node, path, &reading)
        },
        show: handler.show,
        schema: {
            Schema.type("string", ("pattern", .string(#"^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9._-]+)?$|\$\{.+\}"#)))
        })
}

extension Format<String> {
    static let region = Format.text("a region's name", accepted: ["letters, digits, '.', '_' and '-'"]) { text in
        let isRegion =
            !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        return isRegion ? nil : "it has other characters, or none"
    }
}

extension YAMLNode {
    /// Of a list; empty for anything else.
    fileprivate var elements: [YAMLNode] {
        if case .list(let list) = content { list } else { [] }
    }
}
