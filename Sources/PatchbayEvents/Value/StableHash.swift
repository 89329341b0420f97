import CPatchbayCrypto

/// A hash that is the same in every process and version.
package enum StableHash {
    /// The first 32 hexadecimal digits of SHA-256.
    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: Int(PBX_SHA256_BYTES))
        precondition(pbx_sha256(bytes, UInt64(bytes.count), &digest) == 1, "libcrypto offers no SHA-256")
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: digest.prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
