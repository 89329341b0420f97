extension Value {
    /// JSON text on one line.
    ///
    /// What JSON has no type for becomes a string, as Protobuf's JSON mapping does it: bytes as base64, timestamps as
    /// RFC 3339, durations as seconds, numbers that are none as `"NaN"` and `"Infinity"`. An empty optional is `null`.
    package var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    /// Appends the value's JSON text.
    package func write(to writer: inout JSONWriter) {
        switch self {
        case .null, .optional(nil): writer.raw("null")
        case .bool(let value): writer.raw(value ? "true" : "false")
        case .int(let value): writer.json(String(value).utf8)
        case .uint(let value): writer.json(String(value).utf8)
        case .double(let value) where value.isFinite: writer.json(value.description.utf8)
        case .double(let value): writer.string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
        case .string(let value): writer.string(value)
        case .bytes(let value): writer.base64(value)
        case .timestamp(let value): writer.string(value.rfc3339)
        case .duration(let value): writer.string(value.secondsText)
        case .type(let value): writer.string(value.name)
        case .ip(let value): writer.string(value.text)
        case .cidr(let value): writer.string(value.text)
        case .optional(let value?): value.write(to: &writer)
        case .list(let values):
            writer.raw("[")
            for (index, value) in values.enumerated() {
                if index > 0 { writer.raw(",") }
                value.write(to: &writer)
            }
            writer.raw("]")
        case .map(let map):
            writer.raw("{")
            for (index, entry) in map.entries.enumerated() {
                if index > 0 { writer.raw(",") }
                writer.string(entry.key.text)
                writer.raw(":")
                entry.value.write(to: &writer)
            }
            writer.raw("}")
        }
    }
}

extension Value.Key {
    /// As a member's name in JSON.
    fileprivate var text: String {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .string(let value): value
        }
    }
}
