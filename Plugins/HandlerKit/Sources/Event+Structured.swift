package import PatchbaySDK

extension Event {
    /// The whole event as structured CloudEvents JSON, which paths and templates look into: attributes and extensions by
    /// name, and `data` as JSON, as a string where it is other text, or as `data_base64` where it is no text.
    ///
    /// - Errors: data that calls itself JSON and is not.
    package func structured() throws(JSONError) -> JSON {
        var members: [String: JSON] = ["specversion": "1.0"]
        for (name, value) in attributes { members[name] = .string(value) }
        let known = [
            ("id", id), ("source", source), ("type", type), ("subject", subject), ("time", time),
            ("datacontenttype", dataContentType), ("dataschema", dataSchema),
        ]
        for (name, value) in known where !value.isEmpty { members[name] = .string(value) }
        if !data.isEmpty {
            if isJSON {
                members["data"] = try JSON(parsing: data)
            } else if let text = String(validating: data, as: UTF8.self) {
                members["data"] = .string(text)
            } else {
                members["data_base64"] = .string(Base64.encoded(data))
            }
        }
        return .object(members)
    }

    private var isJSON: Bool {
        let media = dataContentType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return media.isEmpty || media == "application/json" || media == "text/json" || media.hasSuffix("+json")
    }
}

/// Base64 (RFC 4648, clause 4).
package enum Base64 {
    /// The text of these bytes, padded.
    package static func encoded(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let bytes = Array(bytes)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = 0
            for byte in group { bits = bits << 8 | Int(byte) }
            bits <<= 8 * (3 - group.count)
            for index in 0..<4 {
                text.append(index <= group.count ? digits[bits >> (18 - 6 * index) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
