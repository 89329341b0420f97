import PatchbayEvents

extension Compiler {
    mutating func call(
        _ name: String, target: SyntaxNode?, arguments: [SyntaxNode], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        if let expanded = try macro(name, target: target, arguments: arguments, syntax) { return expanded }
        guard let target else { return try call(name, isMember: false, try compile(arguments), syntax) }
        if let (components, isAbsolute) = qualifiedName(target), isAbsolute || local(components[0]) == nil {
            // A namespace's function, such as `math.abs(x)`.
            let qualified = (components + [name]).joined(separator: ".")
            if !functions.overloads(qualified).isEmpty {
                return try call(qualified, isMember: false, try compile(arguments), syntax)
            }
        }
        if functions.overloads(name).isEmpty, environment.checksNames { throw unknownFunction(name, syntax) }
        return try call(name, isMember: true, try compile([target] + arguments), syntax)
    }

    private mutating func call(
        _ name: String, isMember: Bool, _ operands: [Node], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        if name == "matches", operands.count == 2, let pattern = operands[1].constant {
            return make(try match(operands[0], pattern, syntax), syntax)
        }
        if let function = functions.function(name, isMember: isMember, operands: operands.count) {
            return make(.call(function, operands), syntax)
        }
        let known = functions.overloads(name)
        guard environment.checksNames else {
            let error =
                known.isEmpty
                ? EvaluationError(.unknownName, "no function is named `\(name)`")
                : EvaluationError(.noSuchOverload, "`\(name)` does not take \(operands.count) operands")
            return make(.failure(error), syntax)
        }
        if known.isEmpty { throw unknownFunction(name, syntax) }
        let arguments = operands.count - (isMember ? 1 : 0)
        throw failure(
            .arguments, "`\(name)` cannot be called in this form with \(arguments) arguments", syntax,
            accepted: known.map(\.form))
    }

    private func unknownFunction(_ name: String, _ syntax: SyntaxNode) -> ExpressionError {
        failure(
            .unknownFunction, "no function is named `\(name)`", syntax, accepted: functions.names(near: name))
    }

    /// A constant pattern is compiled once, and its mistakes are found here.
    private func match(_ text: Node, _ pattern: Value, _ syntax: SyntaxNode) throws(ExpressionError) -> Node.Kind {
        guard case .string(let pattern) = pattern else {
            return .failure(.overload.named("matches", [.string(""), pattern]))
        }
        do throws(RegularExpression.SyntaxError) {
            return .matches(text, try RegularExpression(pattern))
        } catch {
            guard environment.checksNames else { return .failure(EvaluationError(.invalidPattern, error.message)) }
            throw failure(.arguments, "the pattern is no regular expression: \(error.message)", syntax)
        }
    }
}

extension Function {
    /// How it is called, for messages.
    fileprivate var form: String {
        let operands = arity.map { $0 - (isMember ? 1 : 0) }
        let list = operands.map { Array(repeating: "_", count: $0).joined(separator: ", ") } ?? "…"
        return isMember ? "_.\(name)(\(list))" : "\(name)(\(list))"
    }
}
