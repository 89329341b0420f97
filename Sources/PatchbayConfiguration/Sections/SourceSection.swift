extension Configuration.Source {
    static let section = Section<Self>(
        "a source", { Self() },
        [
            Key(
                naming: "name", \.name, .name("a source's name"), "The source's name, unique in the file.",
                example: .string("orders"), location: \.location),
            Key(
                "type", \.type, .choice(later: ["directory": .sources, "timer": .sources]),
                "What is read: a JSON-lines file, standard input, or a Unix socket behind 'patchbay send'.",
                example: .string("file"), required: true),
            Key(
                "path", \.path, .text("a path") { $0.isEmpty ? "it is empty" : nil },
                "The file or socket; a socket is patchbay.sock in XDG_RUNTIME_DIR, or else here, by default.",
                example: .string("./orders.jsonl"), shownIf: { $0.type != .stdin }),
            Key(
                "format", \.format, .choice(), "What a line holds: a CloudEvent, or the data of one."),
            Key(
                "eventType", \.eventType, .text("an event type") { $0.isEmpty ? "it is empty" : nil },
                "format: json: the type of the events.", example: .string("com.acme.order.created"),
                shownIf: { $0.format == .json }),
            Key(
                "source", \.source, .text("a URI reference") { $0.isEmpty ? "it is empty" : nil },
                "format: json: the source attribute of the events.", example: .string("/shop"),
                shownIf: { $0.format == .json }),
        ],
        later: [
            ("pattern", .sources), ("done", .sources), ("cron", .sources), ("timezone", .sources), ("every", .sources),
        ],
        finish: finish)

    private static func finish(
        _ source: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        switch source.type {
        case .file:
            if node["path"] == nil {
                reading.fail(.missingKey, "a file source needs the key 'path'", at: node.location, path)
            }
        case .stdin: reading.refuse("path", of: node, path, because: "'type: stdin', which has none")
        case .socket:
            if node["path"] == nil {
                source.path = Configuration.socketPathDefault(environment: reading.inputs.environment)
            }
            // sockaddr_un has room for 107 bytes and the final zero.
            if source.path.utf8.count > 107 {
                reading.fail(
                    .outOfRange, "a socket's path has at most 107 bytes, this one has \(source.path.utf8.count)",
                    at: node["path"]?.value.location ?? node.location, "\(path).path")
            }
        }
        for key in ["eventType", "source"] {
            switch source.format {
            case .cloudevents:
                reading.refuse(key, of: node, path, because: "'format: cloudevents', which brings its own")
            case .json:
                if node[key] == nil {
                    reading.fail(.missingKey, "'format: json' needs the key '\(key)'", at: node.location, path)
                }
            }
        }
    }
}

extension Reading {
    /// Reports `key` if the file has it.
    fileprivate mutating func refuse(_ key: String, of node: YAMLNode, _ path: String, because reason: String) {
        guard let entry = node[key] else { return }
        fail(
            .impossible, "'\(key)' has no meaning with \(reason)", at: entry.keyLocation, "\(path).\(key)",
            remedy: "remove it")
    }
}
