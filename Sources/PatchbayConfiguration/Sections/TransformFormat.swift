import PatchbayRouting

extension Format<Configuration.TransformStep> {
    private static let steps = ["set", "unset", "rename", "map", "redact", "enrich"]

    /// A map with one step as its key.
    static let transformStep = Format(
        read: { node, path, reading in
            guard case .map(let entries) = node.content else {
                reading.wrongType(node, path, expected: "a step, as {unset: [data.internal]}", accepted: steps)
                return nil
            }
            for entry in entries where !steps.contains(entry.key) {
                reading.fail(
                    .unknownKey,
                    "unknown step '\(entry.key.prefix(60))'\(Suggestion.text(for: entry.key, among: steps))",
                    at: entry.keyLocation, path.appendingKey(entry.key), accepted: steps)
            }
            guard entries.allSatisfy({ steps.contains($0.key) }) else { return nil }
            guard let entry = entries.first, entries.count == 1 else {
                reading.fail(
                    .badValue, "a step has one key, this one has \(entries.count)", at: node.location, path,
                    accepted: steps, remedy: "write one step for each; they are done in the list's order")
                return nil
            }
            return step(entry, path.appendingKey(entry.key), &reading)
        },
        show: { step in
            let (key, value): (String, ConfigurationValue?) =
                switch step {
                case .set(let assignments): ("set", assignmentMap.show(assignments.map { ($0.path, $0.value) }))
                case .unset(let paths): ("unset", removedPaths.show(paths))
                case .rename(let renamings): ("rename", renamingMap.show(renamings.map { ($0.from, $0.to) }))
                case .map(let value): ("map", .string(value.text))
                case .redact(let paths): ("redact", hiddenPaths.show(paths))
                case .enrich(let enrichments): ("enrich", enrichmentMap.show(enrichments.map { ($0.path, $0) }))
                }
            return value.map { .map([.init(key: key, value: $0)]) }
        },
        schema: {
            func entry(_ key: String, _ value: ConfigurationValue) -> ConfigurationValue {
                .map([.init(key: key, value: value)])
            }
            let examples = [
                "set": entry("data.total", .string("event.data.net * 1.19")),
                "unset": .list([.string("data.internal")]),
                "rename": entry("data.customerId", .string("data.customer")), "map": .string("event.data.order"),
                "redact": .list([.string("data.card")]),
                "enrich": entry("data.tenant", entry("header", .string("tenant"))),
            ]
            return Schema.type(
                "object", ("minProperties", .int(1)), ("maxProperties", .int(1)),
                ("additionalProperties", .bool(false)),
                (
                    "properties",
                    Schema.object(
                        (
                            "set",
                            Schema.described(
                                "Places and CEL for what they get; null takes away.", example: examples["set"] ?? .null,
                                assignmentMap.schema())
                        ),
                        (
                            "unset",
                            Schema.described(
                                "Places that are taken away.", example: examples["unset"] ?? .null,
                                removedPaths.schema())
                        ),
                        (
                            "rename",
                            Schema.described(
                                "Places, and where their values go.", example: examples["rename"] ?? .null,
                                renamingMap.schema())
                        ),
                        (
                            "map",
                            Schema.described(
                                "CEL for the new data as a whole.", example: examples["map"] ?? .null,
                                Schema.type("string"))
                        ),
                        (
                            "redact",
                            Schema.described(
                                "Places that are hidden from handlers.", example: examples["redact"] ?? .null,
                                hiddenPaths.schema())
                        ),
                        (
                            "enrich",
                            Schema.described(
                                "Places, and where their values come from.", example: examples["enrich"] ?? .null,
                                enrichmentMap.schema())
                        ))
                ))
        })

    private static func step(
        _ entry: YAMLEntry, _ path: String, _ reading: inout Reading
    ) -> Configuration.TransformStep? {
        let node = entry.value
        switch entry.key {
        case "set":
            return assignmentMap.read(node, path, &reading).map { .set($0.map { .init(path: $0.0, value: $0.1) }) }
        case "unset": return removedPaths.read(node, path, &reading).map { .unset($0) }
        case "rename":
            return renamingMap.read(node, path, &reading).map { .rename($0.map { .init(from: $0.0, to: $0.1) }) }
        case "map":
            return Format<ExpressionSource>.expression(.value, mayBeEmpty: false).read(node, path, &reading)
                .map { .map($0) }
        case "redact": return hiddenPaths.read(node, path, &reading).map { .redact($0) }
        default:
            let enrichments = enrichmentMap.read(node, path, &reading)
            return enrichments.map { entries in
                .enrich(
                    entries.map { place, enrichment in
                        var enrichment = enrichment
                        enrichment.path = place
                        return enrichment
                    })
            }
        }
    }

