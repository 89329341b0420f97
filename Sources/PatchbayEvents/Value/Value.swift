/// A value of the one data model that JSON, Avro, Protobuf and expressions share.
///
/// - Shape: strings are valid Unicode; lists and maps keep their order; what JSON gives is `null`, `bool`, `int`,
///   `uint` (above `Int64.max`), `double`, `string`, `list` and `map` with string keys.
/// - Source: the CEL language definition, "Values".
package enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    /// A point in time, UTC, to the nanosecond.
    case timestamp(Timestamp)
    case duration(Duration)
    case list([Value])
    case map(Map)
    /// A type as a value, such as `type(1)`.
    case type(TypeName)
    /// CEL's optional: `nil` is `optional.none()`.
    indirect case optional(Value?)
    /// An internet address or network, as the network extension has them.
    indirect case ip(IPAddress)
    indirect case cidr(IPNetwork)

    /// The name of a type: `int`, `list`, `google.protobuf.Timestamp`.
    package struct TypeName: Hashable, Sendable {
        package let name: String
        package init(_ name: String) { self.name = name }
    }

    /// The type's name as `type()` gives it.
    package var typeName: TypeName {
        switch self {
        case .null: TypeName("null_type")
        case .bool: TypeName("bool")
        case .int: TypeName("int")
        case .uint: TypeName("uint")
        case .double: TypeName("double")
        case .string: TypeName("string")
        case .bytes: TypeName("bytes")
        case .timestamp: TypeName("google.protobuf.Timestamp")
        case .duration: TypeName("google.protobuf.Duration")
        case .list: TypeName("list")
        case .map: TypeName("map")
        case .type: TypeName("type")
        case .optional: TypeName("optional_type")
        case .ip: TypeName("net.IP")
        case .cidr: TypeName("net.CIDR")
        }
    }
}

/// Equality and hashing as CEL has them: numbers are equal by value whatever their types, a NaN equals nothing,
/// the order of a map's entries does not count, and different types are unequal rather than an error.
extension Value: Hashable {
    package static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.string(let a), .string(let b)): a.isIdenticalUTF8(to: b)
        case (.bytes(let a), .bytes(let b)): a == b
        case (.timestamp(let a), .timestamp(let b)): a == b
        case (.duration(let a), .duration(let b)): a == b
        case (.list(let a), .list(let b)): a == b
        case (.map(let a), .map(let b)): a == b
        case (.type(let a), .type(let b)): a == b
        case (.optional(let a), .optional(let b)): a == b
        case (.ip(let a), .ip(let b)): a == b
        case (.cidr(let a), .cidr(let b)): a == b
        default: Value.numericOrder(a, b) == .equal
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .int(let value): Value.hash(Double(value), into: &hasher)
        case .uint(let value): Value.hash(Double(value), into: &hasher)
        case .double(let value): Value.hash(value, into: &hasher)
        case .string(let value): hasher.combine(bytes: value)
        case .bytes(let value): hasher.combine(value)
        case .timestamp(let value): hasher.combine(value)
        case .duration(let value): hasher.combine(value)
        case .list(let value): hasher.combine(value)
        case .map(let value): hasher.combine(value)
        case .type(let value): hasher.combine(value)
        case .optional(let value): hasher.combine(value)
        case .ip(let value): hasher.combine(value)
        case .cidr(let value): hasher.combine(value)
        }
    }

    private static func hash(_ value: Double, into hasher: inout Hasher) {
        hasher.combine(1)
        hasher.combine(value == 0 ? 0 : value.bitPattern)
    }
}

extension String {
    /// Whether both hold the same code points. (`==` on strings also equates canonically equivalent ones.)
    package func isIdenticalUTF8(to other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        var (left, right) = (self, other)
        return left.withUTF8 { left in right.withUTF8 { left.elementsEqual($0) } }
    }
}

extension Hasher {
    /// Hashes a string's UTF-8, consistent with `isIdenticalUTF8(to:)`.
    package mutating func combine(bytes text: String) {
        var copy = text
        copy.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
        combine(0xFF as UInt8)
    }
}
