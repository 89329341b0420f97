extension ConfigurationValue {
    /// As JSON on one line.
    package var json: String {
        var text = ""
        writeJSON(into: &text, indent: nil)
        return text
    }

    /// As JSON over several lines, two spaces a level.
    package var prettyJSON: String {
        var text = ""
        writeJSON(into: &text, indent: 0)
        return text
    }

    private func writeJSON(into text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .int(let number): text += "\(number)"
        case .double(let number): text += number.isFinite ? "\(number)" : "null"
        case .string(let string): text += string.jsonQuoted
        case .list(let list) where list.isEmpty: text += "[]"
        case .list(let list):
            Self.writeItems(list, "[", "]", into: &text, indent: indent) { value, text, indent in
                value.writeJSON(into: &text, indent: indent)
            }
        case .map(let entries) where entries.isEmpty: text += "{}"
        case .map(let entries):
            Self.writeItems(entries, "{", "}", into: &text, indent: indent) { entry, text, indent in
                text += entry.key.jsonQuoted + (indent == nil ? ":" : ": ")
                entry.value.writeJSON(into: &text, indent: indent)
            }
        }
    }

    private static func writeItems<Item>(
        _ items: [Item], _ open: String, _ close: String, into text: inout String, indent: Int?,
        write: (Item, inout String, Int?) -> Void
    ) {
        let inner = indent.map { $0 + 2 }
        let newline = { (depth: Int?) in depth.map { "\n" + String(repeating: " ", count: $0) } ?? "" }
        text += open
        for (index, item) in items.enumerated() {
            text += (index == 0 ? "" : ",") + newline(inner)
            write(item, &text, inner)
        }
        text += newline(indent) + close
    }
}

extension String {
    /// In JSON's quotes, which are YAML's double quotes too.
    var jsonQuoted: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case let control
            where control.value < 0x20 || (0x7F...0x9F).contains(control.value)
                || [0x2028, 0x2029, 0xFEFF].contains(control.value):
                let digits = String(control.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
