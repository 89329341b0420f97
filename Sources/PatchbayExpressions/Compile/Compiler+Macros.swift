import PatchbayEvents

extension Compiler {
    /// What a macro stands for, or `nil` for an ordinary call.
    mutating func macro(
        _ name: String, target: SyntaxNode?, arguments: [SyntaxNode], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node? {
        guard let target else {
            return name == "has" && arguments.count == 1 ? try has(arguments[0], syntax) : nil
        }
        if case .identifier("cel", false) = target.kind, local("cel") == nil {
            return try celMacro(name, arguments, syntax)
        }
        switch (name, arguments.count) {
        case ("all", 2): return try loop(.all, over: target, arguments, syntax)
        case ("exists", 2): return try loop(.exists, over: target, arguments, syntax)
        case ("exists_one", 2), ("existsOne", 2): return try loop(.existsOne, over: target, arguments, syntax)
        case ("filter", 2): return try loop(.list, over: target, arguments, syntax)
        case ("map", 2): return try loop(.list, over: target, arguments, syntax, hasTransform: true)
        case ("map", 3): return try loop(.list, over: target, arguments, syntax, hasTransform: true)
        case ("all", 3): return try loop(.all, over: target, arguments, syntax, variables: 2)
        case ("exists", 3): return try loop(.exists, over: target, arguments, syntax, variables: 2)
        case ("exists_one", 3), ("existsOne", 3):
            return try loop(.existsOne, over: target, arguments, syntax, variables: 2)
        case ("transformList", 3...4):
            return try loop(.list, over: target, arguments, syntax, variables: 2, hasTransform: true)
        case ("transformMap", 3...4):
            return try loop(.map, over: target, arguments, syntax, variables: 2, hasTransform: true)
        case ("transformMapEntry", 3...4):
            return try loop(.mapEntries, over: target, arguments, syntax, variables: 2, hasTransform: true)
        case ("sortBy", 2): return try loop(.sorted, over: target, arguments, syntax, hasTransform: true)
        case ("optMap", 2), ("optFlatMap", 2):
            return try optionalMap(name, target, arguments, syntax)
        default: return nil
        }
    }

    /// `arguments`: the variables, then a condition, or one or none and a transform.
    private mutating func loop(
        _ outcome: Node.Comprehension.Outcome, over target: SyntaxNode, _ arguments: [SyntaxNode],
        _ syntax: SyntaxNode, variables: Int = 1, hasTransform: Bool = false
    ) throws(ExpressionError) -> Node {
        let range = try compile(target)
        var types: [ExpressionType] = []
        _ = try checked(target) { (checker) throws(TypeChecker.Mismatch) in
            types = try checker.loop(over: range.type, variables: variables)
            return .dyn
        }
        if types.isEmpty { types = Array(repeating: .dyn, count: variables) }
        let names = try arguments.prefix(variables).map { $0 }.compiled(variable)
        guard Set(names).count == names.count else {
            throw failure(.arguments, "the two variables need two names", arguments[1])
        }
        let locals = zip(names, types).map { push($0, $1, readsEvent: range.readsEvent) }
        defer { scope.removeLast(names.count) }
        let rest = try compile(Array(arguments.dropFirst(variables)))
        let transform = hasTransform ? rest.last : nil
        let predicate = hasTransform ? (rest.count > 1 ? rest[0] : nil) : rest[0]
        let comprehension = Node.Comprehension(
            outcome: outcome, range: range, local: locals[0], hasTwoVariables: variables == 2, predicate: predicate,
            transform: transform)
        if let predicate { _ = try logical("a loop's condition", [predicate], syntax) }
        let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
            try checker.result(of: outcome, variables: types, transform: transform?.type)
        }
        return make(.comprehension(comprehension), type, syntax)
    }

