/// The rules of types for operators, functions and macros: what each gives for operands of these types, or why it
/// takes none of them.
///
/// Departures from the language definition: numbers of different types may be compared with `==` and `in`, too, since
/// that has a value; and arithmetic on an event's fields is `dyn`, because JSON has one type of number.
struct TypeChecker {
    /// Why types do not fit, and what would be accepted.
    struct Mismatch: Error {
        let message: String
        var accepted: [String] = []
    }

    private let declared: SignatureTable
    private(set) var solver = TypeSolver()

    init(_ declared: [FunctionSignature]) { self.declared = SignatureTable(declared) }

    /// Every way to call `name`; empty when it is unknown.
    func signatures(_ name: String) -> [FunctionSignature] {
        SignatureTable.standard.signatures(name) + declared.signatures(name)
    }

    func final(_ type: ExpressionType) -> ExpressionType { solver.final(type) }

    // MARK: - Calls

    /// Whether `name` can be called in this form with so many operands, a member's target included.
    func takes(_ count: Int, _ name: String, isMember: Bool) -> Bool {
        signatures(name).contains {
            $0.isMember == isMember && ($0.operands.count == count || (count > 2 && Self.listTakers.contains(name)))
        }
    }

    /// Functions that take any number of operands like one list of them.
    private static let listTakers: Set = ["math.greatest", "math.least"]

    /// What `name` gives for operands of these types; `dyn` when several ways to call it fit and differ in that.
    mutating func call(
        _ name: String, isMember: Bool, _ operands: [ExpressionType]
    ) throws(Mismatch) -> ExpressionType {
        if operands.count > 2, Self.listTakers.contains(name) {
            return try call(name, isMember: isMember, [.list(elements(operands))])
        }
        let candidates = signatures(name).filter { $0.isMember == isMember && $0.operands.count == operands.count }
        var result: ExpressionType?
        for candidate in candidates {
            var names: [String: ExpressionType] = [:]
            let wanted = candidate.operands.map { instantiate($0, &names) }
            guard solver.assign(operands, to: wanted) else { continue }
            let given = instantiate(candidate.result, &names)
            let type = solver.resolved(given)
            if let before = result, before != type {
                result = .dyn
            } else {
                result = type
            }
        }
        if let result { return result }
        throw mismatch(name, isMember: isMember, operands, candidates)
    }

    /// A signature's type with an unknown one in place of each of its parameters.
    private mutating func instantiate(
        _ type: ExpressionType, _ names: inout [String: ExpressionType]
    ) -> ExpressionType {
        if case .parameter(let name) = type {
            if let known = names[name] { return known }
            let unknown = solver.unknown()
            names[name] = unknown
            return unknown
        }
        var parts: [ExpressionType] = []
        for part in type.parts { parts.append(instantiate(part, &names)) }
        return type.with(parts)
    }

    private func mismatch(
        _ name: String, isMember: Bool, _ operands: [ExpressionType], _ candidates: [FunctionSignature]
    ) -> Mismatch {
        let types = operands.map { solver.final($0).description }
        let isOperator = name.utf8.first.map { !($0 == UInt8(ascii: "_") || (97...122).contains($0 | 0x20)) } ?? false
        let form = isMember ? "\(types[0]).\(name)(\(types.dropFirst().joined(separator: ", ")))" : nil
        return Mismatch(
            message: form.map { "nothing is declared as \($0)" }
                ?? "`\(name)` does not take (\(types.joined(separator: ", ")))",
            accepted: candidates.map {
                isOperator ? "(\($0.operands.map(\.description).joined(separator: ", ")))" : $0.description
            })
    }

    // MARK: - Operators

    mutating func bool(_ name: String, _ operand: ExpressionType) throws(Mismatch) {
        guard solver.assign(operand, to: .bool) else {
            throw Mismatch(message: "`\(name)` needs a bool, not \(article(operand))")
        }
    }

    mutating func conditional(
        _ first: ExpressionType, _ second: ExpressionType
    ) throws(Mismatch) -> ExpressionType {
        guard let type = solver.join(first, second) else {
            throw Mismatch(
                message: "the two outcomes of `?:` are \(article(first)) and \(article(second))",
                accepted: ["outcomes of one type", "dyn(…) around one of them"])
        }
        return solver.resolved(type)
    }

    mutating func equality(
        _ symbol: String, _ left: ExpressionType, _ right: ExpressionType
    ) throws(Mismatch) -> ExpressionType {
        guard solver.areComparable(left, right) else {
            throw Mismatch(
                message: "`\(symbol)` compares \(article(left)) with \(article(right)), which are never equal",
                accepted: ["operands of one type", "dyn(…) around one of them"])
        }
        return .bool
    }

    mutating func order(
        _ symbol: String, _ left: ExpressionType, _ right: ExpressionType
    ) throws(Mismatch) -> ExpressionType {
        let ordered: [ExpressionType] = [.bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration]
        if ordered.contains(where: { solver.assign([left, right], to: [$0, $0]) }) { return .bool }
        if [left, right].allSatisfy({ solver.bound($0).isNumeric || solver.bound($0) == .dyn }) { return .bool }
        throw Mismatch(
            message: "`\(symbol)` does not take (\(solver.final(left)), \(solver.final(right)))",
            accepted: ["two numbers"] + ordered.filter { !$0.isNumeric }.map { "two of \($0)" })
    }

