extension Format where Value: Equatable {
    /// One of these, or a list of them.
    func several(nonEmpty: Bool = false) -> Format<Configuration.Several<Value>> {
        let (element, list) = (self, list(nonEmpty: nonEmpty))
        return Format<Configuration.Several<Value>>(
            read: { node, path, reading in
                var several = Configuration.Several<Value>()
                if case .list = node.content {
                    guard let items = list.read(node, path, &reading) else { return nil }
                    several.items = items
                } else {
                    guard let item = element.read(node, path, &reading) else { return nil }
                    several.items = [item]
                    several.isList = false
                }
                return several
            },
            show: { $0.isList ? list.show($0.items) : $0.items.first.flatMap(element.show) },
            schema: { Schema.object(("anyOf", .list([element.schema(), list.schema()]))) })
    }
}

extension Format<String> {
    /// Any scalar as text, as an id that looks like a number.
    static func word(_ expected: String) -> Self {
        Format(
            read: { node, path, reading in reading.scalar(node, path, expected: expected)?.text },
            show: { .string($0) },
            schema: { Schema.object(("type", .list([.string("string"), .string("number"), .string("boolean")]))) })
    }

    /// `module.handler`, checked against the routes once the configuration is known.
    static let handlerName = Format(
        read: { node, path, reading in Format<Configuration.HandlerReference>.handler.read(node, path, &reading)?.name
        },
        show: { .string($0) },
        schema: { Format<Configuration.HandlerReference>.handler.schema() })
}

extension Format<Configuration.Bounds<Int>> {
    /// `3`, `2..5`, `2..` or `..5`.
    static let count = Format(
        read: { node, path, reading in
            reading.bounds(node, path, expected: "a number or a range", ["3", "2..5", "2..", "..5"]) { text in
                Int(text).flatMap { $0 >= 0 ? $0 : nil }
            }
        },
        show: { bounds in
            if let only = bounds.only { return .int(Int64(only)) }
            return .string(bounds.text { "\($0)" })
        },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([
                        Schema.type("integer", ("minimum", .int(0))),
                        Schema.type(
                            "string", ("pattern", .string(#"^([0-9]+\.\.[0-9]*|\.\.[0-9]+|[0-9]+|.*\$\{.+)$"#))),
                    ])
                ))
        })
}

extension Format<Configuration.Bounds<Duration>> {
    /// `500ms`, `500ms..1s`, `1s..` or `..1s`.
    static let span = Format(
        read: { node, path, reading in
            let bounds = reading.bounds(
                node, path, expected: "a duration or a range", ["500ms", "500ms..1s", "1s..", "..1s"],
                DurationText.parse)
            guard let bounds else { return nil }
            for end in [bounds.lower, bounds.upper] {
                guard let end else { continue }
                guard reading.inRange(end, .zero...DurationText.longest, node, path, show: DurationText.format) != nil
                else { return nil }
            }
            return bounds
        },
        show: { .string($0.text(DurationText.format)) },
        schema: { Schema.type("string", ("minLength", .int(2))) })
}

extension Configuration.Bounds {
    /// The value that the range has nothing else than; `nil` where it has more.
    fileprivate var only: Value? { lower == upper ? lower : nil }

    /// As the file has it.
    package func text(_ show: (Value) -> String) -> String {
        if let only { return show(only) }
        return "\(lower.map(show) ?? "")..\(upper.map(show) ?? "")"
    }
}

extension Reading {
    /// A value or a range of values.
    fileprivate mutating func bounds<Value: Comparable & Sendable>(
        _ node: YAMLNode, _ path: String, expected: String, _ examples: [String], _ parse: (String) -> Value?
    ) -> Configuration.Bounds<Value>? {
        guard let scalar = scalar(node, path, expected: expected) else { return nil }
        let parts = scalar.text.splitRange
        let lower = parts.lower.flatMap(parse)
        let upper = parts.upper.flatMap(parse)
        let isWhole = (parts.lower == nil) == (lower == nil) && (parts.upper == nil) == (upper == nil)
        guard isWhole, lower != nil || upper != nil else {
            fail(
                .badValue, "\(scalar.quoted) is not \(expected)", at: node.location, path, accepted: examples)
            return nil
        }
        if let lower, let upper, lower > upper {
            fail(
                .outOfRange, "\(scalar.quoted) ends before it begins", at: node.location, path,
                remedy: "write the smaller one first")
            return nil
        }
        return Configuration.Bounds(lower: lower, upper: upper)
    }
}

