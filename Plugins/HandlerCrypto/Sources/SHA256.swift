import CHandlerCrypto

/// SHA-256 from the system's libcrypto.
package enum SHA256 {
    /// The 32 bytes of the hash.
    package static func hash(_ bytes: [UInt8]) throws(HashError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        guard handler_sha256(bytes, UInt64(bytes.count), &digest) == 1 else { throw HashError() }
        return digest
    }

    /// The hash as 64 hexadecimal digits.
    package static func hexadecimal(_ bytes: some Sequence<UInt8>) throws(HashError) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let hash = try hash(Array(bytes))
        return String(decoding: hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// A UUID in the form of version 4 that is always the same for a text.
    package static func uuid(of text: String) throws(HashError) -> String {
        var bytes = Array(try hash(Array(text.utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var uuid: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { uuid.append(UInt8(ascii: "-")) }
            uuid += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: uuid, as: UTF8.self)
    }
}

/// libcrypto computes no SHA-256: no memory, or a policy that forbids it. Trying again may help.
package struct HashError: Error, CustomStringConvertible {
    /// The class, then the words.
    package var description: String { "hash: libcrypto computes no SHA-256" }
}
