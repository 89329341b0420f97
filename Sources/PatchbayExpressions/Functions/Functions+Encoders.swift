import PatchbayEvents

/// The encoders extension.
let encoderFunctions: [Function] = [
    .global("base64.encode") { (value, cost) throws(EvaluationError) in
        guard case .bytes(let bytes) = value else { throw .overload }
        try cost.spend(bytes: bytes.count)
        return .string(Base64.encode(bytes))
    },
    .global("base64.decode") { (value, cost) throws(EvaluationError) in
        let text = try value.asString()
        try cost.spend(bytes: text.utf8.count)
        guard let bytes = Base64.decode(text) else {
            throw EvaluationError(.invalidArgument, "the text is not base64")
        }
        return .bytes(bytes)
    },
]

/// - Source: RFC 4648, section 4.
private enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8: UInt32] = Dictionary(
        uniqueKeysWithValues: alphabet.enumerated().map { ($1, UInt32($0)) })

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
            for index in 0..<4 {
                let digit = alphabet[Int(bits >> (18 - 6 * UInt32(index)) & 63)]
                text.append(index <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// With or without padding; `nil` when something else is between.
    static func decode(_ text: String) -> [UInt8]? {
        var digits = Array(text.utf8)
        while digits.last == UInt8(ascii: "="), digits.count > text.utf8.count - 2 { digits.removeLast() }
        guard digits.count % 4 != 1, digits.count == text.utf8.count || text.utf8.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for digit in digits {
            guard let value = values[digit] else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }
}