extension String {
    /// What stands before and behind `..`; the same twice without it, `nil` for nothing.
    fileprivate var splitRange: (lower: String?, upper: String?) {
        let text = Array(self)
        guard let dots = text.indices.first(where: { $0 + 1 < text.count && text[$0] == "." && text[$0 + 1] == "." })
        else { return (self, self) }
        let (lower, upper) = (String(text[..<dots]), String(text[(dots + 2)...]))
        return (lower.isEmpty ? nil : lower, upper.isEmpty ? nil : upper)
    }
}

// MARK: Expectations

extension Format<[Configuration.Test.RouteVerdict]> {
    /// A map from routes to verdicts.
    static let verdicts = Format(
        read: { node, path, reading in
            guard case .map(let entries) = node.content, !entries.isEmpty else {
                reading.wrongType(node, path, expected: "a map of routes and verdicts", remedy: "as {orders: matched}")
                return nil
            }
            return entries.compactMap { entry in
                Format<Configuration.Test.RouteVerdict.Verdict>.choice()
                    .read(entry.value, path.appendingKey(entry.key), &reading)
                    .map { .init(route: entry.key, verdict: $0) }
            }
        },
        show: { .map($0.map { .init(key: $0.route, value: .string($0.verdict.rawValue)) }) },
        schema: {
            Schema.type(
                "object", ("minProperties", .int(1)),
                ("additionalProperties", Format<Configuration.Test.RouteVerdict.Verdict>.choice().schema()))
        })
}

extension Format<Configuration.Test.Order> {
    /// `byKey`, or a list of ids.
    static let order = Format(
        read: { node, path, reading in
            if case .list = node.content {
                return Format<String>.word("an event's id").list(nonEmpty: true).read(node, path, &reading)
                    .map { .events($0) }
            }
            guard case .scalar(let scalar) = node.content, scalar.text == "byKey" else {
                reading.wrongType(
                    node, path, expected: "byKey or a list of ids", accepted: ["byKey", "[order-1, order-2]"])
                return nil
            }
            return .byKey
        },
        show: { order in
            switch order {
            case .byKey: .string("byKey")
            case .events(let ids): .list(ids.map { .string($0) })
            }
        },
        schema: {
            let ids = Format<String>.word("").list(nonEmpty: true).schema()
            return Schema.object(("anyOf", .list([Schema.object(("const", .string("byKey"))), ids])))
        })
}

extension Format<Configuration.Test.Transition> {
    /// `open`, or `{open: 3s}`.
    static let transition = Format(
        read: { node, path, reading in
            let states = Configuration.Test.Transition.State.allCases.map(\.rawValue)
            guard case .map(let entries) = node.content else {
                return Format<Configuration.Test.Transition.State>.choice().read(node, path, &reading)
                    .map { .init(state: $0, at: nil) }
            }
            guard let entry = entries.first, entries.count == 1,
                let state = Configuration.Test.Transition.State(rawValue: entry.key)
            else {
                reading.fail(
                    .badValue, "a change of state is one state, perhaps with its time", at: node.location, path,
                    accepted: states + ["open: 3s"])
                return nil
            }
            let span = Format<Configuration.Bounds<Duration>>.span
            return span.read(entry.value, path.appendingKey(entry.key), &reading).map { .init(state: state, at: $0) }
        },
        show: { transition in
            guard let at = transition.at else { return .string(transition.state.rawValue) }
            return .map([.init(key: transition.state.rawValue, value: .string(at.text(DurationText.format)))])
        },
        schema: {
            let states = Configuration.Test.Transition.State.allCases.map(\.rawValue)
            return Schema.object(
                (
                    "anyOf",
                    .list([
                        Schema.type("string", ("enum", .list(states.map { .string($0) }))),
                        Schema.type(
                            "object", ("minProperties", .int(1)), ("maxProperties", .int(1)),
                            ("propertyNames", Schema.object(("enum", .list(states.map { .string($0) })))),
                            ("additionalProperties", Format<Configuration.Bounds<Duration>>.span.schema())),
                    ])
                ))
        })
}
