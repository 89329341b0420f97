import PatchbayEvents

/// What the values of an expression have in common, as far as it is known before evaluating.
///
/// - Source: the CEL language definition, "Gradual Type Checking".
package indirect enum ExpressionType: Sendable, Hashable {
    /// Known only when evaluating, as the fields of an event's data.
    case dyn
    case null
    case bool
    case int
    case uint
    case double
    case string
    case bytes
    case timestamp
    case duration
    case list(ExpressionType)
    case map(ExpressionType, ExpressionType)
    /// Of a type as a value, such as `int` or `type(1)`.
    case type
    /// A number, text, … or null: protobuf's wrapper messages.
    case wrapper(ExpressionType)
    /// Known by name only, with its parameters: `optional_type(int)`, `net.IP`.
    case abstract(String, [ExpressionType])
    /// In a signature: some type, the same one wherever the name stands.
    case parameter(String)
    /// A type that is not known yet; `TypeSolver` gives them out and binds them.
    case unknown(Int)

    package static func optional(_ value: ExpressionType) -> ExpressionType { .abstract("optional_type", [value]) }
    package static let ip = ExpressionType.abstract("net.IP", [])
    package static let cidr = ExpressionType.abstract("net.CIDR", [])

    /// Whether null is among its values.
    var isNullable: Bool {
        switch self {
        case .dyn, .null, .timestamp, .duration, .wrapper, .abstract: true
        default: false
        }
    }

    var isNumeric: Bool {
        switch self {
        case .int, .uint, .double: true
        case .wrapper(let value): value.isNumeric
        default: false
        }
    }

    /// The types that it is made of.
    var parts: [ExpressionType] {
        switch self {
        case .list(let element): [element]
        case .map(let key, let value): [key, value]
        case .wrapper(let value): [value]
        case .abstract(_, let parameters): parameters
        default: []
        }
    }

    /// The same with other parts, in the order of `parts`.
    func with(_ parts: [ExpressionType]) -> ExpressionType {
        switch self {
        case .list: .list(parts[0])
        case .map: .map(parts[0], parts[1])
        case .wrapper: .wrapper(parts[0])
        case .abstract(let name, _): .abstract(name, parts)
        default: self
        }
    }
}

extension ExpressionType: CustomStringConvertible {
    /// As the language writes it: `map(string, list(dyn))`.
    package var description: String {
        let name =
            switch self {
            case .dyn, .unknown: "dyn"
            case .null: "null"
            case .bool: "bool"
            case .int: "int"
            case .uint: "uint"
            case .double: "double"
            case .string: "string"
            case .bytes: "bytes"
            case .timestamp: "timestamp"
            case .duration: "duration"
            case .list: "list"
            case .map: "map"
            case .type: "type"
            case .wrapper: "wrapper"
            case .abstract(let name, _), .parameter(let name): name
            }
        let inner = parts.map(\.description).joined(separator: ", ")
        return inner.isEmpty ? name : "\(name)(\(inner))"
    }
}

extension ExpressionType {
    /// The type of a literal; of what lists, maps and optionals hold nothing is told.
    init(of value: Value) {
        self =
            switch value {
            case .null: .null
            case .bool: .bool
            case .int: .int
            case .uint: .uint
            case .double: .double
            case .string: .string
            case .bytes: .bytes
            case .timestamp: .timestamp
            case .duration: .duration
            case .list: .list(.dyn)
            case .map: .map(.dyn, .dyn)
            case .type: .type
            case .optional: .optional(.dyn)
            case .ip: .ip
            case .cidr: .cidr
            }
    }
}
