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
    if test.needsMessages { return report.leaveOut("needs protobuf messages", of: test.group) }
    do {
        // Bound names without a declaration have any type.
        let names = test.bindings.keys.sorted()
        let types = try test.declaredTypes()
        var environment = ExpressionEnvironment(variables: names.map { .init($0, types[$0] ?? .dyn) })
        environment.variables += types.keys.sorted().filter { !names.contains($0) }.map { .init($0, types[$0] ?? .dyn) }
        environment.signatures = try test.signatures()
        environment.container = test.container
        environment.isChecked = !test.isUnchecked
        let expression = try Expression(test.source, in: environment)
        if let wanted = try test.expectedType.map(celType), wanted != expression.resultType {
            return report.fail(
                test.id, "\(test.source): expected the type \(wanted), found \(expression.resultType)")
        }
        if test.isCheckOnly { return report.pass() }
        var variables = try names.map { try celValue(test.bindings[$0] ?? "") }
        variables += Array(repeating: .null, count: environment.variables.count - names.count)
        let result = try expression.evaluate(nil, variables: variables)
        guard let expected = test.expected else {
            return report.fail(test.id, "expected an error, found \(result.display)")
        }
        let wanted = test.withoutEscapes(try celValue(expected))
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
    /// The file of the specification's tests that it is from.
    var group: String { String(id.prefix { $0 != "/" }) }
    let source: String
    let container: String
    let needsMessages: Bool
    let isCheckOnly: Bool
    let isUnchecked: Bool
    let declarations: [[String: Any]]
    let bindings: [String: Any]
    /// `nil` when an error is expected.
    let expected: Any?
    /// `nil` when the case says nothing about it.
    let expectedType: Any?

    init(_ json: [String: Any]) {
        id = json["id"] as? String ?? "?"
        source = json["expr"] as? String ?? ""
        container = json["container"] as? String ?? ""
        needsMessages = json["needs_proto"] as? String == "message"
        isCheckOnly = json["check_only"] as? Bool ?? false
        isUnchecked = json["disable_check"] as? Bool ?? false
        declarations = json["type_env"] as? [[String: Any]] ?? []
        bindings = json["bindings"] as? [String: Any] ?? [:]
        expected = json["error"] == nil ? json["expected"] : nil
        expectedType = json["expected_type"]
    }

    func declaredTypes() throws -> [String: ExpressionType] {
        var types: [String: ExpressionType] = [:]
        for declaration in declarations where declaration["kind"] as? String == "ident" {
            types[declaration["name"] as? String ?? ""] = try celType(declaration["type"] ?? "")
        }
        return types
    }

    func signatures() throws -> [FunctionSignature] {
        try declarations.filter { $0["kind"] as? String == "function" }.flatMap { declaration in
            try (declaration["overloads"] as? [[String: Any]] ?? []).map { overload in
                FunctionSignature(
                    name: declaration["name"] as? String ?? "", isMember: overload["member"] as? Bool ?? false,
                    operands: try (overload["params"] as? [Any] ?? []).map(celType),
                    result: try celType(overload["result"] ?? ""))
            }
        }
    }

    /// Expected bytes without an escape of the protobuf text format, `\?` for `?`, that the suite's conversion to JSON
    /// lines left in: a literal without a backslash cannot have one in its value.
    func withoutEscapes(_ value: Value) -> Value {
        guard case .bytes(let bytes) = value, !source.contains("\\") else { return value }
        let kept = bytes.indices.filter {
            bytes[$0] != UInt8(ascii: "\\") || bytes[($0 + 1)...].first != UInt8(ascii: "?")
        }
        return .bytes(kept.map { bytes[$0] })
    }
}

/// The type that a case writes as JSON.
private func celType(_ json: Any) throws -> ExpressionType {
    if let name = json as? String {
        let plain: [String: ExpressionType] = [
            "dyn": .dyn, "any": .dyn, "null": .null, "bool": .bool, "int": .int, "uint": .uint, "double": .double,
            "string": .string, "bytes": .bytes, "timestamp": .timestamp, "duration": .duration, "type": .type,
        ]
        guard let type = plain[name] else { throw UnreadableCase(text: "the type \(name)") }
        return type
    }
    guard let tagged = json as? [String: Any], let (kind, content) = tagged.first(where: { $0.key != "params" }) else {
        throw UnreadableCase(text: "\(json)")
    }
    let parts = try (tagged["params"] as? [Any] ?? []).map(celType)
    switch (kind, content) {
    case ("list", _): return .list(try celType(content))
    case ("map", let types as [Any]) where types.count == 2: return .map(try celType(types[0]), try celType(types[1]))
    case ("wrapper", _): return .wrapper(try celType(content))
    case ("type", _): return .type
    case ("param", let name as String): return .parameter(name)
    case ("abstract", let name as String): return .abstract(name, parts)
    case ("message", let name as String): return try wellKnownType(name)
    default: throw UnreadableCase(text: "\(json)")
    }
}

/// What the well-known protobuf messages are in CEL.
private func wellKnownType(_ message: String) throws -> ExpressionType {
    switch message.split(separator: ".").last {
    case "BoolValue": .wrapper(.bool)
    case "BytesValue": .wrapper(.bytes)
    case "DoubleValue", "FloatValue": .wrapper(.double)
    case "Int32Value", "Int64Value": .wrapper(.int)
    case "UInt32Value", "UInt64Value": .wrapper(.uint)
    case "StringValue": .wrapper(.string)
    case "ListValue": .list(.dyn)
    case "Struct": .map(.string, .dyn)
    case "Value", "Any": .dyn
    case "Timestamp": .timestamp
    case "Duration": .duration
    default: throw UnreadableCase(text: message)
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
