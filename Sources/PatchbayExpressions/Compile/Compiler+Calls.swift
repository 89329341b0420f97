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
            if !checker.signatures(qualified).isEmpty {
                return try call(qualified, isMember: false, try compile(arguments), syntax)
            }
        }
        if checker.signatures(name).isEmpty, environment.isChecked { throw unknownFunction(name, syntax) }
        return try call(name, isMember: true, try compile([target] + arguments), syntax)
    }

    private mutating func call(
        _ name: String, isMember: Bool, _ operands: [Node], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        let known = checker.signatures(name)
        let isKnown = checker.takes(operands.count, name, isMember: isMember)
        if environment.isChecked {
            if known.isEmpty { throw unknownFunction(name, syntax) }
            guard isKnown else {
                let arguments = operands.count - (isMember ? 1 : 0)
                throw failure(
                    .arguments, "`\(name)` cannot be called in this form with \(arguments) arguments", syntax,
                    accepted: known.map(\.description))
            }
        }
        let type = try type(name, isMember: isMember, operands, syntax)
        if let prepared = try prepared(name, operands, syntax) { return make(prepared, type, syntax) }
        if let function = functions.function(name, isMember: isMember, operands: operands.count) {
            return make(.call(function, operands), type, syntax)
        }
        let error =
            known.isEmpty
            ? EvaluationError(.unknownName, "no function is named `\(name)`")
            : isKnown
                ? EvaluationError(.unknownName, "`\(name)` is declared only")
                : EvaluationError(.noSuchOverload, "`\(name)` does not take \(operands.count) operands")
        return make(.failure(error), type, syntax)
    }

    private func unknownFunction(_ name: String, _ syntax: SyntaxNode) -> ExpressionError {
        failure(
            .unknownFunction, "no function is named `\(name)`", syntax, accepted: functions.names(near: name))
    }

    // MARK: - Constant operands

    /// A call with a constant operand that is looked at once, now, so that its mistakes are found here.
    private func prepared(
        _ name: String, _ operands: [Node], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node.Kind? {
        if name == "similar", operands.count == 3, case .string(let measure)? = operands[2].constant {
            guard Similarity(rawValue: measure) == nil, environment.isChecked else { return nil }
            throw failure(
                .arguments, "`\(measure)` is no measure of similarity", at: operands[2],
                accepted: Similarity.allCases.map(\.rawValue))
        }
        guard operands.count > 1, name == "matches" || name.hasPrefix("regex."),
            case .string(let pattern)? = operands[1].constant
        else { return nil }
        do throws(RegularExpression.SyntaxError) {
            let expression = try RegularExpression(pattern)
            if name == "matches" { return operands.count == 2 ? .matches(operands[0], expression) : nil }
            let functions = FunctionTable(RegularExpressionUse.functions(expression))
            return functions.function(name, isMember: false, operands: operands.count).map { .call($0, operands) }
        } catch {
            guard environment.isChecked else { return .failure(EvaluationError(.invalidPattern, error.message)) }
            throw failure(
                .arguments, "the pattern is no regular expression: \(error.message)",
                at: operands[1], scalars: patternOffset(error, pattern, operands[1]))
        }
    }

    /// Where a pattern's mistake is in the expression, from the literal's beginning; 0 when it has escapes.
    private func patternOffset(_ error: RegularExpression.SyntaxError, _ pattern: String, _ node: Node) -> Int {
        let isPlain = node.range.count == pattern.utf8.count + 2
        guard isPlain, let offset = error.offset, offset <= pattern.utf8.count else { return 0 }
        return 1 + String(decoding: pattern.utf8.prefix(offset), as: UTF8.self).unicodeScalars.count
    }

    private func failure(
        _ code: ExpressionError.Code, _ message: String, at node: Node, scalars: Int = 0, accepted: [String] = []
    ) -> ExpressionError {
        let place = SourcePosition(line: node.position.line, column: node.position.column + scalars)
        return ExpressionError(code: code, message: message, position: place, accepted: accepted)
    }
}
