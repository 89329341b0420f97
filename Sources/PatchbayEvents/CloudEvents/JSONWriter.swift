/// Appends JSON text to bytes. Whoever calls sees to the grammar between values.
package struct JSONWriter {
    package var bytes: [UInt8] = []

    package init() {}

    /// Text that is JSON already, or punctuation.
    package mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { string($0) }
    }

    /// A string whose bytes are valid UTF-8. Escaped: quotes, backslashes, control characters.
    package mutating func string(_ text: some Sequence<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20, 0x7F:
                raw("\\u00")
                bytes += [Self.hexDigits[Int(byte >> 4)], Self.hexDigits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Valid JSON text, kept as it is but for line ends, which become spaces: a line stays a line.
    package mutating func json(_ text: some Sequence<UInt8>) {
        for byte in text { bytes.append(byte == 0x0A || byte == 0x0D ? 0x20 : byte) }
    }

    /// A string of padded base64.
    package mutating func base64(_ data: some Collection<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var group: UInt32 = 0
        var count = 0
        func symbol(_ shift: UInt32) -> UInt8 { Self.base64Digits[Int(group >> shift & 63)] }
        for byte in data {
            group = group << 8 | UInt32(byte)
            count += 1
            if count == 3 {
                bytes += [symbol(18), symbol(12), symbol(6), symbol(0)]
                (group, count) = (0, 0)
            }
        }
        let padding = UInt8(ascii: "=")
        group <<= UInt32(8 * (3 - count))
        if count == 1 { bytes += [symbol(18), symbol(12), padding, padding] }
        if count == 2 { bytes += [symbol(18), symbol(12), symbol(6), padding] }
        bytes.append(UInt8(ascii: "\""))
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}
