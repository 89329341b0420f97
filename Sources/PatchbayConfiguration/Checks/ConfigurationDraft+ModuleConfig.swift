package import PatchbaySchemas

extension ConfigurationDraft {
    /// Adds what `schema`, out of a module's manifest, finds wrong with the `config` of the instance `name`.
    ///
    /// An instance that the file does not name has an empty configuration. Each error stands at the value that it is
    /// about, or at the nearest one around it; secrets are not shown.
    package mutating func check(configOf name: String, against schema: JSONSchema) {
        let index = configuration.modules.load.firstIndex { $0.name == name }
        let config = index.map { configuration.modules.load[$0].config } ?? .map([])
        let path = index.map { "modules.load[\($0)].config" } ?? "modules.load"
        let place =
            location(of: path) ?? location(of: "") ?? SourceLocation(file: "", line: 1, column: 1)
        var secrets: Set<String> = []
        collectSecrets(of: config, path: path, pointer: "", into: &secrets)
        // With defaults, as the module gets it.
        for violation in schema.validate(schema.fillingDefaults(in: config.value), redacting: secrets) {
            let valuePath = index == nil ? path : self.path(of: violation.instanceLocation, in: config, below: path)
            let key = violation.instanceLocation.isEmpty ? "" : "\(violation.instanceLocation): "
            add(
                ConfigurationError(
                    code: .badValue, message: "the configuration of module '\(name)': \(key)\(violation.message)",
                    location: location(of: valuePath) ?? place, path: valuePath,
                    remedy: index == nil
                        ? "add {name: \(name), config: {…}} to modules.load" : "its manifest has the schema"))
        }
    }

    /// JSON pointers of the values that came through a secret.
    private func collectSecrets(
        of value: ConfigurationValue, path: String, pointer: String, into secrets: inout Set<String>
    ) {
        if configuration.origins[path]?.isSecret == true { secrets.insert(pointer) }
        switch value {
        case .list(let list):
            for (index, element) in list.enumerated() {
                collectSecrets(of: element, path: "\(path)[\(index)]", pointer: "\(pointer)/\(index)", into: &secrets)
            }
        case .map(let entries):
            for entry in entries {
                let token = entry.key.replacing("~", with: "~0").replacing("/", with: "~1")
                collectSecrets(
                    of: entry.value, path: path.appendingKey(entry.key), pointer: "\(pointer)/\(token)", into: &secrets)
            }
        default: break
        }
    }

    /// The file's path of what a JSON pointer into `config` names.
    private func path(of pointer: String, in config: ConfigurationValue, below path: String) -> String {
        var path = path
        var value: ConfigurationValue? = config
        for token in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = token.replacing("~1", with: "/").replacing("~0", with: "~")
            if case .list(let list) = value {
                path += "[\(key)]"
                value = Int(key).flatMap { list.indices.contains($0) ? list[$0] : nil }
            } else {
                path = path.appendingKey(String(key))
                value = value?[String(key)]
            }
        }
        return path
    }
}
