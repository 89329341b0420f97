extension Format<Configuration.Filter> {
    private static let dialects = ["exact", "prefix", "suffix", "all", "any", "not", "cel", "cesql", "sql"]

    /// A map with one dialect as its key, after Knative.
    static let filter = Format(
        read: { node, path, reading in readFilter(node, path, &reading) },
        show: showFilter,
        schema: { Schema.object(("$ref", .string("#/definitions/filter"))) })

    /// What `#/definitions/filter` stands for.
    static func definition() -> ConfigurationValue {
        let nested = Schema.object(("$ref", .string("#/definitions/filter")))
        let attributes = Schema.type(
            "object", ("minProperties", .int(1)),
            ("propertyNames", Schema.object(("pattern", .string("^[a-z0-9]+$")))),
            // Any scalar is a text here.
            ("additionalProperties", Schema.types(["string", "number", "boolean"])))
        let list = Schema.type("array", ("items", nested), ("minItems", .int(1)))
        func texts(_ text: String) -> ConfigurationValue { .map([.init(key: "subject", value: .string(text))]) }
        func filter(_ dialect: String, _ text: String) -> ConfigurationValue {
            .map([.init(key: dialect, value: texts(text))])
        }
        let both = ConfigurationValue.list([filter("prefix", "eu/"), filter("suffix", "/paid")])
        let query = ConfigurationValue.string("type LIKE 'com.acme.%'")
        return Schema.type(
            "object", ("minProperties", .int(1)), ("maxProperties", .int(1)), ("additionalProperties", .bool(false)),
            (
                "properties",
                Schema.object(
                    (
                        "exact",
                        Schema.described("Attributes that equal these texts.", example: texts("eu/1"), attributes)
                    ),
                    (
                        "prefix",
                        Schema.described("Attributes that begin with these texts.", example: texts("eu/"), attributes)
                    ),
                    (
                        "suffix",
                        Schema.described("Attributes that end with these texts.", example: texts("/paid"), attributes)
                    ),
                    ("all", Schema.described("Filters that all hold.", example: both, list)),
                    ("any", Schema.described("Filters of which one holds.", example: both, list)),
                    (
                        "not",
                        Schema.described("A filter that does not hold.", example: filter("prefix", "test/"), nested)
                    ),
                    (
                        "cel",
                        Schema.described(
                            "CEL over event.", example: .string("event.data.total > 100"), Schema.type("string"))
                    ),
                    (
                        "cesql",
                        Schema.described(
                            "CloudEvents SQL over the event's attributes.", example: query, Schema.type("string"))
                    ),
                    (
                        "sql",
                        Schema.described(
                            "The same as cesql, by the Subscriptions API's name.", example: query, Schema.type("string")
                        )
                    ))
            ))
    }

    private static func readFilter(
        _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) -> Configuration.Filter? {
        guard case .map(let entries) = node.content else {
            reading.wrongType(node, path, expected: "a filter, as {prefix: {subject: eu/}}", accepted: dialects)
            return nil
        }
        for entry in entries where !dialects.contains(entry.key) { refuse(entry, path, &reading) }
        guard entries.allSatisfy({ dialects.contains($0.key) }) else { return nil }
        guard let entry = entries.first, entries.count == 1 else {
            reading.fail(
                .badValue, "a filter has one dialect, this one has \(entries.count)", at: node.location, path,
                accepted: dialects, remedy: "write one filter for each; all of the list must hold")
            return nil
        }
        return readDialect(entry, path.appendingKey(entry.key), &reading)
    }

    private static func readDialect(
        _ entry: YAMLEntry, _ path: String, _ reading: inout Reading
    ) -> Configuration.Filter? {
        switch entry.key {
        case "exact": attributes(entry.value, path, &reading).map { .exact($0) }
        case "prefix": attributes(entry.value, path, &reading).map { .prefix($0) }
        case "suffix": attributes(entry.value, path, &reading).map { .suffix($0) }
        case "all": filter.list(nonEmpty: true).read(entry.value, path, &reading).map { .all($0) }
        case "any": filter.list(nonEmpty: true).read(entry.value, path, &reading).map { .any($0) }
        case "not": readFilter(entry.value, path, &reading).map { .not($0) }
        case "cesql", "sql":
            Format<ExpressionSource>.expression(.query, mayBeEmpty: false).read(entry.value, path, &reading)
                .map { .cesql($0, key: entry.key) }
        default:
            Format<ExpressionSource>.expression(.condition, mayBeEmpty: false).read(entry.value, path, &reading)
                .map { .cel($0) }
        }
    }

    private static func refuse(_ entry: YAMLEntry, _ path: String, _ reading: inout Reading) {
        let entryPath = path.appendingKey(entry.key)
        reading.fail(
            .unknownKey,
            "unknown dialect '\(entry.key.prefix(60))'\(Suggestion.text(for: entry.key, among: dialects))",
            at: entry.keyLocation, entryPath, accepted: dialects)
    }

    private static func attributes(
        _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) -> [Configuration.AttributeText]? {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            reading.wrongType(node, path, expected: "a map of attributes and texts", remedy: "as in {subject: eu/}")
            return nil
        }
        return entries.compactMap { entry in
            let entryPath = path.appendingKey(entry.key)
            guard Names.isAttribute(entry.key) else {
                reading.fail(
                    .badValue, "'\(entry.key.prefix(60))' is not a context attribute", at: entry.keyLocation, entryPath,
                    accepted: ["lower-case letters and digits, as type, source, subject or an extension"],
                    remedy: entry.key.hasPrefix("data") ? "use 'match' or 'cel' for what is inside data" : nil)
                return nil
            }
            // Any scalar: `{exact: {tenant: 7}}` compares with the text 7.
            guard let scalar = reading.scalar(entry.value, entryPath, expected: "a text") else { return nil }
            if scalar.text.isEmpty {
                reading.fail(.badValue, "the text is empty", at: entry.value.location, entryPath)
                return nil
            }
            return .init(attribute: entry.key, text: scalar.text)
        }
    }

    private static func showFilter(_ filter: Configuration.Filter) -> ConfigurationValue {
        func texts(_ attributes: [Configuration.AttributeText]) -> ConfigurationValue {
            .map(attributes.map { .init(key: $0.attribute, value: .string($0.text)) })
        }
        let entry: ConfigurationValue.Entry =
            switch filter {
            case .exact(let attributes): .init(key: "exact", value: texts(attributes))
            case .prefix(let attributes): .init(key: "prefix", value: texts(attributes))
            case .suffix(let attributes): .init(key: "suffix", value: texts(attributes))
            case .all(let filters): .init(key: "all", value: .list(filters.map(showFilter)))
            case .any(let filters): .init(key: "any", value: .list(filters.map(showFilter)))
            case .not(let filter): .init(key: "not", value: showFilter(filter))
            case .cel(let source): .init(key: "cel", value: .string(source.text))
            case .cesql(let source, let key): .init(key: key, value: .string(source.text))
            }
        return .map([entry])
    }
}