    private static let removedPaths = Format<String>.place(.remove).list(nonEmpty: true)
    private static let hiddenPaths = Format<String>.place(.hide).list(nonEmpty: true)
    private static let assignmentMap = Format<ExpressionSource>.anyValue.byPlace(.write)
    private static let renamingMap = Format<String>.place(.move).byPlace(.move)
    private static let enrichmentMap = Configuration.Enrichment.section.format.byPlace(.write)
}

extension Format<String> {
    /// A place in an event.
    fileprivate static func place(_ use: TransformPath.Use) -> Self {
        .text("a place in an event", accepted: ["an attribute, or data.customer.id"]) {
            TransformPath.problem(of: $0, for: use)
        }
    }
}

extension Format<ExpressionSource> {
    /// CEL for any value; numbers, booleans and null of YAML are CEL, too.
    fileprivate static var anyValue: Self {
        let expression = expression(.value, mayBeEmpty: false)
        var format = expression
        format.read = { node, path, reading in
            if case .scalar(let scalar) = node.content, scalar.text == "null", scalar.isNull {
                return ExpressionSource("null", location: node.location)
            }
            return expression.read(node, path, &reading)
        }
        format.schema = { Schema.types(["string", "boolean", "number", "null"]) }
        return format
    }
}

extension Format {
    /// A map from places in an event to these, in the file's order.
    fileprivate func byPlace(_ use: TransformPath.Use) -> Format<[(String, Value)]> {
        let element = self
        return Format<[(String, Value)]>(
            read: { node, path, reading in
                guard case .map(let entries) = node.content, !entries.isEmpty else {
                    reading.wrongType(node, path, expected: "a map of places", remedy: "as in {data.total: …}")
                    return nil
                }
                return entries.compactMap { entry in
                    let entryPath = path.appendingKey(entry.key)
                    if let problem = TransformPath.problem(of: entry.key, for: use) {
                        reading.fail(
                            .badValue, "'\(entry.key.prefix(60))' is not a place in an event: \(problem)",
                            at: entry.keyLocation, entryPath, accepted: ["an attribute, or data.customer.id"])
                        return nil
                    }
                    return element.read(entry.value, entryPath, &reading).map { (entry.key, $0) }
                }
            },
            show: { entries in
                .map(entries.compactMap { key, value in element.show(value).map { .init(key: key, value: $0) } })
            },
            schema: { Schema.type("object", ("minProperties", .int(1)), ("additionalProperties", element.schema())) })
    }
}

extension Configuration.Enrichment {
    static let section = Section<Self>(
        "an enrichment", { Self() },
        [
            Key(
                "header", \.header,
                .text("an attribute", accepted: ["lower-case letters and digits, as subject or an extension"]) {
                    Names.isAttribute($0) && $0 != "data" ? nil : "it cannot be an attribute's name"
                },
                "The context attribute that the value comes from.", example: .string("tenant"),
                shownIf: { !$0.header.isEmpty }),
            Key(
                "state", \.state, .expression(.value, mayBeEmpty: false),
                "CEL for the key of the receiving handler's state that the value comes from.",
                example: .string("'customer/' + event.data.customer"), shownIf: { !$0.state.isEmpty }),
            Key(
                "default", \.fallback, .anyValue, "CEL for the value where there is none; left out, nothing is done.",
                example: .string("'eu'"), shownIf: { !$0.fallback.isEmpty }),
        ]
    ) { _, node, path, reading in
        switch (node["header"], node["state"]) {
        case (nil, nil):
            reading.fail(
                .missingKey, "an enrichment needs a source", at: node.location, path, accepted: ["header", "state"])
        case (.some, .some(let both)):
            reading.fail(
                .impossible, "an enrichment has 'header' or 'state', not both", at: both.keyLocation, "\(path).state",
                remedy: "make it two steps")
        default: break
        }
    }
}
