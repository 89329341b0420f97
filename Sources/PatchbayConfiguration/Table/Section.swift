/// One map of the file: its keys, once, for reading, suggestions, the schema and the effective configuration.
struct Section<Root: Sendable>: Sendable {
    /// As in `unknown key 'x' in a retry policy`.
    let name: String
    /// A root with every default in place.
    let make: @Sendable () -> Root
    let keys: [Key<Root>]
    /// Keys of later work, and which work that is.
    let later: [(name: String, work: LaterWork)]
    /// Rules between keys; runs when every key was read without an error.
    let finish: @Sendable (inout Root, YAMLNode, String, inout Reading) -> Void

    init(
        _ name: String, _ make: @escaping @Sendable () -> Root, _ keys: [Key<Root>],
        later: [(name: String, work: LaterWork)] = [],
        finish: @escaping @Sendable (inout Root, YAMLNode, String, inout Reading) -> Void = { _, _, _, _ in }
    ) {
        self.name = name
        self.make = make
        self.keys = keys
        self.later = later
        self.finish = finish
    }

    /// What `node` says, with defaults for what it leaves out or gets wrong; `nil` when it is no map.
    func read(_ node: YAMLNode, _ path: String, _ reading: inout Reading) -> Root? {
        var entries: [YAMLEntry] = []
        switch node.content {
        case .map(let found): entries = found
        case .scalar(let scalar) where scalar.isNull: break
        default:
            reading.wrongType(node, path, expected: "a map (\(name))", accepted: keys.map(\.name))
            return nil
        }
        var root = make()
        let errorsBefore = reading.errors.count
        for entry in entries {
            let entryPath = path.appendingKey(entry.key)
            if let key = keys.first(where: { $0.name == entry.key }) {
                key.read(entry.value, entryPath, &root, &reading)
            } else if let work = later.first(where: { $0.name == entry.key })?.work {
                reading.fail(.later, work.refusal(of: "key '\(entry.key)'"), at: entry.keyLocation, entryPath)
            } else {
                let names = keys.map(\.name)
                reading.fail(
                    .unknownKey,
                    "unknown key '\(entry.key.prefix(60))' in \(name)\(Suggestion.text(for: entry.key, among: names))",
                    at: entry.keyLocation, entryPath, accepted: names)
            }
        }
        for key in keys where key.isRequired && !entries.contains(where: { $0.key == key.name }) {
            reading.fail(
                .missingKey, "\(name) needs the key '\(key.name)'", at: node.location, path,
                remedy: "add '\(key.name)': \(key.help)")
        }
        if reading.errors.count == errorsBefore { finish(&root, node, path, &reading) }
        return root
    }

    func show(_ root: Root) -> ConfigurationValue {
        .map(keys.compactMap { key in key.show(root).map { .init(key: key.name, value: $0) } })
    }

    func schema() -> ConfigurationValue {
        let defaults = make()
        let required = keys.filter(\.isRequired).map { ConfigurationValue.string($0.name) }
        return Schema.types(
            required.isEmpty ? ["object", "null"] : ["object"], ("additionalProperties", .bool(false)),
            ("required", required.isEmpty ? nil : .list(required)),
            (
                "properties",
                .map(
                    keys.map { key in
                        var members = [ConfigurationValue.Entry(key: "description", value: .string(key.help))]
                        if !key.isRequired, let value = key.show(defaults) {
                            members.append(.init(key: "default", value: value))
                        }
                        if let example = key.example ?? key.show(defaults) {
                            members.append(.init(key: "examples", value: .list([example])))
                        }
                        return .init(key: key.name, value: key.schema().prefixed(members))
                    })
            ))
    }

    /// This map as one value.
    var format: Format<Root> {
        Format(read: { read($0, $1, &$2) }, show: { show($0) }, schema: { schema() })
    }
}

/// One key of a map and the property that it lands in.
struct Key<Root: Sendable>: Sendable {
    let name: String
    /// Completes "add 'name':" in errors and describes the key in the schema.
    let help: String
    let example: ConfigurationValue?
    let isRequired: Bool
    let read: @Sendable (YAMLNode, String, inout Root, inout Reading) -> Void
    let show: @Sendable (Root) -> ConfigurationValue?
    let schema: @Sendable () -> ConfigurationValue

    /// `isShown` hides the key from the effective configuration where it would have no meaning.
    init<Value: Sendable>(
        _ name: String, _ property: any WritableKeyPath<Root, Value> & Sendable, _ format: Format<Value>,
        _ help: String, example: ConfigurationValue? = nil, required: Bool = false,
        shownIf isShown: @escaping @Sendable (Root) -> Bool = { _ in true }
    ) {
        self.name = name
        self.help = help
        self.example = example
        isRequired = required
        read = { node, path, root, reading in
            guard let value = format.read(node, path, &reading) else { return }
            root[keyPath: property] = value
        }
        show = { isShown($0) ? format.show($0[keyPath: property]) : nil }
        schema = format.schema
    }

    /// A required key whose place is kept in `location`: the name of what the map defines.
    init(
        naming name: String, _ property: any WritableKeyPath<Root, String> & Sendable, _ format: Format<String>,
        _ help: String, example: ConfigurationValue, location: any WritableKeyPath<Root, SourceLocation> & Sendable
    ) {
        self.name = name
        self.help = help
        self.example = example
        isRequired = true
        read = { node, path, root, reading in
            root[keyPath: location] = node.location
            guard let value = format.read(node, path, &reading) else { return }
            root[keyPath: property] = value
        }
        show = { format.show($0[keyPath: property]) }
        schema = format.schema
    }
}
