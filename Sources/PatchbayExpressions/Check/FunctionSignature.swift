/// One way to call a function, with the types that it takes and gives.
package struct FunctionSignature: Sendable, Hashable {
    package let name: String
    /// Called as `target.name(…)`; the target is the first operand.
    package let isMember: Bool
    package let operands: [ExpressionType]
    package let result: ExpressionType

    package init(name: String, isMember: Bool, operands: [ExpressionType], result: ExpressionType) {
        self.name = name
        self.isMember = isMember
        self.operands = operands
        self.result = result
    }

    /// Reads `size(list(A)) -> int` or, of a member, `list(A).first() -> optional_type(A)`; one capital letter stands
    /// for any type. For signatures in this module's text, so a mistake is one of ours.
    init(_ text: String) {
        var reader = SignatureReader(text)
        let (target, name) = reader.name()
        let arguments = reader.types()
        reader.skip(" -> ")
        self.init(
            name: name, isMember: target != nil, operands: (target.map { [$0] } ?? []) + arguments,
            result: reader.type())
    }
}

extension FunctionSignature: CustomStringConvertible {
    package var description: String {
        let arguments = operands.dropFirst(isMember ? 1 : 0).map(\.description).joined(separator: ", ")
        let target = isMember ? "\(operands[0])." : ""
        return "\(target)\(name)(\(arguments)) -> \(result)"
    }
}

/// The signatures of all functions by name.
struct SignatureTable: Sendable {
    static let standard = SignatureTable(
        (operatorSignatures + coreSignatures + extensionSignatures).map { FunctionSignature($0) })

    private let byName: [String: [FunctionSignature]]

    init(_ signatures: [FunctionSignature]) { byName = Dictionary(grouping: signatures, by: \.name) }

    var all: [FunctionSignature] { byName.values.flatMap(\.self) }

    /// Every way to call `name`, in the order of declaration; empty when it is unknown.
    func signatures(_ name: String) -> [FunctionSignature] { byName[name] ?? [] }
}

private struct SignatureReader {
    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    /// The target's type of a member, and the function's name. `math.abs` is a name: no type is called `math`.
    mutating func name() -> (target: ExpressionType?, name: String) {
        let word = rest.prefix { $0 != "(" }
        if let dot = word.lastIndex(of: "."), Self.isType(word[..<dot]) {
            rest = rest.dropFirst(word.count)
            return (Self.type(named: String(word[..<dot]), []), String(word[dot...].dropFirst()))
        }
        if Self.isType(word), let end = closing(in: rest), rest[end...].dropFirst().first == "." {
            let target = type()
            skip(".")
            let name = rest.prefix { $0 != "(" }
            rest = rest.dropFirst(name.count)
            return (target, String(name))
        }
        rest = rest.dropFirst(word.count)
        return (nil, String(word))
    }

    /// Between parentheses.
    mutating func types() -> [ExpressionType] {
        skip("(")
        var found: [ExpressionType] = []
        while rest.first != ")" {
            if !found.isEmpty { skip(", ") }
            found.append(type())
        }
        skip(")")
        return found
    }

    mutating func type() -> ExpressionType {
        let name = rest.prefix { $0.isLetter || $0 == "_" || $0 == "." }
        rest = rest.dropFirst(name.count)
        return Self.type(named: String(name), rest.first == "(" ? types() : [])
    }

    mutating func skip(_ text: String) {
        precondition(rest.hasPrefix(text), "a signature needs `\(text)` before `\(rest)`")
        rest = rest.dropFirst(text.count)
    }

    private func closing(in text: Substring) -> Substring.Index? {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    private static func isType(_ name: Substring) -> Bool {
        name.count == 1 && name.allSatisfy(\.isUppercase) || plainTypes[String(name)] != nil
            || ["list", "map", "optional_type"].contains(name)
    }

    private static func type(named name: String, _ parts: [ExpressionType]) -> ExpressionType {
        switch name {
        case "list": return .list(parts[0])
        case "map": return .map(parts[0], parts[1])
        case "optional_type": return .optional(parts[0])
        default:
            if let plain = plainTypes[name] { return plain }
            precondition(name.count == 1, "a signature has no type `\(name)`")
            return .parameter(name)
        }
    }

    private static let plainTypes: [String: ExpressionType] = [
        "dyn": .dyn, "null": .null, "bool": .bool, "int": .int, "uint": .uint, "double": .double, "string": .string,
        "bytes": .bytes, "timestamp": .timestamp, "duration": .duration, "type": .type, "net.IP": .ip,
        "net.CIDR": .cidr,
    ]
}
