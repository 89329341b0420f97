extension Format<Configuration.HandlerReference> {
    /// `module.handler`, or `module.handler@version`; whether it exists is asked of the module host.
    static let handler = Format(
        read: { node, path, reading in
            guard let scalar = reading.scalar(node, path, expected: "a handler, as module.handler") else { return nil }
            let reference = Configuration.HandlerReference(name: scalar.text, location: node.location)
            func consists(_ text: some StringProtocol, of others: String) -> Bool {
                !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) }
            }
            guard Names.isName(reference.module), consists(reference.handler.prefix { $0 != "@" }, of: "._-"),
                reference.version.map({ consists($0, of: ".-+") }) != false
            else {
                reading.fail(
                    .badValue, "\(scalar.quoted) is not a handler", at: node.location, path,
                    accepted: ["module.handler, as billing.charge or builtin.log", "module.handler@version"])
                return nil
            }
            return reference
        },
        show: { .string($0.name) },
        schema: {
            Schema.type(
                "string",
                ("pattern", .string(#"^[A-Za-z0-9_][A-Za-z0-9_-]*\.[A-Za-z0-9._-]+(@[A-Za-z0-9.+-]+)?$|\$\{.+\}"#)))
        })
}

/// The two shapes of an entry of `to`.
private struct TargetKeys: Sendable {
    var handler = Configuration.HandlerReference(name: "", location: .none)
    var oneOf: [Configuration.Choice] = []

    static let section = Section<Self>(
        "a target", { Self() },
        [
            Key("handler", \.handler, .handler, "The handler, as module.handler.", example: .string("billing.charge")),
            Key(
                "oneOf", \.oneOf, Configuration.Choice.section.format.list(nonEmpty: true),
                "Entries of which one receives: the first whose match holds, or else one of those without, by weight.",
                example: .list([
                    .map([
                        .init(key: "handler", value: .string("github.comment")),
                        .init(key: "match", value: .string("event.source.startsWith('https://github.com/')")),
                    ]),
                    .map([.init(key: "handler", value: .string("slack.post"))]),
                ])),
        ]
    ) { _, node, path, reading in
        switch (node["handler"], node["oneOf"]) {
        case (nil, nil):
            reading.fail(
                .missingKey, "a target needs a handler", at: node.location, path, accepted: ["handler", "oneOf"])
        case (.some, .some(let both)):
            reading.fail(
                .impossible, "a target has 'handler' or 'oneOf', not both", at: both.keyLocation, "\(path).oneOf",
                remedy: "make it two targets")
        default: break
        }
    }
}

extension Configuration.Choice {
    static let section = Section<Self>(
        "a choice", { Self(handler: .init(name: "", location: .none)) },
        [
            Key(
                "handler", \.handler, .handler, "The handler, as module.handler.", example: .string("billing.charge"),
                required: true),
            Key(
                "match", \.match, .expression(.condition),
                "CEL over event; the first entry for which it holds receives. Empty takes what no condition took.",
                example: .string("event.data.repository.private == false"), shownIf: { !$0.match.isEmpty }),
            Key(
                "weight", \.weight, .integer(0...1_000_000),
                "Its share of the sum of all weights, sticky by ordering key; not beside match.",
                shownIf: \.match.isEmpty),
            Key(
                "use", \.use, Use.section.format, "Policies of this entry alone, by name.",
                example: .map([.init(key: "bulkhead", value: .string("default"))]),
                shownIf: { $0.use.bulkhead != nil }),
        ]
    ) { choice, node, path, reading in
        guard !choice.match.isEmpty, let weight = node["weight"] else { return }
        reading.fail(
            .impossible, "an entry has 'match' or 'weight', not both", at: weight.keyLocation, "\(path).weight",
            remedy: "remove 'weight': entries without 'match' share what no condition took")
    }
}

extension Configuration.Choice.Use {
    static let section = Section<Self>(
        "use of an entry", { Self() },
        [
            Key(
                "bulkhead", \.bulkhead, Format<Configuration.PolicyReference>.policy.optional,
                "A name of policies.bulkheads, instead of the route's.", example: .string("default"))
        ])
}

extension Format<Configuration.Target> {
    static let target = Format(
        read: { node, path, reading in
            let errorsBefore = reading.errors.count
            guard let keys = TargetKeys.section.read(node, path, &reading), reading.errors.count == errorsBefore else {
                return nil
            }
            guard let choices = node["oneOf"] else { return .handler(keys.handler) }
            if let problem = problem(of: keys.oneOf) {
                reading.fail(
                    .impossible, problem.message, at: choices.value.location, "\(path).oneOf", remedy: problem.remedy)
                return nil
            }
            if keys.oneOf.allSatisfy({ $0.weight == 0 && $0.match.isEmpty }) {
                reading.fail(
                    .impossible, "every weight is 0, so no handler is ever chosen", at: choices.value.location,
                    "\(path).oneOf", remedy: "give at least one handler a weight")
                return nil
            }
            return .oneOf(keys.oneOf)
        },
        show: { target in
            switch target {
            case .handler(let reference): .map([.init(key: "handler", value: .string(reference.name))])
            case .oneOf(let choices):
                .map([.init(key: "oneOf", value: .list(choices.map(Configuration.Choice.section.show)))])
            }
        },
        schema: {
            TargetKeys.section.schema().prefixed([
                .init(key: "minProperties", value: .int(1)), .init(key: "maxProperties", value: .int(1)),
            ])
        })

    private static func problem(of choices: [Configuration.Choice]) -> (message: String, remedy: String)? {
        if choices.count == 1, choices[0].match.isEmpty {
            return ("one handler is no choice", "write {handler: \(choices[0].handler.name)}, or add another one")
        }
        var seen: Set<String> = []
        let sharing = choices.filter(\.match.isEmpty)
        guard let twice = sharing.first(where: { !seen.insert($0.handler.name).inserted }) else { return nil }
        return ("'\(twice.handler.name)' stands here twice", "give it one weight, the sum of both")
    }
}
