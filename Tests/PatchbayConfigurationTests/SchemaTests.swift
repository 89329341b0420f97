import PatchbayEvents
import PatchbaySchemas
import Testing

@testable import PatchbayConfiguration

@Suite struct SchemaTests {
    /// `yaml` as plain values, without any rule of the configuration.
    private func value(_ yaml: String) throws -> Value {
        try valid("modules: {load: [{name: a, config: {root: \(yaml)}}]}").modules.load[0].config["root"]?.value
            ?? .null
    }

    @Test func `the schema takes the example and refuses what the reader refuses`() throws {
        let schema = try EditorSchema.file()
        let example = completeExample.split(separator: "\n").map { "          \($0)" }.joined(separator: "\n")
        let config = try valid(
            "modules:\n  load:\n    - name: a\n      config:\n        root:\n\(example)", environment: ["DB_URL": "x"]
        ).modules.load[0].config
        #expect(schema.validate(try #require(config["root"]).value) == [])
        for bad in [
            "{modul: {}}", "{unmatched: x}", "{limits: {nesting: 0}}", "{limits: {nesting: 7.5}}",
            "{policies: {retries: {default: {duration: 5}}}}", "{policies: {retries: {default: {duration: 5x}}}}",
            "{policies: {bulkheads: {default: {maxInFlight: many}}}}", "{routes: [{name: a}]}",
            "{routes: [{name: a, to: []}]}", "{routes: [{name: a, to: [{}]}]}", "{log: {bytes: 1kb}}",
            "{routes: [{name: a, to: [{handler: a.b}], filters: [{prefix: {A: x}}]}]}",
            "{routes: [{name: a, to: [{handler: ab}]}]}", "{telemetry: {sampleRatio: 2}}", "{http: {}}",
        ] {
            #expect(!schema.isValid(try value(bad)), "\(bad)")
            #expect(!draft(bad).errors.isEmpty || bad.contains("handler: ab"), "\(bad)")
        }
    }

    @Test func `a module's schema is applied to its config, with places and without secrets`() throws {
        try withSecrets(["port": "hunter2!"]) { folder in
            var draft = draft(
                """
                modules:
                  load:
                    - name: a
                      config:
                        db: {port: "${secret:port}", "a/b": [1, x]}
                """, secrets: folder)
            let schema = try JSONSchema(
                compiling: try value(
                    """
                    {type: object, required: [db], properties: {db: {properties: {port: {enum: [80]},
                     "a/b": {items: {type: integer}}}}}}
                    """))
            draft.check(configOf: "a", against: schema)
            #expect(
                draft.errors.map { "\($0.location.line):\($0.location.column) \($0.path)" } == [
                    "5:20 modules.load[0].config.db.port", #"5:49 modules.load[0].config.db["a/b"][1]"#,
                ])
            #expect(!"\(draft.errors)".contains("hunter2"))
            let count = draft.errors.count
            draft.check(configOf: "other", against: schema)
            #expect(draft.errors.count == count + 1)
            #expect(draft.errors.contains { $0.remedy == "add {name: other, config: {…}} to modules.load" })
        }
    }
}
