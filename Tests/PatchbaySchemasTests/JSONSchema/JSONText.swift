import Foundation
import PatchbayEvents
import PatchbaySchemas

/// The value of a JSON text that a test spells out.
func json(_ text: String) throws -> Value {
    value(try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed))
}

private func value(_ object: Any) -> Value {
    switch object {
    case let text as String: return .string(text)
    case let list as [Any]: return .list(list.map(value))
    case let map as [String: Any]:
        return .map(Value.Map(map.sorted { $0.key < $1.key }.map { (.string($0.key), value($0.value)) }))
    case let number as NSNumber:
        if String(cString: number.objCType) == "c" { return .bool(number.boolValue) }
        if let int = Int64(exactly: number) { return .int(int) }
        if let uint = UInt64(exactly: number) { return .uint(uint) }
        return .double(number.doubleValue)
    default: return .null
    }
}

/// The violations' descriptions.
func violations(_ schema: String, _ instance: String) throws -> [String] {
    try JSONSchema(compiling: json(schema)).validate(json(instance)).map(\.description)
}

/// The problems of a schema that does not compile.
func problems(_ schema: String, options: JSONSchema.Options = .init()) throws -> [SchemaError.Problem] {
    do {
        _ = try JSONSchema(compiling: json(schema), options: options)
        return []
    } catch let error as SchemaError {
        return error.problems
    }
}
