import PatchbayEvents

extension Format<[Configuration.AttributeText]> {
    /// A map of attributes and texts.
    static let attributes = Format(
        read: { node, path, reading in
            guard case .map(let entries) = node.content, !entries.isEmpty else {
                reading.wrongType(node, path, expected: "a map of attributes and texts", remedy: "as {type: order}")
                return nil
            }
            return entries.compactMap { reading.attribute($0, path) }
        },
        show: { .map($0.map { .init(key: $0.attribute, value: .string($0.text)) }) },
        schema: {
            Schema.type(
                "object", ("minProperties", .int(1)),
                ("propertyNames", Schema.object(("pattern", .string("^[a-z0-9]+$")))),
                ("additionalProperties", scalarSchema))
        })

    fileprivate static let scalarSchema = Schema.object(
        ("type", .list([.string("string"), .string("number"), .string("boolean")])))
}

extension Format<Configuration.Test.EventText> {
    /// An event that can be sent: it has a type, and what it leaves out has a default.
    static let event = Format(
        read: { node, path, reading in
            guard let event = readEvent(node, path, &reading) else { return nil }
            guard event["type"] != nil else {
                reading.fail(
                    .missingKey, "an event needs the key 'type'", at: node.location, path,
                    remedy: "add 'type': as com.acme.order.paid")
                return nil
            }
            guard let problem = event.problem else { return event }
            reading.fail(.badValue, "it is no CloudEvent: \(problem)", at: node.location, path)
            return nil
        },
        show: show,
        schema: { schema(required: ["type"]) })

    /// Some of an event's attributes and data, to compare with.
    static let partialEvent = Format(
        read: { node, path, reading in readEvent(node, path, &reading) },
        show: show,
        schema: { schema(required: []) })

    private static func readEvent(
        _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) -> Configuration.Test.EventText? {
        guard case .map(let entries) = node.content, !entries.isEmpty else {
            reading.wrongType(
                node, path, expected: "an event",
                remedy: "as {type: com.acme.order.paid, subject: eu/1, data: {total: 200}}")
            return nil
        }
        var event = Configuration.Test.EventText()
        event.location = node.location
        let errorsBefore = reading.errors.count
        for entry in entries {
            if entry.key == "data" {
                event.data = Format<ConfigurationValue>.free(entry.value)
            } else if let attribute = reading.attribute(entry, path) {
                event.attributes.append(attribute)
                event.values[entry.key] = extensionValue(entry)
            }
        }
        return reading.errors.count == errorsBefore ? event : nil
    }

    private static let contextAttributes: Set = [
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data_base64",
    ]

    /// The integer or Boolean of CloudEvents that an extension is; `nil` for a text.
    private static func extensionValue(_ entry: YAMLEntry) -> ConfigurationValue? {
        guard !contextAttributes.contains(entry.key), case .scalar(let scalar) = entry.value.content else { return nil }
        return switch scalar.resolved {
        case .bool(let value): .bool(value)
        case .int(let value) where Int32(exactly: value) != nil && scalar.text == "\(value)": .int(value)
        default: nil
        }
    }

    private static func show(_ event: Configuration.Test.EventText) -> ConfigurationValue {
        var entries = event.attributes.map {
            ConfigurationValue.Entry(key: $0.attribute, value: event.values[$0.attribute] ?? .string($0.text))
        }
        if let data = event.data { entries.append(.init(key: "data", value: data)) }
        return .map(entries)
    }

    fileprivate static func schema(
        required: [String], with further: [ConfigurationValue.Entry] = []
    ) -> ConfigurationValue {
        func described(_ name: String, _ text: String, _ example: String) -> ConfigurationValue.Entry {
            .init(
                key: name,
                value: Format<[Configuration.AttributeText]>.scalarSchema.prefixed([
                    .init(key: "description", value: .string(text)),
                    .init(key: "examples", value: .list([.string(example)])),
                ]))
        }
        let data = ConfigurationValue.map([
            .init(key: "description", value: .string("The event's data, any JSON value.")),
            .init(key: "examples", value: .list([.map([.init(key: "total", value: .int(200))])])),
        ])
        return Schema.type(
            "object", ("minProperties", .int(1)),
            ("required", required.isEmpty ? nil : .list(required.map { .string($0) })),
            (
                "properties",
                .map(
                    [
                        described("type", "The event's type.", "com.acme.order.paid"),
                        described("id", "Its id; numbered by default.", "order-1"),
                        described("source", "Its source; /test by default.", "/shop"),
                        described("subject", "Its subject.", "eu/1"),
                        described("time", "Its time, as RFC 3339.", "2026-01-01T00:00:00Z"),
                        .init(key: "data", value: data),
                    ] + further)
            ),
            ("patternProperties", .map([.init(key: "^[a-z0-9]+$", value: .map([]))])),
            ("additionalProperties", .bool(false)))
    }
}

extension Configuration.Test.EventText {
    /// As structured JSON; `id` and `source` stand in where it has none.
    package func json(id: String, source: String) -> [UInt8] {
        var members: [(String, Value)] = [("specversion", .string(self["specversion"] ?? "1.0"))]
        for attribute in attributes where attribute.attribute != "specversion" && attribute.attribute != "id" {
            members.append((attribute.attribute, values[attribute.attribute]?.value ?? .string(attribute.text)))
        }
        members.append(("id", .string(id)))
        if self["source"] == nil { members.append(("source", .string(source))) }
        if let data {
            if self["datacontenttype"] == nil { members.append(("datacontenttype", .string("application/json"))) }
            members.append(("data", data.value))
        }
        return Value.object(members).json
    }

