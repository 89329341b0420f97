import Foundation
import Logging
import PatchbayConfiguration
import PatchbayModules
import Testing

@testable import PatchbayRuntime

/// What a file and its modules make together. Faults that a reader found, each by its number.
@Suite struct CompositionTests {
    private let bench: RunBench

    init() throws { bench = try RunBench() }

    /// Builds a module that is never loaded; `handlers` is JSON.
    private func module(_ name: String, handlers: String = #"[{"id":"h"}]"#, at file: String) throws {
        let manifest =
            #"{"abi":{"major":1,"minor":0},"name":"\#(name)","version":"1.0.0","runtime":"c","handlers":\#(handlers)}"#
        let text = """
            #include <patchbay.h>
            PATCHBAY_MANIFEST("\(manifest.replacing("\"", with: "\\\""))");
            PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *h, const patchbay_module **m) {
              (void)h; (void)m; return PATCHBAY_E_UNSUPPORTED;
            }
            """
        try bench.write("module.c", text)
        try Modules.compile([
            "-shared", "-fPIC", "-fvisibility=hidden", "-I\(Modules.include)", bench.path("module.c"), "-o",
            bench.path(file),
        ])
    }

    private func errors(_ yaml: String) throws -> [String] {
        do {
            _ = try bench.preparation(yaml)
            return []
        } catch let errors as ConfigurationErrors {
            return errors.errors.map { "\($0.path): \($0.message)" }
        }
    }

    private static let required =
        #"[{"id":"h","config":{"required":["url"],"additionalProperties":false,"properties":{"url":{"default":"x"}}}}]"#

    @Test func `finding 6: what is required and has a default may be left out`() throws {
        try module("defs", handlers: Self.required, at: "plugins/defs.so")
        #expect(try errors("routes: [{name: a, to: [{handler: defs.h}]}]") == [])
    }

    @Test func `finding 7: a configuration is checked without a route, and refused when nothing reads it`() throws {
        try module("defs", handlers: Self.required, at: "plugins/defs.so")
        try module("plain", at: "plugins/plain.so")
        try module("none", handlers: "[]", at: "plugins/none.so")
        func found(_ load: String) throws -> [String] {
            try errors("modules: {directory: FOLDER/plugins, load: [\(load)]}")
        }
        #expect(try found("{name: defs, config: {nonsense: 1}}").count == 1)
        #expect(try found("{name: defs, config: {url: y}}") == [])
        #expect(try found("{name: defs}, {name: plain}, {name: none}") == [])
        #expect(
            try found("{name: plain, config: {a: 1}}") == ["modules.load[0].config: 'plain.h' takes no configuration"])
        #expect(
            try found("{name: none, config: {a: 1}}")
                == ["modules.load[0].config: module 'none' has no handlers and takes no configuration"])
    }

    @Test func `finding 8: a run says which modules it refused`() throws {
        try bench.write("plugins/broken.so", "no ELF")
        _ = try bench.run("routes: [{name: a, to: [{handler: builtin.log}]}]")
        #expect(bench.log.all.contains { $0.level == .warning && $0.text.contains("broken.so: notELF") })
    }

    @Test func `finding 10: a missing folder is one error, beside which paths still count`() throws {
        try module("defs", at: "defs.so")
        let found = try errors(
            """
            modules: {directory: FOLDER/none, load: [{name: defs, path: FOLDER/defs.so}]}
            routes: [{name: a, to: [{handler: defs.h}]}]
            """)
        #expect(found.count == 1 && found[0].hasPrefix("modules.directory: "), "\(found)")
    }

    @Test(.enabled(if: CommandLineBench.executable != nil))
    func `finding 10: the default folder may be missing even when it is written out`() throws {
        let bench = try CommandLineBench()
        try bench.write("apiVersion: patchbay/v1\nmodules: {directory: ./plugins}\n", to: "p.yaml")
        let result = try bench.run("validate", "-c", "p.yaml")
        #expect(result.status == 0, "\(result)")
    }

    @Test func `finding 11: two spellings of one path are one file with two instances`() throws {
        try module("defs", at: "defs.so")
        let found = try errors(
            """
            modules:
              directory: FOLDER/plugins
              load: [{name: one, path: FOLDER/defs.so}, {name: two, path: FOLDER/plugins/../defs.so}]
            routes: [{name: a, to: [{handler: one.h}, {handler: two.h}]}]
            """)
        #expect(found == [])
    }

    @Test func `finding 12: a manifest's name comes before a file's`() throws {
        try module("other", at: "plugins/billing.so")
        try module("billing", at: "plugins/zzz.so")
        let yaml = "modules: {directory: FOLDER/plugins, load: [{name: billing}, {name: zzz}]}"
        #expect(try bench.preparation(yaml).catalogue.instances["billing"]?.file.path == bench.path("plugins/zzz.so"))
        #expect(try bench.preparation(yaml).catalogue.instances["zzz"]?.file.path == bench.path("plugins/zzz.so"))
    }

    @Test func `finding 1: explain shows no filter that came through a secret`() throws {
        try FileManager.default.createDirectory(atPath: bench.path("secrets"), withIntermediateDirectories: true)
        try bench.write("secrets/token", "abc")
        try bench.write(
            "p.yaml",
            """
            apiVersion: patchbay/v1
            routes:
              - name: a
                filters: [{exact: {subject: "${secret:token}"}}]
                to: [{handler: builtin.log}]
              - name: b
                match: "event.subject == '${secret:token}'"
                to: [{handler: builtin.log}]
            """)
        let inputs = ConfigurationInputs(secretsDirectory: bench.path("secrets"))
        let configuration = try Preparation(path: bench.path("p.yaml"), inputs: inputs).configuration
        let event = #"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"other"}"#
        let routing = try Explainer(try Blueprint(configuration, seed: 1)).explain(Array(event.utf8)[...]).routing
        let printed = "\(routing)"
        #expect(!printed.contains("abc") && printed.contains("[redacted]"), "\(printed)")
    }
}
