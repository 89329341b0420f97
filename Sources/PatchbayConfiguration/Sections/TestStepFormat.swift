extension Configuration.Test.Step {
    fileprivate static let section = Section<Self>(
        "a step", { Self(.transient) },
        [
            Key(
                "outcome", \.outcome, .choice(later: ["panic": .modules]),
                "What the attempt comes to; transient may be tried again."),
            Key(
                "reason", \.reason, .text("a reason"), "The reason given; what stands before its colon is its class.",
                example: .string("invalid: no such customer")),
            Key("retryAfter", \.retryAfter, .duration(), "How long the handler asks to wait."),
            Key("code", \.code, .integer(-2_147_483_648...2_147_483_647), "The handler's own number for it."),
            Key(
                "takes", \.takes, Format<Duration>.duration().optional, "How long the attempt takes.",
                example: .string("200ms")),
            Key("times", \.times, .integer(1...1_000_000_000), "How many attempts in a row."),
        ]
    ) { step, node, path, reading in
        guard step.outcome != .transient, step.outcome != .busy, let asked = node["retryAfter"] else { return }
        reading.fail(
            .impossible, "'retryAfter' has no meaning with 'outcome: \(step.outcome.rawValue)'",
            at: asked.keyLocation, "\(path).retryAfter", remedy: "remove it")
    }
}

extension Format<Configuration.Test.Step> {
    /// `transient`, `{busy: 2s}`, or `{outcome: transient, reason: "…", retryAfter: 5s, takes: 1s, times: 3}`.
    static let step = Format(
        read: { node, path, reading in
            if case .scalar = node.content {
                return Format<Configuration.Test.Step.Outcome>.choice(later: ["panic": .modules])
                    .read(node, path, &reading).map { Configuration.Test.Step($0) }
            }
            guard let busy = node["busy"], case .map(let entries) = node.content else {
                return Configuration.Test.Step.section.read(node, path, &reading)
            }
            // `busy: 2s` is short for an outcome with its wait.
            let others = entries.filter { $0.key != "busy" }
            for entry in others where ["outcome", "retryAfter"].contains(entry.key) {
                reading.fail(
                    .impossible, "'\(entry.key)' has no meaning beside 'busy', which says it", at: entry.keyLocation,
                    path.appendingKey(entry.key), remedy: "remove one of the two")
                return nil
            }
            let rest = YAMLNode(location: node.location, content: .map(others))
            var step = Configuration.Test.Step.section.read(rest, path, &reading)
            step?.outcome = .busy
            guard let wait = Format<Duration>.duration().read(busy.value, "\(path).busy", &reading) else { return nil }
            step?.retryAfter = wait
            return step
        },
        show: { step in
            var entries: [ConfigurationValue.Entry] = []
            if step.outcome == .busy, step.retryAfter > .zero {
                entries.append(.init(key: "busy", value: .string(step.retryAfter.text)))
            } else {
                entries.append(.init(key: "outcome", value: .string(step.outcome.rawValue)))
                if step.retryAfter > .zero {
                    entries.append(.init(key: "retryAfter", value: .string(step.retryAfter.text)))
                }
            }
            if !step.reason.isEmpty { entries.append(.init(key: "reason", value: .string(step.reason))) }
            if step.code != 0 { entries.append(.init(key: "code", value: .int(Int64(step.code)))) }
            if let takes = step.takes { entries.append(.init(key: "takes", value: .string(takes.text))) }
            if step.times != 1 { entries.append(.init(key: "times", value: .int(Int64(step.times)))) }
            return entries.count == 1 && entries[0].key == "outcome" ? entries[0].value : .map(entries)
        },
        schema: {
            var step = Configuration.Test.Step.section.schema()
            let busy = ConfigurationValue.Entry(
                key: "busy",
                value: Format<Duration>.duration().schema().prefixed([
                    .init(key: "description", value: .string("Sheds the call and asks to wait this long.")),
                    .init(key: "examples", value: .list([.string("2s")])),
                ]))
            if case .map(let entries) = step {
                step = .map(
                    entries.map { entry in
                        guard entry.key == "properties", case .map(let properties) = entry.value else { return entry }
                        return .init(key: entry.key, value: .map(properties + [busy]))
                    })
            }
            let word = Format<Configuration.Test.Step.Outcome>.choice().schema()
            return Schema.object(("anyOf", .list([word, step])))
        })
}
