import Foundation
import Testing

/// `patchbay keygen`, `sign` and `verify`.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineSignTests {
    private let bench: CommandLineBench

    init() throws {
        bench = try CommandLineBench()
        // The commands look at bytes alone.
        try bench.write("some module", to: "libx.so")
        for name in ["mine", "other"] {
            let made = try bench.run("keygen", name)
            #expect(made.status == 0 && made.output.hasSuffix("\(name).pub verifies\n"), "\(made)")
        }
    }

    private func verify(_ key: String = "mine.pub", module: String = "libx.so") throws -> [String: Any] {
        let result = try bench.run("verify", module, "--key", key, "--json")
        let value = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result)")
        #expect(result.status == (value["valid"] as? Bool == true ? 0 : 1))
        return value
    }

    @Test func `a module verifies with the key of whoever signed it, and with no other`() throws {
        let signed = try bench.run("sign", "libx.so", "--key", "mine.key")
        #expect(signed.status == 0 && signed.output.contains("libx.so.sig"), "\(signed)")
        let right = try verify()
        #expect(right["valid"] as? Bool == true)
        let sum = try bench.start(["libx.so"], program: "/usr/bin/sha256sum").end().output.prefix(64)
        #expect(right["sha256"] as? String == String(sum))
        let wrong = try verify("other.pub")
        #expect(wrong["code"] as? String == "untrustedKey", "\(wrong)")
        let text = try bench.run("verify", "libx.so", "--key", "other.pub", "--key", "mine.pub")
        #expect(text.status == 0 && text.output.contains("unchanged"), "\(text)")
    }

    @Test func `a changed module, a changed signature, and none are told apart`() throws {
        #expect(try verify()["code"] as? String == "notSigned")
        #expect(try bench.run("sign", "libx.so", "--key", "mine.key").status == 0)
        let path = "\(bench.folder)/libx.so.sig"
        let signature = try String(contentsOfFile: path, encoding: .utf8)
        try bench.write("some modulf", to: "libx.so")
        let changed = try verify()
        #expect(changed["code"] as? String == "badSignature", "\(changed)")
        #expect((changed["error"] as? String)?.contains("other bytes") == true)
        // Whoever changes both the module and the hash in its signature lacks the key.
        let hash = try #require(signature.split(separator: "\n").first { $0.hasPrefix("sha256: ") }?.dropFirst(8))
        let forged = try bench.start(["libx.so"], program: "/usr/bin/sha256sum").end().output.prefix(64)
        try bench.write(signature.replacing(hash, with: forged), to: "libx.so.sig")
        let lie = try verify()
        #expect((lie["error"] as? String)?.contains("not that of the key") == true, "\(lie)")
        for text in ["", "patchbay-signature: 2\n", signature + "more\n", signature.replacing("key: ", with: "kay: ")] {
            try bench.write(text, to: "libx.so.sig")
            #expect(try verify()["code"] as? String == "badSignature", "\(text)")
        }
    }

    @Test func `keys are those of openssl, and so are signatures`() throws {
        let openssl = "/usr/bin/openssl"
        guard FileManager.default.isExecutableFile(atPath: openssl) else { return }
        func run(_ arguments: String...) throws -> CommandLineBench.Result {
            try bench.start(arguments, program: openssl).end(within: 60)
        }
        #expect(try run("genpkey", "-algorithm", "ed25519", "-out", "theirs.key").status == 0)
        #expect(try run("pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub").status == 0)
        #expect(try bench.run("sign", "libx.so", "--key", "theirs.key").status == 0)
        #expect(try verify("theirs.pub")["valid"] as? Bool == true)
        let lines = try String(contentsOfFile: "\(bench.folder)/libx.so.sig", encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        try bench.write(lines.prefix(4).joined(separator: "\n") + "\n", to: "message")
        let signature = try #require(Data(base64Encoded: String(lines[4].dropFirst("signature: ".count))))
        try signature.write(to: URL(fileURLWithPath: "\(bench.folder)/signature"))
        let checked = try run(
            "pkeyutl", "-verify", "-pubin", "-inkey", "theirs.pub", "-rawin", "-in", "message", "-sigfile", "signature")
        #expect(checked.status == 0, "\(checked)")
    }

    @Test func `a private key is for its owner alone, and is not overwritten`() throws {
        let mode = try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/mine.key")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let again = try bench.run("keygen", "mine")
        #expect(again.status == 1 && again.errors.contains("mine.key cannot be written"), "\(again)")
        let wrong = try bench.run("sign", "libx.so", "--key", "mine.pub")
        #expect(wrong.status == 2 && wrong.errors.contains("badKey"), "\(wrong)")
        #expect(try bench.run("verify", "libx.so", "--key", "none.pub").status == 2)
        #expect(try bench.run("verify", "libx.so").status == 2)
        #expect(try bench.run("sign", "missing.so", "--key", "mine.key").status == 1)
    }
}
