/// A YAML value after merging, alias expansion and interpolation, with its place.
struct YAMLNode: Sendable {
    indirect enum Content: Sendable {
        case scalar(YAMLScalar)
        case list([YAMLNode])
        /// In the file's order; keys are unique.
        case map([YAMLEntry])
        /// An error about it was reported already.
        case unusable
    }

    var location: SourceLocation
    var content: Content

    /// What this is, for messages.
    var kindName: String {
        switch content {
        case .scalar(let scalar): scalar.isNull ? "nothing" : "the value \(scalar.quoted)"
        case .list: "a list"
        case .map: "a map"
        case .unusable: "an unusable value"
        }
    }

    /// The entry under `key`; `nil` when there is none or this is not a map.
    subscript(key: String) -> YAMLEntry? {
        guard case .map(let entries) = content else { return nil }
        return entries.first { $0.key == key }
    }
}

struct YAMLEntry: Sendable {
    var key: String
    var keyLocation: SourceLocation
    var value: YAMLNode
}

struct YAMLScalar: Sendable {
    enum Style: Sendable { case plain, singleQuoted, doubleQuoted, literal, folded }

    /// After interpolation.
    var text: String
    /// As the file has it, before interpolation: safe to print.
    var written: String
    var style: Style
    /// Text whatever it looks like, for it is quoted, tagged `!!str` or came from a secret.
    var isText: Bool
    var holdsSecret = false

    var isNull: Bool { !isText && ["", "~", "null", "Null", "NULL"].contains(text) }
    var isInterpolated: Bool { text != written }

    /// For messages: never a secret, never long.
    var quoted: String {
        let shown = holdsSecret ? written : text
        let line = shown.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 60 ? "'\(line.prefix(60))…'" : "'\(line)'"
    }

    /// The value by YAML 1.2's core schema.
    var resolved: ConfigurationValue {
        if isText { return .string(text) }
        if isNull { return .null }
        if ["true", "True", "TRUE"].contains(text) { return .bool(true) }
        if ["false", "False", "FALSE"].contains(text) { return .bool(false) }
        if let number = integer { return .int(number) }
        if let number { return .double(number) }
        return .string(text)
    }

    /// The whole number that the text is; decimal, `0x…` or `0o…`.
    var integer: Int64? {
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8) }
        return Int64(text)
    }

    /// The finite number that the text is, in decimal.
    var number: Double? {
        let accepted: Set<Character> = ["+", "-", ".", "e", "E"]
        guard text.contains(where: { ("0"..."9").contains($0) }) else { return nil }
        guard text.allSatisfy({ ("0"..."9").contains($0) || accepted.contains($0) }) else { return nil }
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }
}
