import PatchbayEvents

extension Value {
    /// What a message says was found: `string "x"`, `integer 5`, `object`. Long strings are cut.
    var described: String {
        switch self {
        case .null: "null"
        case .bool(let value): "boolean \(value)"
        case .int, .uint: "integer \(shown)"
        case .double(let value): JSONTypes(of: self).contains(.integer) ? "integer \(shown)" : "number \(value)"
        case .string: "string \(shown)"
        case .list(let list): list.isEmpty ? "empty array" : "array"
        case .map(let map): map.isEmpty ? "empty object" : "object"
        default: typeName.name
        }
    }

    /// The same where the value must not be seen.
    var describedWithoutContent: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .int, .uint, .double: JSONTypes(of: self).contains(.integer) ? "integer" : "number"
        case .string: "string"
        case .list: "array"
        case .map: "object"
        default: typeName.name
        }
    }

    /// The value as JSON for a list of accepted values, cut where it is long or deep.
    var shown: String { shown(depth: 0) }

    private func shown(depth: Int) -> String {
        switch self {
        case .null: return "null"
        case .bool(let value): return String(value)
        case .int(let value): return String(value)
        case .uint(let value): return String(value)
        case .double(let value):
            if let whole = Int64(exactly: value) { return String(whole) }
            return String(value)
        case .string(let text): return Self.quoted(text)
        case .list(let list):
            guard depth < 3 else { return "[…]" }
            return "[" + Self.joined(list.prefix(9).map { $0.shown(depth: depth + 1) }, max: 8, by: ", ") + "]"
        case .map(let map):
            guard depth < 3 else { return "{…}" }
            let members = map.entries.prefix(9).map { entry in
                "\(entry.key.value.shown(depth: 3)): \(entry.value.shown(depth: depth + 1))"
            }
            return "{" + Self.joined(members, max: 8, by: ", ") + "}"
        default: return typeName.name
        }
    }

    /// Quoted, with control characters escaped, at most 60 characters long.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars.prefix(60) {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + (text.unicodeScalars.dropFirst(60).isEmpty ? "\"" : "…\"")
    }

    static func joined(_ parts: [String], max: Int, by separator: String) -> String {
        parts.count <= max
            ? parts.joined(separator: separator)
            : parts.prefix(max).joined(separator: separator) + separator + "…"
    }
}

/// `1 item`, `3 items`.
func counted(_ count: Int, _ noun: String, _ plural: String? = nil) -> String {
    count == 1 ? "1 \(noun)" : "\(count) \(plural ?? noun + "s")"
}
