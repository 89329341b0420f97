import Foundation
import PatchbayEvents
import PatchbaySchemas

/// JSON-Schema-Test-Suite, draft 2020-12 and draft-07: the required cases, the optional ones, and formats asserted.
let jsonSchemaSuite = ConformanceSuite(name: "json-schema", folder: "json-schema") { folder, report in
    let reader = JSONReader()
    let remotes = try remoteDocuments(folder.appendingPathComponent("remotes"), reader)
    for draft in ["draft2020-12", "draft7"] {
        for part in ["required", "optional", "format"] {
            let text = try Data(contentsOf: folder.appendingPathComponent("\(draft)-\(part).jsonl"))
            for line in text.split(separator: UInt8(ascii: "\n")) {
                var options = JSONSchema.Options()
                options.documents = remotes
                options.assertsFormat = part == "format"
                let group = try reader.value(Array(line))
                let cases = try SchemaCases(group, isDraft7: draft == "draft7")
                cases.run(options, &report)
            }
        }
    }
}

/// One line of the suite: a schema with its instances.
private struct SchemaCases {
    let id: String
    let file: String
    let schema: Value
    let tests: [(description: String, data: Value, isValid: Bool)]

    struct FormatError: Error { let message: String }

    init(_ group: Value, isDraft7: Bool) throws {
        guard case .map(let map) = group, case .string(let id)? = map["id"], case .string(let file)? = map["file"],
            let schema = map["schema"], case .list(let list)? = map["tests"]
        else { throw FormatError(message: "a line lacks id, file, schema or tests") }
        self.id = id
        self.file = file
        // Draft-07's lines carry no `$schema` of their own.
        if isDraft7, case .map(let body) = schema, body["$schema"] == nil {
            let dialect = Value.string("http://json-schema.org/draft-07/schema#")
            self.schema = .map(Value.Map([(.string("$schema"), dialect)] + body.entries))
        } else {
            self.schema = schema
        }
        tests = try list.map { test in
            guard case .map(let test) = test, case .string(let description)? = test["description"],
                let data = test["data"], case .bool(let isValid)? = test["valid"]
            else { throw FormatError(message: "\(id): a test lacks description, data or valid") }
            return (description, data, isValid)
        }
    }

    /// What optional files ask for and the validator does not offer.
    private static let notOffered: [String: String] = [
        "optional/cross-draft.json": "draft 2019-09",
        "optional/content.json": "content as an assertion",
        "optional/format/idn-hostname.json": "internationalised host names (IDNA tables)",
    ]

    func run(_ options: JSONSchema.Options, _ report: inout SuiteReport) {
        if let reason = Self.notOffered[file] {
            for _ in tests { report.leaveOut(reason) }
            return
        }
        do throws(SchemaError) {
            let compiled = try JSONSchema(compiling: schema, options: options)
            for test in tests { run(test, compiled, &report) }
        } catch {
            for test in tests { report.fail("\(id)/\(test.description)", error.description) }
        }
    }

    private func run(
        _ test: (description: String, data: Value, isValid: Bool), _ compiled: JSONSchema, _ report: inout SuiteReport
    ) {
        if file == "optional/format/hostname.json", hasEncodedLabel(test.data) {
            report.leaveOut("internationalised host names (IDNA tables)")
            return
        }
        let violations = compiled.validate(test.data)
        if violations.isEmpty == test.isValid {
            report.pass()
        } else {
            let got = violations.map(\.description).joined(separator: "; ")
            report.fail("\(id)/\(test.description)", test.isValid ? "valid expected, got: \(got)" : "accepted")
        }
    }

    /// A label in Punycode is judged by what it decodes to.
    private func hasEncodedLabel(_ data: Value) -> Bool {
        guard case .string(let text) = data else { return false }
        return text.lowercased().split(separator: ".").contains { $0.hasPrefix("xn--") }
    }
}

/// The suite's remote documents by the URI under which its schemas refer to them.
private func remoteDocuments(_ folder: URL, _ reader: JSONReader) throws -> [String: Value] {
    var documents: [String: Value] = [:]
    guard let files = FileManager.default.enumerator(atPath: folder.path) else { return documents }
    for case let path as String in files where path.hasSuffix(".json") {
        let data = try Data(contentsOf: folder.appendingPathComponent(path))
        documents["http://localhost:1234/\(path)"] = try reader.value(Array(data))
    }
    return documents
}
