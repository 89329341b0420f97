import CAuditCrypto

/// SHA-256 as 64 hexadecimal digits.
enum SHA256 {
    /// Throws `AuditError` where the system's library has no SHA-256.
    static func hexadecimal(_ bytes: some Sequence<UInt8>) throws(AuditError) -> String {
        let bytes = Array(bytes)
        var digest = [UInt8](repeating: 0, count: 32)
        guard audit_sha256(bytes, UInt64(bytes.count), &digest) == 1 else {
            throw AuditError(.hash, "libcrypto computes no SHA-256")
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
