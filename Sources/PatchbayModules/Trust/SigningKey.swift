import CPatchbayCrypto
import FoundationEssentials

/// A public key that modules' signatures are checked with: Ed25519.
package struct PublicKey: Sendable, Hashable {
    /// 32 of them.
    let bytes: [UInt8]

    /// The first 16 hexadecimal digits of the SHA-256 of its bytes: how signatures name it.
    package var id: String {
        var digest = [UInt8](repeating: 0, count: Int(PBX_SHA256_BYTES))
        precondition(pbx_sha256(bytes, UInt64(bytes.count), &digest) == 1, "libcrypto offers no SHA-256")
        return ContentHash.hexadecimal(digest.prefix(8))
    }

    /// From a PEM file, as `patchbay keygen` and `openssl pkey -pubout` write it.
    ///
    /// - Errors: `badKey`.
    package init(pem text: String, file: String) throws(ModuleError) {
        bytes = try KeyText.key(text, label: "PUBLIC KEY", prefix: KeyText.publicPrefix, file: file)
    }

    /// The same, read from the file.
    ///
    /// - Errors: `badKey`, and what reading the file gives.
    package init(file: String) throws(ModuleError) {
        // A key is some hundred bytes; more is none.
        let text = String(decoding: try FileContents(path: file, bytesMax: 65_536).bytes, as: UTF8.self)
        try self.init(pem: text, file: file)
    }

    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

    package var pem: String { KeyText.pem(bytes, label: "PUBLIC KEY", prefix: KeyText.publicPrefix) }

    func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        signature.count == Int(PBX_ED25519_SIGNATURE_BYTES)
            && pbx_ed25519_verify(bytes, message, UInt64(message.count), signature) == 1
    }
}

/// A private key that signs modules: Ed25519. Not printed, and not in any error.
package struct PrivateKey: Sendable {
    private let seed: [UInt8]
    package let publicKey: PublicKey

    /// A new one.
    ///
    /// - Errors: `badKey` when libcrypto offers no Ed25519.
    package init() throws(ModuleError) {
        var seed = [UInt8](repeating: 0, count: Int(PBX_ED25519_KEY_BYTES))
        guard pbx_ed25519_generate(&seed) == 1 else { throw KeyText.refused(file: "") }
        try self.init(seed: seed, file: "")
    }

    /// From a PEM file, as `patchbay keygen` and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// - Errors: `badKey`.
    package init(pem text: String, file: String) throws(ModuleError) {
        try self.init(
            seed: try KeyText.key(text, label: "PRIVATE KEY", prefix: KeyText.privatePrefix, file: file), file: file)
    }

    private init(seed: [UInt8], file: String) throws(ModuleError) {
        self.seed = seed
        var key = [UInt8](repeating: 0, count: Int(PBX_ED25519_KEY_BYTES))
        guard pbx_ed25519_public(seed, &key) == 1 else { throw KeyText.refused(file: file) }
        publicKey = PublicKey(bytes: key)
    }

    package var pem: String { KeyText.pem(seed, label: "PRIVATE KEY", prefix: KeyText.privatePrefix) }

    func signature(of message: [UInt8], file: String) throws(ModuleError) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: Int(PBX_ED25519_SIGNATURE_BYTES))
        guard pbx_ed25519_sign(seed, message, UInt64(message.count), &signature) == 1 else {
            throw KeyText.refused(file: file)
        }
        return signature
    }
}

/// Keys as PEM: PKCS #8 and SubjectPublicKeyInfo (RFC 8410), which are a fixed prefix and 32 bytes.
private enum KeyText {
    static let privatePrefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]
    static let publicPrefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]

    static func pem(_ key: [UInt8], label: String, prefix: [UInt8]) -> String {
        "-----BEGIN \(label)-----\n\(Data(prefix + key).base64EncodedString())\n-----END \(label)-----\n"
    }

    static func key(
        _ text: String, label: String, prefix: [UInt8], file: String
    ) throws(ModuleError) -> [UInt8] {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.filter { !$0.isWhitespace || $0 == " " } }
        guard let begin = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let end = lines.firstIndex(of: "-----END \(label)-----"), begin < end,
            let bytes = Data(base64Encoded: lines[(begin + 1)..<end].joined()), bytes.starts(with: prefix),
            bytes.count == prefix.count + Int(PBX_ED25519_KEY_BYTES)
        else {
            throw ModuleError(
                .badKey, file: file, "is no Ed25519 \(label.lowercased()) in PEM",
                remedy: "make a pair with `patchbay keygen`, or name the other file of the pair")
        }
        return [UInt8](bytes.dropFirst(prefix.count))
    }

    static func refused(file: String) -> ModuleError {
        ModuleError(
            .badKey, file: file, "cannot be used: libcrypto offers no Ed25519",
            remedy: "check the policy of the system's libcrypto")
    }
}