    /// Why it is not a CloudEvent; `nil` when it is.
    fileprivate var problem: String? {
        do throws(CloudEventsError) {
            _ = try CloudEventsCodec(eventBytes: 16 << 20, nesting: 1000).event(
                json(id: self["id"] ?? "1", source: "/test"))
            return nil
        } catch {
            return error.message
        }
    }
}

// MARK: Sending

extension Configuration.Test.Sending {
    /// When, and how often.
    fileprivate static let schedule = Section<Self>(
        "a schedule", { Self() },
        [
            Key("at", \.at, .duration(), "When the first one comes in, from the test's beginning."),
            Key(
                "every", \.every, .duration(.nanoseconds(1)...DurationText.longest),
                "The time between two of them."),
            Key("times", \.times, .integer(1...1_000_000), "How many there are."),
        ]
    ) { sending, node, path, reading in
        if let every = node["every"], sending.times == 1 {
            reading.fail(
                .impossible, "'every' has no meaning with 'times: 1'", at: every.keyLocation, "\(path).every",
                remedy: "say how often with times")
        }
        guard sending.every > (DurationText.longest - sending.at) / sending.times else { return }
        reading.fail(
            .outOfRange, "the last of \(sending.times) events comes in later than \(DurationText.longest.text)",
            at: node.location, path)
    }

    fileprivate static let nested = Section<Self>(
        "what is sent", { Self() },
        [
            Key(
                "event", \.event, .event, "The event; this form leaves its attributes at, every and times to it.",
                example: .map([.init(key: "type", value: .string("com.acme.order.paid"))]), required: true)
        ] + schedule.keys, finish: schedule.finish)
}

extension Format<Configuration.Test.Sending> {
    /// An event with its schedule beside its attributes, or around it as `{event: …, every: 1s, times: 100}`.
    static let sending = Format(
        read: { node, path, reading in
            let errorsBefore = reading.errors.count
            if node["event"] != nil {
                var sending = Configuration.Test.Sending.nested.read(node, path, &reading)
                sending?.isNested = true
                return reading.errors.count == errorsBefore ? sending : nil
            }
            let names = Configuration.Test.Sending.schedule.keys.map(\.name)
            guard case .map(let entries) = node.content else {
                _ = Format<Configuration.Test.EventText>.event.read(node, path, &reading)
                return nil
            }
            for entry in entries { reading.refuseMisspelling(of: names, entry, path) }
            let own = YAMLNode(
                location: node.location, content: .map(entries.filter { names.contains($0.key) }))
            let event = YAMLNode(
                location: node.location, content: .map(entries.filter { !names.contains($0.key) }))
            let sending = Configuration.Test.Sending.schedule.read(own, path, &reading)
            guard let text = Format<Configuration.Test.EventText>.event.read(event, path, &reading), var sending,
                reading.errors.count == errorsBefore
            else { return nil }
            sending.event = text
            return sending
        },
        show: { sending in
            let event = Format<Configuration.Test.EventText>.event.show(sending.event) ?? .map([])
            let schedule = sending.shownSchedule
            if sending.isNested { return .map([.init(key: "event", value: event)] + schedule) }
            guard case .map(let entries) = event else { return event }
            return .map(entries + schedule)
        },
        schema: {
            let schedule = Configuration.Test.Sending.schedule.schema()
            var further: [ConfigurationValue.Entry] = []
            if case .map(let entries)? = schedule["properties"] { further = entries }
            return Schema.object(
                (
                    "anyOf",
                    .list([
                        Format<Configuration.Test.EventText>.schema(required: ["type"], with: further),
                        Configuration.Test.Sending.nested.schema(),
                    ])
                ))
        })
}

extension Configuration.Test.Sending {
    /// What differs from sending once at the beginning.
    fileprivate var shownSchedule: [ConfigurationValue.Entry] {
        var entries: [ConfigurationValue.Entry] = []
        if at > .zero { entries.append(.init(key: "at", value: .string(at.text))) }
        if times > 1 {
            entries.append(.init(key: "every", value: .string(every.text)))
            entries.append(.init(key: "times", value: .int(Int64(times))))
        }
        return entries
    }
}

extension Reading {
    /// Reports what is rather a misspelt key of a schedule than an extension attribute.
    fileprivate mutating func refuseMisspelling(of names: [String], _ entry: YAMLEntry, _ path: String) {
        guard !names.contains(entry.key), entry.key != "time",
            let meant = Suggestion.nearest(to: entry.key, among: names.filter { $0.count > 2 })
        else { return }
        fail(
            .unknownKey, "unknown key '\(entry.key)'; did you mean '\(meant)'?", at: entry.keyLocation,
            path.appendingKey(entry.key), accepted: names,
            remedy: "write {event: {\(entry.key): …}} where the event has an attribute of that name")
    }

    /// One attribute and its text, whatever scalar that is.
    fileprivate mutating func attribute(_ entry: YAMLEntry, _ path: String) -> Configuration.AttributeText? {
        let entryPath = path.appendingKey(entry.key)
        guard Names.isAttribute(entry.key) || entry.key == "data_base64" else {
            fail(
                .badValue, "'\(entry.key.prefix(60))' is not an attribute", at: entry.keyLocation, entryPath,
                accepted: ["type, id, source, subject, time, data", "extensions in lower-case letters and digits"])
            return nil
        }
        guard let scalar = scalar(entry.value, entryPath, expected: "a text") else { return nil }
        return .init(attribute: entry.key, text: scalar.text)
    }
}
