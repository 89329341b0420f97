import Foundation
import PatchbayEvents
import PatchbaySchemas

/// JSON-Schema-Test-Suite, draft 2020-12 and draft-07: the required cases, the optional ones, and formats asserted.
@MainActor let jsonSchemaSuite = ConformanceSuite(name: "json-schema", folder: "json-schema") { folder, report in
    let remotes = try remoteDocuments(folder.appendingPathComponent("remotes"))
    for file in ["draft2020-12-required", "draft7-required", "draft2020-12-optional", "draft7-optional"] {
        for group in try jsonLines(folder.appendingPathComponent(file + ".jsonl")) {
            try runGroup(group, remotes: remotes, assertsFormat: false, &report)
        }
    }
    for file in ["draft2020-12-format", "draft7-format"] {
        for group in try jsonLines(folder.appendingPathComponent(file + ".jsonl")) {
            try runGroup(group, remotes: remotes, assertsFormat: true, &report)
        }
    }
}

/// What optional files ask for and this validator does not offer.
private let notOffered: [String: String] = [
    "optional/cross-draft.json": "draft 2019-09",
    "optional/content.json": "content as an assertion",
    "optional/format/idn-hostname.json": "internationalised host names (IDNA tables)",
]

private func runGroup(
    _ group: [String: Any], remotes: [String: Value], assertsFormat: Bool, _ report: inout SuiteReport
) throws {
    guard let id = group["id"] as? String, let file = group["file"] as? String, let schema = group["schema"],
        let tests = group["tests"] as? [[String: Any]]
    else { throw SuiteFormatError(message: "a line lacks id, file, schema or tests") }
    if let reason = notOffered[file] {
        for _ in tests { report.leaveOut(reason) }
        return
    }
    var options = JSONSchema.Options()
    options.documents = remotes
    options.assertsFormat = assertsFormat
    // Draft-07's lines carry no `$schema` of their own.
    let isDraft7 = group["draft"] as? String == "draft7"
    var body = jsonValue(schema)
    if isDraft7, case .map(let map) = body, map["$schema"] == nil {
        body = .map(Value.Map([(.string("$schema"), .string("http://json-schema.org/draft-07/schema#"))] + map.entries))
    }
    do {
        let compiled = try JSONSchema(compiling: body, options: options)
        for test in tests {
            guard let data = test["data"], let expected = test["valid"] as? Bool,
                let description = test["description"] as? String
            else { throw SuiteFormatError(message: "\(id): a test lacks data, valid or description") }
            if file == "optional/format/hostname.json" || file == "optional/hostname.json", needsIDNA(data) {
                report.leaveOut("internationalised host names (IDNA tables)")
                continue
            }
            let violations = compiled.validate(jsonValue(data))
            if violations.isEmpty == expected {
                report.pass()
            } else {
                let got = violations.map(\.description).joined(separator: "; ")
                report.fail("\(id)/\(description)", expected ? "valid expected, got: \(got)" : "accepted")
            }
        }
    } catch let error as SchemaError {
        for _ in tests { report.fail(id, error.description) }
    }
}

/// A label that is encoded is judged by what it decodes to.
private func needsIDNA(_ data: Any) -> Bool {
    guard let text = data as? String else { return false }
    return text.lowercased().split(separator: ".").contains { $0.hasPrefix("xn--") }
}

private struct SuiteFormatError: Error { let message: String }

/// By the URI under which the suite refers to them.
private func remoteDocuments(_ folder: URL) throws -> [String: Value] {
    var documents: [String: Value] = [:]
    guard let files = FileManager.default.enumerator(atPath: folder.path) else { return documents }
    for case let path as String in files where path.hasSuffix(".json") {
        let data = try Data(contentsOf: folder.appendingPathComponent(path))
        let object = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)
        documents["http://localhost:1234/\(path)"] = jsonValue(object)
    }
    return documents
}

/// The value of what JSONSerialization read; an unsigned integer only where a signed one is too small.
private func jsonValue(_ object: Any) -> Value {
    switch object {
    case let text as String: return .string(text)
    case let list as [Any]: return .list(list.map(jsonValue))
    case let map as [String: Any]:
        return .map(Value.Map(map.sorted { $0.key < $1.key }.map { (.string($0.key), jsonValue($0.value)) }))
    case let number as NSNumber:
        if CFGetTypeIDIsBoolean(number) { return .bool(number.boolValue) }
        if let int = Int64(exactly: number) { return .int(int) }
        if let uint = UInt64(exactly: number) { return .uint(uint) }
        return .double(number.doubleValue)
    default: return .null
    }
}

private func CFGetTypeIDIsBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
