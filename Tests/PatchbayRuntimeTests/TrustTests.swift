import Foundation
import Glibc
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayModules
import Testing

@testable import PatchbayRuntime

/// What the keys of `security` bring about: two events for a module without a signature.
enum TrustProof {
    static func run(_ security: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(2))
        try bench.write("release.pub", try PrivateKey().publicKey.pem)
        do {
            let report = try bench.run(
                """
                modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
                security: {\(security)}
                sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
                routes: [{name: all, to: [{handler: lab.record}]}]

                """)
            return "\(report.status.counts.done)"
        } catch let errors as ConfigurationErrors {
            return "refused: \(errors.errors.map(\.path))"
        }
    }
}

/// `security`: whose modules a host lets in.
@Suite struct TrustTests {
    private let key: PrivateKey
    private let bench: RunBench
    private var module: String { bench.path("plugins/lab.so") }

    init() throws {
        key = try PrivateKey()
        bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(2))
        try bench.write("release.pub", key.publicKey.pem)
    }

    private func yaml(_ security: String = "requireSignedModules: true, trustedKeys: [FOLDER/release.pub]") -> String {
        """
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
        security: {\(security)}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes: [{name: all, to: [{handler: lab.record}]}]

        """
    }

    private func sign(_ file: String, with key: PrivateKey) throws {
        try ModuleSignature(signing: file, with: key).text.write(
            toFile: ModuleSignature.path(of: file), atomically: true, encoding: .utf8)
    }

    /// The first thing that is wrong.
    private func refusal(_ yaml: String) throws -> ConfigurationError {
        let errors = #expect(throws: ConfigurationErrors.self) { _ = try bench.preparation(yaml) }
        return try #require(errors?.errors.first)
    }

    @Test func `a module with the signature of a trusted key runs`() throws {
        try sign(module, with: key)
        #expect(try bench.run(yaml()).status.counts.done == 2)
    }

    @Test func `a module without a signature is refused`() throws {
        let error = try refusal(yaml())
        #expect(error.message.contains("lab.so: has no signature") && error.location.line == 2, "\(error)")
    }

    @Test func `a module that was changed, or that another key signed, is refused`() throws {
        try sign(module, with: try PrivateKey())
        #expect(try refusal(yaml()).message.contains("which is not among those that are trusted"))
        try sign(module, with: key)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: module))
        try file.seekToEnd()
        try file.write(contentsOf: Data([0]))
        try file.close()
        #expect(try refusal(yaml()).message.contains("has other bytes than those that were signed"))
    }

    /// Regression: a library in such a folder ran in the host without a signature.
    @Test func `a signed module is refused that looks for libraries where others than root may put them`() throws {
        let folder = bench.path("open")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0 { #expect(chown(folder, 65_534, 65_534) == 0) }
        func install(_ runPath: String) throws {
            try Modules.compile([
                "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-pthread", "-I\(Modules.include)",
                "\(Modules.folder)/lab.c", "-o", module, "-Wl,-rpath,\(runPath)",
            ])
            try sign(module, with: key)
        }
        try install(folder)
        let error = try refusal(yaml())
        #expect(error.message.contains("looks for libraries in \(folder), where they need no signature"), "\(error)")
        #expect(try bench.run(yaml("requireSignedModules: false")).status.counts.done == 2)
        try install("$PLATFORM/lib")
        #expect(try refusal(yaml()).message.contains("looks for libraries in $PLATFORM/lib"))
        // As the Swift compiler does it, whose folder is root's, or is not there.
        try install("/usr/lib/swift/linux:$ORIGIN")
        #expect(try bench.run(yaml()).status.counts.done == 2)
    }

    @Test func `where signatures are not required, a wrong one is refused and none is not`() throws {
        let trusting = yaml("trustedKeys: [FOLDER/release.pub]")
        #expect(try bench.run(trusting).status.counts.done == 2)
        try sign(module, with: try PrivateKey())
        #expect(try refusal(trusting).message.contains("is signed with the key"))
        #expect(try bench.run(yaml("requireSignedModules: false")).status.counts.done == 2)
    }

    @Test func `a library of a function has to be signed where it lies at a path`() throws {
        let function = """
            modules: {functions: [{name: f, library: LIBRARY, symbol: labs, signature: i64(i64), args: ['1']}]}
            security: {requireSignedModules: true, trustedKeys: [FOLDER/release.pub]}
            routes: [{name: all, to: [{handler: functions.f}]}]

            """
        _ = try bench.preparation(function.replacing("LIBRARY", with: "libc.so.6"))
        let library = bench.path("libplain.so")
        try FileManager.default.copyItem(atPath: try PlainLibrary.path(), toPath: library)
        let own = function.replacing("LIBRARY", with: library).replacing("labs", with: "same_i64")
        let error = try refusal(own)
        #expect(error.path == "modules.functions[0].library" && error.message.contains("has no signature"), "\(error)")
        try sign(library, with: key)
        _ = try bench.preparation(own)
    }

    @Test func `a host that runs takes no version without a signature`() throws {
        try sign(module, with: key)
        let host = try bench.host(yaml(), once: false)
        try host.start()
        defer {
            host.drain()
            _ = host.wait()
        }
        let other = bench.path("lab.so")
        try FileManager.default.copyItem(atPath: module, toPath: other)
        let error = #expect(throws: VersionError.self) {
            _ = try host.versions.promote(other, instance: "lab", isWatched: false, by: "ada")
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("has no signature"))
        #expect(bench.eventually { host.progress.status.counts.done == 2 })
    }

    @Test(arguments: [
        ("requireSignedModules: true", "security", "no key is trusted"),
        ("trustedKeys: [FOLDER/none.pub]", "security.trustedKeys[0]", "cannot be opened"),
        ("trustedKeys: [FOLDER/events.jsonl]", "security.trustedKeys[0]", "is no Ed25519 public key"),
    ])
    func `keys that cannot be had are named with their place`(security: String, path: String, message: String) throws {
        let errors = #expect(throws: ConfigurationErrors.self) { _ = try bench.preparation(yaml(security)) }
        let error = try #require(errors?.errors.first { $0.path == path }, "\(String(describing: errors))")
        #expect(error.message.contains(message) && error.location.line == 3, "\(error)")
    }
}