    private mutating func optionalMap(
        _ name: String, _ target: SyntaxNode, _ arguments: [SyntaxNode], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        let optional = try compile(target)
        let value = try checked(target) { (checker) throws(TypeChecker.Mismatch) in
            try checker.optional(name, optional.type)
        }
        let local = push(try variable(arguments[0]), value, readsEvent: optional.readsEvent)
        defer { scope.removeLast() }
        let body = try compile(arguments[1])
        let isFlat = name == "optFlatMap"
        let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
            .optional(isFlat ? try checker.optional(name, body.type) : body.type)
        }
        return make(.optionalMap(local: local, optional, body, isFlat: isFlat), type, syntax)
    }

    /// Whether a field is there. Of an event's field: anything on the way that is missing gives `false`.
    private mutating func has(_ argument: SyntaxNode, _ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        guard case .select(let operand, let name, false) = argument.kind else {
            throw failure(.arguments, "`has` takes the selection of a field", argument, accepted: ["has(a.b)"])
        }
        if let path = eventPath(argument) { return make(.slotPresence(try slot(path, argument)), .bool, syntax) }
        let compiled = try compile(operand)
        _ = try checked(argument) { (checker) throws(TypeChecker.Mismatch) in
            try checker.selection(name, of: compiled.type, isOptional: false)
        }
        return make(.presence(compiled, name), .bool, syntax)
    }

    private mutating func celMacro(
        _ name: String, _ arguments: [SyntaxNode], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node? {
        switch (name, arguments.count) {
        case ("bind", 3):
            let bound = try compile(arguments[1])
            let local = push(try variable(arguments[0]), bound.type, readsEvent: bound.readsEvent)
            defer { scope.removeLast() }
            let body = try compile(arguments[2])
            return make(.bind(local: local, bound, body), body.type, syntax)
        case ("block", 2):
            guard case .list(let elements) = arguments[0].kind else {
                throw failure(.arguments, "`cel.block` takes a list first", arguments[0])
            }
            return try block(elements.map(\.value)[...], at: 0, arguments[1], syntax)
        case ("index", 1), ("iterVar", 2):
            let name = try variable(syntax)
            guard let local = local(name) else { throw failure(.unknownName, "nothing is bound here", syntax) }
            return make(.local(local.index, readsEvent: local.readsEvent), local.type, syntax)
        default: return nil
        }
    }

    private mutating func block(
        _ values: ArraySlice<SyntaxNode>, at index: Int, _ body: SyntaxNode, _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        guard let first = values.first else { return try compile(body) }
        guard index < Parser.depthMax else {
            throw failure(.tooLarge, "`cel.block` binds more than \(Parser.depthMax) values", syntax)
        }
        let bound = try compile(first)
        let local = push("cel.index(\(index))", bound.type, readsEvent: bound.readsEvent)
        defer { scope.removeLast() }
        let rest = try block(values.dropFirst(), at: index + 1, body, syntax)
        return make(.bind(local: local, bound, rest), rest.type, syntax)
    }

    /// The name that a macro's argument gives to a variable.
    private func variable(_ syntax: SyntaxNode) throws(ExpressionError) -> String {
        switch syntax.kind {
        case .identifier(let name, isAbsolute: false): return name
        case .call(let target?, let name, let arguments):
            // Common subexpressions that other tools have factored out carry generated names.
            let numbers = arguments.compactMap { argument in
                if case .literal(.int(let number)) = argument.kind { Int(number) } else { nil }
            }
            guard case .identifier("cel", false) = target.kind, numbers.count == arguments.count,
                name == "index" || name == "iterVar"
            else { break }
            return "cel.\(name)(\(numbers.map(String.init).joined(separator: ",")))"
        default: break
        }
        throw failure(.arguments, "a plain name is needed here, for the variable", syntax)
    }

    private mutating func push(_ name: String, _ type: ExpressionType, readsEvent: Bool) -> Int {
        let index = scope.count
        scope.append(Local(name: name, index: index, type: type, readsEvent: readsEvent))
        localsMax = max(localsMax, scope.count)
        return index
    }
}
