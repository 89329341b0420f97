import Foundation
import PatchbayEvents
import PatchbayExpressions

/// google/cel-spec: each case is compiled and evaluated; its value must have the expected type, too.
let celSuite = ConformanceSuite(name: "cel", folder: "cel") { folder, report in
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    let isVerbose = ProcessInfo.processInfo.environment["PATCHBAY_SUITES_VERBOSE"] != nil
    for file in files.sorted(by: { $0.path < $1.path }) where file.pathExtension == "jsonl" {
        var part = SuiteReport()
        for one in try jsonLines(file) { run(CELCase(one), &part) }
        if isVerbose { print("  \(file.lastPathComponent): \(part.summary)") }
        report.merge(part)
    }
}

private func run(_ test: CELCase, _ report: inout SuiteReport) {
    if test.needsMessages { return report.leaveOut("needs protobuf messages") }
    if test.suite == "network_ext" { return report.leaveOut("needs IP addresses as values") }
    if test.isCheckOnly { return report.leaveOut("needs the type checker") }
    if test.hasUnresolvedEscape { return report.leaveOut("wrong data: an escape was left in the expected bytes") }
    let names = test.bindings.keys.sorted()
    var environment = ExpressionEnvironment(variables: names)
    environment.container = test.container
    environment.checksNames = !test.isUnchecked
    do {
        let variables = try names.map { try celValue(test.bindings[$0] ?? "") }
        let result = try Expression(test.source, in: environment).evaluate(nil, variables: variables)
        guard let expected = test.expected else {
            return report.fail(test.id, "expected an error, found \(result.display)")
        }
        let wanted = try celValue(expected)
        if isSame(result, wanted) { return report.pass() }
        report.fail(test.id, "\(test.source): expected \(wanted.display), found \(result.display)")
    } catch let error as EvaluationError where test.expected == nil {
        // Any error of evaluating will do; which one, implementations word differently.
        if error.code == .costExceeded { return report.fail(test.id, "too many steps") }
        report.pass()
    } catch {
        report.fail(test.id, "\(test.source): \(error)")
    }
}

private struct CELCase {
    let id: String
    let suite: String
    let source: String
    let container: String
    let needsMessages: Bool
    let isCheckOnly: Bool
    let isUnchecked: Bool
    let bindings: [String: Any]
    /// `nil` when an error is expected.
    let expected: Any?

    init(_ json: [String: Any]) {
        id = json["id"] as? String ?? "?"
        suite = json["suite"] as? String ?? ""
        source = json["expr"] as? String ?? ""
        container = json["container"] as? String ?? ""
        needsMessages = json["needs_proto"] as? String == "message"
        isCheckOnly = json["check_only"] as? Bool ?? false
        isUnchecked = json["disable_check"] as? Bool ?? false
        bindings = json["bindings"] as? [String: Any] ?? [:]
        expected = json["error"] == nil ? json["expected"] : nil
    }

    /// Whether the expected bytes hold a `\?` where the expression, which has no backslash at all, holds a plain `?`:
    /// the conversion of the suite to JSON lines did not resolve that escape of the protobuf text format.
    var hasUnresolvedEscape: Bool {
        guard let tagged = expected as? [String: Any], tagged["type"] as? String == "bytes",
            let bytes = Data(base64Encoded: tagged["value"] as? String ?? "")
        else { return false }
        return !source.contains("\\") && bytes.range(of: Data(#"\?"#.utf8)) != nil
    }
}

private struct UnreadableCase: Error { let text: String }

/// The value that a case writes with its type's name.
private func celValue(_ json: Any) throws -> Value {
    guard let tagged = json as? [String: Any], let type = tagged["type"] as? String else {
        throw UnreadableCase(text: "\(json)")
    }
    let text = tagged["value"] as? String ?? ""
    switch type {
    case "null": return .null
    case "bool": return .bool(tagged["value"] as? Bool ?? false)
    case "int": if let number = Int64(text) { return .int(number) }
    case "uint": if let number = UInt64(text) { return .uint(number) }
    case "double": if let number = Double(text) { return .double(number) }
    case "string": return .string(text)
    case "bytes": if let data = Data(base64Encoded: text) { return .bytes(Array(data)) }
    case "type": return .type(Value.TypeName(text))
    case "duration", "timestamp":
        let nanos = tagged["nanos"] as? Int ?? 0
        guard let seconds = Int64(tagged["seconds"] as? String ?? "") else { break }
        if type == "duration" { return .duration(.seconds(seconds) + .nanoseconds(nanos)) }
        if let time = Value.Timestamp(seconds: seconds, nanoseconds: Int32(nanos)) { return .timestamp(time) }
    case "list":
        if let elements = tagged["value"] as? [Any] { return .list(try elements.map(celValue)) }
    case "map":
        guard let entries = tagged["value"] as? [[Any]] else { break }
        return .map(
            Value.Map(
                try entries.map { entry in
                    guard let key = Value.Key(try celValue(entry[0])) else { throw UnreadableCase(text: "\(entry)") }
                    return (key, try celValue(entry[1]))
                }))
    case "message": return try wellKnown(tagged["message"] as? String ?? "", tagged["json"] ?? NSNull())
    default: break
    }
    throw UnreadableCase(text: "\(tagged)")
}

/// What a well-known protobuf message is in CEL, from its JSON form.
private func wellKnown(_ message: String, _ json: Any) throws -> Value {
    let text = json as? String ?? ""
    switch (message.split(separator: ".").last.map(String.init) ?? "", json) {
    case ("Int32Value", let number as NSNumber): return .int(number.int64Value)
    case ("UInt32Value", let number as NSNumber): return .uint(number.uint64Value)
    case ("Int64Value", _): if let number = Int64(text) { return .int(number) }
    case ("UInt64Value", _): if let number = UInt64(text) { return .uint(number) }
    case ("FloatValue", let number as NSNumber), ("DoubleValue", let number as NSNumber):
        return .double(number.doubleValue)
    case ("BoolValue", let value as Bool): return .bool(value)
    case ("StringValue", _): return .string(text)
    case ("BytesValue", _): if let data = Data(base64Encoded: text) { return .bytes(Array(data)) }
    case ("ListValue", _), ("Struct", _), ("Value", _): return plain(json)
    default: break
    }
    throw UnreadableCase(text: "\(message): \(json)")
}

/// Numbers are doubles, as in google.protobuf.Value.
private func plain(_ json: Any) -> Value {
    switch json {
    case let values as [Any]: .list(values.map(plain))
    case let fields as [String: Any]:
        .map(Value.Map(fields.sorted { $0.key < $1.key }.map { (.string($0.key), plain($0.value)) }))
    case let text as String: .string(text)
    case let number as NSNumber where isBool(number): .bool(number.boolValue)
    case let number as NSNumber: .double(number.doubleValue)
    default: .null
    }
}

private func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

/// Equal in value and in type; NaN is the same as NaN, and 0.0 is not -0.0.
private func isSame(_ a: Value, _ b: Value) -> Bool {
    switch (a, b) {
    case (.double(let a), .double(let b)): a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)
    case (.list(let a), .list(let b)): a.count == b.count && zip(a, b).allSatisfy(isSame)
    case (.map(let a), .map(let b)):
        a.count == b.count && a.entries.allSatisfy { key, value in b[key].map { isSame($0, value) } ?? false }
    default: a.typeName == b.typeName && a == b
    }
}
