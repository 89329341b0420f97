/// A JSON value: what events, configurations and emitted events carry.
///
/// Literals make one: `["order": "A-1", "lines": [1, 2], "paid": true, "note": nil]`.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// An integer literal that fits.
    case integer(Int64)
    /// Every other number, rounded as IEEE 754 says.
    case number(Double)
    case string(String)
    case array([JSON])
    /// Members; of two with one name the last counts.
    case object([String: JSON])

    /// The member of an object; nil for another kind of value or a missing member.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// The text of a string, and nil for every other value.
    public var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The integer, also of a number without a fraction, and nil for every other value.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number, and nil for every other value.
    public var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The truth value, and nil for every other value.
    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A value from a literal.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A value from a literal.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A value from a literal.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A value from a literal.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// `null`. Where `JSON?` is meant, `condition ? value : nil` is this, too, and not the absence of a value: use `if`.
    public init(nilLiteral: ()) { self = .null }
    /// A value from a literal.
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    /// A value from a literal.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}

extension JSON: CustomStringConvertible {
    /// Compact JSON text, members in the order of their names. NaN and infinity become `null`.
    public var description: String {
        var text = ""
        write(into: &text)
        return text
    }

    private func write(into text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += value.isFinite ? String(value) : "null"
        case .string(let value): JSON.quote(value, into: &text)
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(into: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { text += "," }
                JSON.quote(member.key, into: &text)
                text += ":"
                member.value.write(into: &text)
            }
            text += "}"
        }
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
