import CPatchbayCrypto

/// A hash that is the same in every process and version.
package enum StableHash {
    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(PBX_SHA256_BYTES))
        precondition(pbx_sha256(bytes, UInt64(bytes.count), &digest) == 1, "libcrypto offers no SHA-256")
        return digest
    }

    /// The first 8 bytes of SHA-256, as a number whose hexadecimal digits are theirs.
    package static func number(_ bytes: [UInt8]) -> UInt64 {
        digest(bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A `number` as its 16 hexadecimal digits.
    package static func text(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The first 32 hexadecimal digits of SHA-256.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digest = digest(bytes)
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: digest.prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
