import CPatchbayCrypto

/// The SHA-256 of a file's bytes.
package struct ContentHash: Sendable, Hashable, CustomStringConvertible {
    /// 64 lowercase hexadecimal digits.
    package let hex: String

    package var description: String { hex }

    /// `nil` when the system's cryptography library refuses SHA-256.
    package init?(of bytes: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: Int(PBX_SHA256_BYTES))
        let done = bytes.withUnsafeBytes { pbx_sha256($0.baseAddress, UInt64($0.count), &digest) }
        guard done == 1 else { return nil }
        hex = Self.hexadecimal(digest)
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether a pin of a configuration file, in upper or lower case, names this hash.
    package func matches(pin: String) -> Bool { pin.lowercased() == hex }
}
