import PatchbayEvents

extension Value {
    /// As a person reads it in a message: strings quoted, long ones cut.
    package var display: String { shortened(to: 120) }

    private func shortened(to limit: Int) -> String {
        switch self {
        case .null: return "null"
        case .bool(let value): return String(value)
        case .int(let value): return String(value)
        case .uint(let value): return "\(value)u"
        case .double(let value): return value.celText
        case .string(let value): return "\"\(Self.cut(value, limit))\""
        case .bytes(let value): return "\(value.count) bytes"
        case .timestamp(let value): return value.rfc3339
        case .duration(let value): return value.secondsText
        case .type(let value): return value.name
        case .ip(let value): return value.text
        case .cidr(let value): return value.text
        case .optional(nil): return "optional.none()"
        case .optional(let value?): return "optional.of(\(value.shortened(to: limit)))"
        case .list(let values):
            return "[" + Self.joined(values.lazy.map { $0.shortened(to: limit / 2) }, limit) + "]"
        case .map(let map):
            let entries = map.entries.lazy.map {
                "\($0.key.value.shortened(to: limit / 2)): \($0.value.shortened(to: limit / 2))"
            }
            return "{" + Self.joined(entries, limit) + "}"
        }
    }

    private static func joined(_ parts: some Sequence<String>, _ limit: Int) -> String {
        var text = ""
        for part in parts {
            if text.utf8.count + part.utf8.count > limit { return text + (text.isEmpty ? "…" : ", …") }
            text += (text.isEmpty ? "" : ", ") + part
        }
        return text
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        text.utf8.count <= limit ? text : String(text.unicodeScalars.prefix(limit).map(Character.init)) + "…"
    }
}