    mutating func membership(
        _ element: ExpressionType, in collection: ExpressionType
    ) throws(Mismatch) -> ExpressionType {
        switch solver.known(collection) {
        case .dyn: return .bool
        case .list(let inner), .map(let inner, _):
            guard !solver.areComparable(element, inner) else { return .bool }
            throw Mismatch(message: "`in` looks for \(article(element)) among values of type \(solver.final(inner))")
        default:
            throw Mismatch(
                message: "`in` does not take (\(solver.final(element)), \(solver.final(collection)))",
                accepted: ["(A, list(A))", "(A, map(A, B))"])
        }
    }

    // MARK: - Collections

    /// The type of a list's elements or a map's values: what they share, or else `dyn`.
    mutating func elements(_ types: [ExpressionType]) -> ExpressionType {
        guard var shared = types.first else { return solver.unknown() }
        for type in types.dropFirst() {
            guard let joined = solver.join(shared, type) else { return .dyn }
            shared = joined
        }
        return solver.resolved(shared)
    }

    mutating func keys(_ types: [ExpressionType]) throws(Mismatch) -> ExpressionType {
        for type in types {
            switch solver.known(type) {
            case .bool, .int, .uint, .string, .dyn: continue
            default:
                throw Mismatch(
                    message: "a map's key cannot be \(article(type))", accepted: ["bool", "int", "uint", "string"])
            }
        }
        return types.isEmpty ? solver.unknown() : elements(types)
    }

    /// What an optional element or entry adds.
    mutating func optionalValue(_ type: ExpressionType) throws(Mismatch) -> ExpressionType {
        switch solver.known(type) {
        case .dyn: return .dyn
        case .abstract("optional_type", let parts): return parts[0]
        default: throw Mismatch(message: "`?` needs an optional here, not \(article(type))")
        }
    }

    /// `operand.name`; `isOptional` for `operand.?name`.
    mutating func selection(
        _ name: String, of operand: ExpressionType, isOptional: Bool
    ) throws(Mismatch) -> ExpressionType {
        let type = solver.known(operand)
        switch type {
        case .dyn: return isOptional ? .optional(.dyn) : .dyn
        case .map(_, let value): return isOptional ? .optional(value) : value
        case .abstract("optional_type", let parts):
            let inner = try selection(name, of: parts[0], isOptional: false)
            return .optional(inner)
        default:
            throw Mismatch(
                message: "\(article(operand)) has no fields, so no `\(name)`", accepted: ["a field of a map"])
        }
    }

    /// The type of a message's field that gets such a value.
    mutating func field(
        _ name: String, _ value: ExpressionType, _ wanted: ExpressionType
    ) throws(Mismatch) -> ExpressionType {
        guard solver.assign(value, to: wanted) else {
            throw Mismatch(message: "the field `\(name)` takes \(article(wanted)), not \(article(value))")
        }
        return wanted
    }

    // MARK: - Macros

    /// The types of a loop's variables: index or key first, where it has two.
    mutating func loop(over range: ExpressionType, variables: Int) throws(Mismatch) -> [ExpressionType] {
        switch solver.known(range) {
        case .dyn: return Array(repeating: .dyn, count: variables)
        case .list(let element): return variables == 2 ? [.int, element] : [element]
        case .map(let key, let value): return variables == 2 ? [key, value] : [key]
        default:
            throw Mismatch(
                message: "a loop cannot go over \(article(range))", accepted: ["list(A)", "map(A, B)"])
        }
    }

    /// What a loop gives, by what is done in it.
    mutating func result(
        of outcome: Node.Comprehension.Outcome, variables: [ExpressionType], transform: ExpressionType?
    ) throws(Mismatch) -> ExpressionType {
        switch outcome {
        case .all, .exists, .existsOne: return .bool
        case .list: return .list(transform ?? variables[0])
        case .sorted: return .list(variables[0])
        case .map: return .map(variables[0], transform ?? .dyn)
        case .mapEntries:
            let type = solver.known(transform ?? .dyn)
            switch type {
            case .dyn: return .map(.dyn, .dyn)
            case .map: return type
            default: throw Mismatch(message: "`transformMapEntry` needs a map of entries, not \(article(type))")
            }
        }
    }

    /// What `optMap` and `optFlatMap` have in hand.
    mutating func optional(_ name: String, _ type: ExpressionType) throws(Mismatch) -> ExpressionType {
        switch solver.known(type) {
        case .dyn: return .dyn
        case .abstract("optional_type", let parts): return parts[0]
        default: throw Mismatch(message: "`\(name)` needs an optional, not \(article(type))")
        }
    }

    private func article(_ type: ExpressionType) -> String {
        let name = solver.final(type).description
        return ["a", "e", "i", "o", "u"].contains(name.prefix(1)) && name != "uint" ? "an \(name)" : "a \(name)"
    }
}
