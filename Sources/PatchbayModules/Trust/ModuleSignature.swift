import FoundationEssentials

/// What a file beside a module says: whose key vouches for which bytes.
///
/// Five lines of text, `libx.so.sig`: the signature is that of the four lines before it, line ends included.
package struct ModuleSignature: Sendable, Equatable {
    /// Of the public key that checks it.
    package let keyID: String
    /// SHA-256 of the module's file.
    package let hash: String
    private let signature: [UInt8]

    package static let suffix = ".sig"
    /// Longer files are none.
    private static let bytesMax: Int64 = 4096

    /// Where a module's signature lies.
    package static func path(of module: String) -> String { module + suffix }

    private var message: String {
        "patchbay-signature: 1\nalgorithm: ed25519\nkey: \(keyID)\nsha256: \(hash)\n"
    }

    package var text: String { "\(message)signature: \(Data(signature).base64EncodedString())\n" }

    /// Signs a module's file.
    ///
    /// - Errors: what reading the file gives; `badKey`.
    package init(signing path: String, with key: PrivateKey) throws(ModuleError) {
        keyID = key.publicKey.id
        hash = try Self.hash(of: path)
        let message = Array("patchbay-signature: 1\nalgorithm: ed25519\nkey: \(keyID)\nsha256: \(hash)\n".utf8)
        signature = try key.signature(of: message, file: path)
    }

    /// Reads a signature.
    ///
    /// - Errors: `notSigned` when there is none, `badSignature` when the file holds something else.
    package init(of module: String) throws(ModuleError) {
        let path = Self.path(of: module)
        let bytes: [UInt8]
        do throws(ModuleError) {
            bytes = try FileContents(path: path, bytesMax: Self.bytesMax).bytes
        } catch {
            throw ModuleError(
                .notSigned, file: module, "has no signature that can be read: \(path) \(error.message)",
                remedy: "sign it with `patchbay sign \(module) --key FILE`", cause: error.cause)
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        func value(_ index: Int, _ name: String) -> String? {
            guard lines.indices.contains(index), lines[index].hasPrefix("\(name): ") else { return nil }
            return String(lines[index].dropFirst(name.count + 2))
        }
        guard lines.count == 6, lines[5].isEmpty, value(0, "patchbay-signature") == "1",
            value(1, "algorithm") == "ed25519", let key = value(2, "key"), let hash = value(3, "sha256"),
            let signature = value(4, "signature").flatMap({ Data(base64Encoded: $0) })
        else { throw Self.bad(module, "\(path) is no signature of version 1") }
        keyID = key
        self.hash = hash
        self.signature = [UInt8](signature)
    }

    /// Whether one of `keys` vouches for these bytes; that key.
    ///
    /// - Errors: `untrustedKey`, `badSignature`.
    func check(_ module: String, hash found: ContentHash, keys: [PublicKey]) throws(ModuleError) -> PublicKey {
        guard let key = keys.first(where: { $0.id == keyID }) else {
            let known = keys.map(\.id).joined(separator: ", ")
            throw ModuleError(
                .untrustedKey, file: module,
                "is signed with the key \(keyID), which is not among those that are trusted (\(known))",
                remedy: "sign it with a trusted key, or trust that key if you know whose it is")
        }
        guard key.verifies(signature, of: Array(message.utf8)) else {
            throw Self.bad(module, "its signature is not that of the key \(keyID)")
        }
        guard found.hex == hash else {
            throw Self.bad(module, "has other bytes than those that were signed: its SHA-256 is \(found)")
        }
        return key
    }

    /// The same for a file by itself; the key that vouches for it.
    ///
    /// - Errors: `notSigned`, `untrustedKey`, `badSignature`, and what reading the file gives.
    package static func verify(_ module: String, keys: [PublicKey]) throws(ModuleError) -> ModuleSignature {
        guard let hash = ContentHash(of: try FileContents(path: module).bytes) else { throw unhashed(module) }
        let signature = try ModuleSignature(of: module)
        _ = try signature.check(module, hash: hash, keys: keys)
        return signature
    }

    private static func hash(of path: String) throws(ModuleError) -> String {
        guard let hash = ContentHash(of: try FileContents(path: path).bytes) else { throw unhashed(path) }
        return hash.hex
    }

    private static func unhashed(_ path: String) -> ModuleError {
        ModuleError(
            .unreadable, file: path, "cannot be hashed with SHA-256",
            remedy: "check the policy of the system's libcrypto")
    }

    private static func bad(_ module: String, _ what: String) -> ModuleError {
        ModuleError(
            .badSignature, file: module, what,
            remedy: "do not use it before you know why; then sign it anew with `patchbay sign`")
    }
}
