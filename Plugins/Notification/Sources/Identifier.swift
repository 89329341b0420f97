/// Ids made from idempotency keys, the same at every attempt.
enum Identifier {
    /// A key in letters, digits, `-`, `_` and `=`, at most 160 bytes: what is longer is cut and ends in a hash of the whole.
    static func short(_ key: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in key.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        if bytes.count > 160 { bytes = bytes.prefix(143) + [UInt8(ascii: "=")] + Array(hash(key).utf8) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// FNV-1a, 64 bits, in hexadecimal. Not against anyone who wants two keys to be alike.
    private static func hash(_ text: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
