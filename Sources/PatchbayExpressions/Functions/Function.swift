import PatchbayEvents

/// A function or operator that expressions call.
struct Function: Sendable {
    typealias Unary = @Sendable (Value, inout Cost) throws(EvaluationError) -> Value
    typealias Binary = @Sendable (Value, Value, inout Cost) throws(EvaluationError) -> Value
    typealias Ternary = @Sendable (Value, Value, Value, inout Cost) throws(EvaluationError) -> Value
    typealias Variadic = @Sendable ([Value], inout Cost) throws(EvaluationError) -> Value

    enum Body: Sendable {
        case constant(Value)
        case unary(Unary)
        case binary(Binary)
        case ternary(Ternary)
        case variadic(Variadic)
    }

    /// As it is written; a namespace's functions have its name in front, such as `math.abs`.
    let name: String
    /// Called as `target.name(…)`; the target is the first operand.
    let isMember: Bool
    let body: Body

    /// Operands, a member's target included; `nil` for one or more.
    var arity: Int? {
        switch body {
        case .constant: 0
        case .unary: 1
        case .binary: 2
        case .ternary: 3
        case .variadic: nil
        }
    }

    static func global(_ name: String, _ body: @escaping Unary) -> Function {
        Function(name: name, isMember: false, body: .unary(body))
    }
    static func global(_ name: String, _ body: @escaping Binary) -> Function {
        Function(name: name, isMember: false, body: .binary(body))
    }
    static func global(_ name: String, _ body: @escaping Ternary) -> Function {
        Function(name: name, isMember: false, body: .ternary(body))
    }
    static func global(_ name: String, variadic body: @escaping Variadic) -> Function {
        Function(name: name, isMember: false, body: .variadic(body))
    }
    static func member(_ name: String, _ body: @escaping Unary) -> Function {
        Function(name: name, isMember: true, body: .unary(body))
    }
    static func member(_ name: String, _ body: @escaping Binary) -> Function {
        Function(name: name, isMember: true, body: .binary(body))
    }
    static func member(_ name: String, _ body: @escaping Ternary) -> Function {
        Function(name: name, isMember: true, body: .ternary(body))
    }
    static func member(_ name: String, variadic body: @escaping Variadic) -> Function {
        Function(name: name, isMember: true, body: .variadic(body))
    }
}

/// All functions by name.
struct FunctionTable: Sendable {
    static let standard = FunctionTable(
        coreFunctions + conversionFunctions + timeFunctions + stringFunctions + mathFunctions + encoderFunctions
            + optionalFunctions + regularExpressionFunctions + similarityFunctions + listFunctions + networkFunctions)

    private let byName: [String: [Function]]

    init(_ functions: [Function]) { byName = Dictionary(grouping: functions, by: \.name) }

    var all: [Function] { byName.values.flatMap(\.self) }

    /// Every way to call `name`; empty when it is unknown.
    func overloads(_ name: String) -> [Function] { byName[name] ?? [] }

    func function(_ name: String, isMember: Bool, operands: Int) -> Function? {
        let fitting = overloads(name).filter { $0.isMember == isMember }
        return fitting.first { $0.arity == operands } ?? fitting.first { $0.arity == nil && operands > 0 }
    }

    /// Names that `name` may have been meant for, the nearest first; at most five.
    func names(near name: String) -> [String] {
        let limit = max(2, name.count / 3)
        let wanted = Array(name.utf8.prefix(64))
        let near = byName.keys.map { ($0, Similarity.editDistance(Array($0.utf8), wanted)) }.filter { $0.1 <= limit }
        return near.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(5).map(\.0)
    }
}

extension EvaluationError {
    /// The caller names the function and the operands' types.
    static let overload = EvaluationError(.noSuchOverload, "")
}
