import PatchbayEvents

/// A configuration with every default filled in and the origin of each value: what `patchbay config effective` prints.
package struct EffectiveConfiguration: Sendable {
    private let origins: Configuration.Origins
    private let secrets: Secrets
    private let root: ConfigurationValue

    package init(_ configuration: Configuration) {
        origins = configuration.origins
        secrets = configuration.secrets
        root = Configuration.section.show(configuration)
    }

    /// YAML that reads back as the same configuration; behind each value stands where it came from. Secrets are
    /// redacted, so a file with secrets does not read back.
    package var yaml: String {
        var text = ""
        write(root, path: "", indent: 0, into: &text)
        return text
    }

    /// `{"configuration": {…}, "origins": {"routes[0].name": "patchbay.yaml:3", …}}`, secrets redacted.
    package var json: String {
        var places: [ConfigurationValue.Entry] = []
        collect(root, path: "", into: &places)
        return ConfigurationValue.map([
            .init(key: "configuration", value: redacted(root, path: "")),
            .init(key: "origins", value: .map(places)),
        ]).prettyJSON
    }

    /// Tells configurations apart by their values, secrets left aside: the first 16 hexadecimal digits of the SHA-256 of
    /// their JSON.
    package var fingerprint: String {
        String(StableHash.hexadecimal(Array(redacted(root, path: "").prettyJSON.utf8)).prefix(16))
    }

    /// Paths of what differs from another configuration's values, as `policies.retries.default.maxRetries`, in the file's
    /// order; where they stand does not count. What has a name in a list is told by it, and `routes#order` is another order.
    package func differences(from other: EffectiveConfiguration) -> [String] {
        var paths: [String] = []
        Self.compare(other.root, root, path: "", &paths)
        return paths
    }

    private static func compare(
        _ a: ConfigurationValue, _ b: ConfigurationValue, path: String, _ paths: inout [String]
    ) {
        guard a != b else { return }
        switch (named(a), named(b)) {
        case (let a?, let b?):
            let names = a.map(\.key) + b.map(\.key).filter { name in !a.contains { $0.key == name } }
            for name in names {
                let inner = path.isEmpty ? name : "\(path).\(name)"
                switch (a.first { $0.key == name }?.value, b.first { $0.key == name }?.value) {
                case (let a?, let b?): compare(a, b, path: inner, &paths)
                default: paths.append(inner)
                }
            }
            let common = a.map(\.key).filter { name in b.contains { $0.key == name } }
            if common != b.map(\.key).filter(common.contains) { paths.append("\(path)#order") }
        default: paths.append(path)
        }
    }

    /// The entries of a map, or of a list whose elements all have a name.
    private static func named(_ value: ConfigurationValue) -> [ConfigurationValue.Entry]? {
        switch value {
        case .map(let entries): return entries
        case .list(let list):
            var entries: [ConfigurationValue.Entry] = []
            for element in list {
                guard case .string(let name)? = element["name"], !entries.contains(where: { $0.key == name }) else {
                    return nil
                }
                entries.append(.init(key: name, value: element))
            }
            return entries
        default: return nil
        }
    }

    /// `file:line`, or `default`.
    private func origin(_ path: String) -> String { origins[path]?.location.fileAndLine ?? "default" }

    private func redacted(_ value: ConfigurationValue, path: String) -> ConfigurationValue {
        switch value {
        case .list(let list):
            .list(list.enumerated().map { redacted($1, path: "\(path)[\($0)]") })
        case .map(let entries):
            .map(
                entries.map { .init(key: $0.key, value: redacted($0.value, path: path.appendingKey($0.key))) })
        case .string(let text):
            .string(origins[path]?.isSecret == true ? Secrets.mark : secrets.redacted(text))
        default: origins[path]?.isSecret == true ? .string(Secrets.mark) : value
        }
    }

    private func collect(
        _ value: ConfigurationValue, path: String, into places: inout [ConfigurationValue.Entry]
    ) {
        switch value {
        case .list(let list) where !list.isEmpty:
            for (index, element) in list.enumerated() { collect(element, path: "\(path)[\(index)]", into: &places) }
        case .map(let entries) where !entries.isEmpty:
            for entry in entries { collect(entry.value, path: path.appendingKey(entry.key), into: &places) }
        default: places.append(.init(key: path, value: .string(origin(path))))
        }
    }
}

// MARK: YAML

extension EffectiveConfiguration {
    /// Writes `value` from the current column on, ending the line.
    private func write(_ value: ConfigurationValue, path: String, indent: Int, into text: inout String) {
        let margin = String(repeating: "  ", count: indent)
        switch value {
        case .map(let entries) where !entries.isEmpty:
            for (index, entry) in entries.enumerated() {
                text += (index == 0 ? "" : margin) + yamlKey(entry.key) + ":"
                writeBehind(entry.value, path: path.appendingKey(entry.key), indent: indent + 1, into: &text)
            }
        case .list(let list) where !list.isEmpty:
            for (index, element) in list.enumerated() {
                text += (index == 0 ? "" : margin) + "-"
                let elementPath = "\(path)[\(index)]"
                if element.isNested {
                    text += " "
                    write(element, path: elementPath, indent: indent + 1, into: &text)
                } else {
                    writeBehind(element, path: elementPath, indent: indent + 1, into: &text)
                }
            }
        default: text += "\(scalar(redacted(value, path: path)))  # \(origin(path))\n"
        }
    }

    /// Writes `value` behind a key: nested values on lines of their own.
    private func writeBehind(_ value: ConfigurationValue, path: String, indent: Int, into text: inout String) {
        text += value.isNested ? "\n" + String(repeating: "  ", count: indent) : " "
        write(value, path: path, indent: indent, into: &text)
    }

    private func yamlKey(_ key: String) -> String {
        Names.isName(key) && YAMLScalar.plain(key).resolved == .string(key) ? key : key.jsonQuoted
    }

    private func scalar(_ value: ConfigurationValue) -> String {
        switch value {
        case .null: return "null"
        case .list: return "[]"
        case .map: return "{}"
        case .string(let text):
            let escaped = text.replacing("${", with: "$${")
            let isPlain =
                !escaped.isEmpty && !"-".contains(escaped.first ?? "-")
                && escaped.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._/-".contains($0)) }
                && YAMLScalar.plain(escaped).resolved == .string(escaped)
            return isPlain ? escaped : escaped.jsonQuoted
        default: return value.json
        }
    }
}

extension ConfigurationValue {
    /// A list or map with something in it.
    fileprivate var isNested: Bool {
        switch self {
        case .list(let list): !list.isEmpty
        case .map(let entries): !entries.isEmpty
        default: false
        }
    }
}

extension YAMLScalar {
    fileprivate static func plain(_ text: String) -> YAMLScalar {
        YAMLScalar(text: text, written: text, style: .plain, isText: false)
    }
}
