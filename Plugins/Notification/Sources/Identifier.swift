import HandlerCrypto

/// Ids made from idempotency keys, the same at every attempt.
enum Identifier {
    /// A key in letters, digits, `-`, `_` and `=`, at most 160 bytes: what is longer is cut and ends in a hash of the
    /// whole, so that no two keys share an id.
    static func short(_ key: String) throws(HashError) -> String {
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
        // No key that is short enough has "==" in its id.
        if bytes.count > 160 { bytes = bytes.prefix(94) + Array("==\(try SHA256.hexadecimal(key.utf8))".utf8) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
