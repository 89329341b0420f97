import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayModules

/// `patchbay keygen`.
struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make a pair of keys to sign modules with, and to verify them.",
        discussion: """
            Writes NAME.key, the private key, readable for you alone, and NAME.pub, the public one: Ed25519 keys in PEM, \
            as `openssl genpkey -algorithm ed25519` makes them. Files that are there are not touched.

            EXIT CODES
              0  both files are written
              1  they are not

            EXAMPLES
              patchbay keygen release
              patchbay keygen ~/.keys/acme --json
            """)

    @Argument(help: "The files' name without an ending.", completion: .file())
    var name: String

    @Flag(help: "Print JSON: key, private, public.")
    var json = false

    func run() throws {
        let key: PrivateKey
        do throws(ModuleError) { key = try PrivateKey() } catch { throw Output.failure("\(error)", code: 1) }
        try SignedFiles.write(key.pem, to: "\(name).key", mode: 0o600, replaces: false)
        try SignedFiles.write(key.publicKey.pem, to: "\(name).pub", mode: 0o644, replaces: false)
        let id = key.publicKey.id
        if json {
            Output.json(
                .object([("key", .string(id)), ("private", .string("\(name).key")), ("public", .string("\(name).pub"))])
            )
        } else {
            Output.line("key \(id): \(name).key signs, \(name).pub verifies")
        }
    }
}

/// `patchbay sign`.
struct SignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign modules: say with a private key that their files are right as they are.",
        discussion: """
            Writes MODULE.sig beside each module: text with the key's id, the file's SHA-256 and an Ed25519 signature of \
            both. Build a module anew and it has to be signed anew. Libraries that lie beside a module and are loaded with \
            it are files of their own: sign them, too.

            EXIT CODES
              0  all are signed
              1  one cannot be read, or its signature not written
              2  wrong usage, or a key that is none

            EXAMPLES
              patchbay sign plugins/libbilling.so --key release.key
              patchbay sign plugins/*.so --key release.key --json
            """)

    @Argument(help: "The modules' files.", completion: .file(extensions: ["so"]))
    var modules: [String]

    @Option(help: ArgumentHelp("The private key.", valueName: "file"), completion: .file(extensions: ["key"]))
    var key: String

    @Flag(help: "Print JSON, one line for each module: module, signature, key, sha256.")
    var json = false

    func run() throws {
        let signer = try SignedFiles.signer(key)
        for module in modules {
            let signature = try SignedFiles.sign(module, with: signer)
            let path = ModuleSignature.path(of: module)
            if json {
                Output.json(
                    .object([
                        ("module", .string(module)), ("signature", .string(path)), ("key", .string(signature.keyID)),
                        ("sha256", .string(signature.hash)),
                    ]))
            } else {
                Output.line("\(module): signed with key \(signature.keyID): \(path)")
            }
        }
    }
}

/// `patchbay verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that modules are as somebody whom you trust has signed them.",
        discussion: """
            Reads MODULE.sig beside each module, and runs none of their code. --key may be given several times: one of the \
            keys has to vouch for each module.

            EXIT CODES
              0  all are as they were signed
              1  one is not signed, was changed, or is signed with another key
              2  wrong usage, or a key that is none

            EXAMPLES
              patchbay verify plugins/libbilling.so --key release.pub
              patchbay verify plugins/*.so --key release.pub --key old.pub --json
            """)

    @Argument(help: "The modules' files.", completion: .file(extensions: ["so"]))
    var modules: [String]

    @Option(
        name: .customLong("key"), help: ArgumentHelp("A public key that you trust.", valueName: "file"),
        completion: .file(extensions: ["pub"]))
    var keys: [String] = []

    @Flag(help: "Print JSON, one line for each module: module, valid, key and sha256, or code, error and remedy.")
    var json = false

    func validate() throws {
        if keys.isEmpty { throw ValidationError("say whom you trust: --key FILE, a public key") }
    }

    func run() throws {
        var trusted: [PublicKey] = []
        for file in keys {
            do throws(ModuleError) {
                trusted.append(try PublicKey(file: file))
            } catch {
                throw Output.failure("\(error)", code: 2)
            }
        }
        var areValid = true
        for module in modules {
            do throws(ModuleError) {
                show(module, try ModuleSignature.verify(module, keys: trusted))
            } catch {
                areValid = false
                show(error)
            }
        }
        if !areValid { throw ExitCode(1) }
    }

    private func show(_ module: String, _ signature: ModuleSignature) {
        guard json else { return Output.line("\(module): signed with key \(signature.keyID), and unchanged") }
        Output.json(
            .object([
                ("module", .string(module)), ("valid", .bool(true)), ("key", .string(signature.keyID)),
                ("sha256", .string(signature.hash)),
            ]))
    }

    private func show(_ error: ModuleError) {
        guard json else {
            _ = Output.failure("\(error)", code: 1)
            return
        }
        Output.json(
            .object([
                ("module", .string(error.file)), ("valid", .bool(false)), ("code", .string(error.code.rawValue)),
                ("error", .string(error.message)), ("remedy", .string(error.remedy)),
            ]))
    }
}
