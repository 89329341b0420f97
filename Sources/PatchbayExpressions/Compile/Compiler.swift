import PatchbayEvents

/// Resolves names, expands macros and folds constants.
struct Compiler {
    /// A variable that a macro binds.
    struct Local {
        let name: String
        let index: Int
        /// Whether its values come from the event.
        let readsEvent: Bool
    }

    let places: SourceMap
    let environment: ExpressionEnvironment
    let functions = FunctionTable.standard
    /// Innermost last.
    var scope: [Local] = []
    /// Locals that exist at the same time at most.
    var localsMax = 0

    private let variableIndex: [String: Int]

    init(source: String, environment: ExpressionEnvironment) {
        places = SourceMap(Array(source.utf8))
        self.environment = environment
        variableIndex = Dictionary(
            environment.variables.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func compile(_ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        switch syntax.kind {
        case .literal(let value): return make(.constant(value), syntax)
        case .identifier, .select: return try name(syntax)
        case .index(let operand, let index, let isOptional):
            if let path = eventPath(syntax), path.count > 1 { return try field(path, syntax) }
            let (first, second) = (try compile(operand), try compile(index))
            return make(isOptional ? .optionalIndex(first, second) : .index(first, second), syntax)
        case .call(let target, let name, let arguments):
            return try call(name, target: target, arguments: arguments, syntax)
        case .list(let elements):
            let compiled = try elements.compiled { (element) throws(ExpressionError) in
                Node.Element(value: try compile(element.value), isOptional: element.isOptional)
            }
            return make(.list(compiled), syntax)
        case .map(let entries):
            let compiled = try entries.compiled { (entry) throws(ExpressionError) in
                Node.Entry(
                    key: try compile(entry.key), value: try compile(entry.value), isOptional: entry.isOptional)
            }
            return make(.map(compiled), syntax)
        case .message(let name, let fields): return try message(name, fields, syntax)
        case .not(let operand): return make(.not(try compile(operand)), syntax)
        case .negate(let operand):
            return make(.call(.global("-", Operators.negate), [try compile(operand)]), syntax)
        case .binary(let symbol, let left, let right):
            return make(operation(symbol, try compile(left), try compile(right)), syntax)
        case .and(let operands): return make(.and(try compile(operands)), syntax)
        case .or(let operands): return make(.or(try compile(operands)), syntax)
        case .conditional(let condition, let first, let second):
            return make(.conditional(try compile(condition), try compile(first), try compile(second)), syntax)
        }
    }

    mutating func compile(_ nodes: [SyntaxNode]) throws(ExpressionError) -> [Node] {
        try nodes.compiled { (node) throws(ExpressionError) in try compile(node) }
    }

    /// A node, or its value where every evaluation gives the same one.
    /// Mutating only so that its arguments are compiled before it reads `localsMax`.
    mutating func make(_ kind: Node.Kind, _ syntax: SyntaxNode) -> Node {
        let position = places[syntax.range.lowerBound]
        let node = Node(kind, range: syntax.range, position: position)
        guard node.isClosed, node.constant == nil else { return node }
        let locals = [Value](repeating: .null, count: localsMax)
        var frame = Frame(fields: nil, variables: [], locals: locals, cost: Cost(Self.foldingCostMax))
        do throws(EvaluationError) {
            return Node(.constant(try node.step()(&frame)), range: syntax.range, position: position)
        } catch {
            return node  // It fails in the same way when it is evaluated.
        }
    }

    private static let foldingCostMax = 1_000

    private func operation(_ symbol: BinaryOperator, _ left: Node, _ right: Node) -> Node.Kind {
        let mixes = left.readsEvent || right.readsEvent
        func arithmetic(_ body: @escaping Function.Binary) -> Node.Kind {
            .call(.global(symbol.rawValue, mixes ? Operators.mixing(body) : body), [left, right])
        }
        switch symbol {
        case .equal: return .compare(.equal, left, right)
        case .notEqual: return .compare(.notEqual, left, right)
        case .less: return .compare(.less, left, right)
        case .lessOrEqual: return .compare(.lessOrEqual, left, right)
        case .greater: return .compare(.greater, left, right)
        case .greaterOrEqual: return .compare(.greaterOrEqual, left, right)
        case .isIn: return .call(Self.membership, [left, right])
        case .add: return arithmetic(Operators.add)
        case .subtract: return arithmetic(Operators.subtract)
        case .multiply: return arithmetic(Operators.multiply)
        case .divide: return arithmetic(Operators.divide)
        case .remainder: return arithmetic(Operators.remainder)
        }
    }

    private static let membership = Function.global("in") { (element, collection, cost) throws(EvaluationError) in
        .bool(try Operators.contains(element, in: collection, &cost))
    }

    // MARK: - Names

    /// The longest of the names that `components` and the container make which `lookUp` knows.
    func resolve<T>(_ name: String, isAbsolute: Bool, _ lookUp: (String) -> T?) -> T? {
        if !isAbsolute {
            var container = environment.container[...]
            while !container.isEmpty {
                if let found = lookUp("\(container).\(name)") { return found }
                container = container.lastIndex(of: ".").map { container[..<$0] } ?? ""
            }
        }
        return lookUp(name)
    }

    func local(_ name: String) -> Local? { scope.last { $0.name == name } }

    /// The components of `a.b.c`; `nil` when it is more than names.
    func qualifiedName(_ syntax: SyntaxNode) -> (components: [String], isAbsolute: Bool)? {
        switch syntax.kind {
        case .identifier(let name, let isAbsolute): return ([name], isAbsolute)
        case .select(let operand, let name, false):
            return qualifiedName(operand).map { ($0.components + [name], $0.isAbsolute) }
        default: return nil
        }
    }

    private mutating func name(_ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        if let path = eventPath(syntax) { return try field(path, syntax) }
        if let (components, isAbsolute) = qualifiedName(syntax), isAbsolute || local(components[0]) == nil {
            let name = components.joined(separator: ".")
            if let index = resolve(name, isAbsolute: isAbsolute, { variableIndex[$0] }) {
                return make(.variable(index), syntax)
            }
            if let constant = resolve(name, isAbsolute: isAbsolute, { namedConstants[$0] }) {
                return make(.constant(constant), syntax)
            }
        }
        switch syntax.kind {
        case .identifier(let name, let isAbsolute):
            if !isAbsolute, let local = local(name) {
                return make(.local(local.index, readsEvent: local.readsEvent), syntax)
            }
            return try unknownName(name, syntax)
        case .select(let operand, let name, let isOptional):
            if isOptional, let path = eventPath(operand) {
                let whole = path + [name]
                return make(.slotOptional(try slot(whole, syntax)), syntax)
            }
            let compiled = try compile(operand)
            return make(isOptional ? .optionalSelect(compiled, name) : .select(compiled, name), syntax)
        default: preconditionFailure("not a name")
        }
    }

    private mutating func unknownName(_ name: String, _ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        let message = "nothing is named `\(name)` here"
        guard environment.checksNames else {
            return make(.failure(EvaluationError(.unknownName, message)), syntax)
        }
        let known = (environment.eventPlan == nil ? [] : ["event"]) + scope.map(\.name) + environment.variables
        throw failure(.unknownName, message, syntax, accepted: known)
    }

    func failure(
        _ code: ExpressionError.Code, _ message: String, _ syntax: SyntaxNode, accepted: [String] = []
    ) -> ExpressionError {
        ExpressionError(
            code: code, message: message, position: places[syntax.range.lowerBound], accepted: accepted)
    }

    // MARK: - Event

    /// The path of `event.data.a['b']`, without `event`; `nil` when it is something else.
    func eventPath(_ syntax: SyntaxNode) -> [String]? {
        switch syntax.kind {
        case .identifier("event", _):
            return environment.eventPlan != nil && local("event") == nil && variableIndex["event"] == nil ? [] : nil
        case .select(let operand, let name, false): return eventPath(operand).map { $0 + [name] }
        case .index(let operand, let index, false):
            guard case .literal(.string(let name)) = index.kind else { return nil }
            return eventPath(operand).map { $0 + [name] }
        default: return nil
        }
    }

    mutating func field(_ path: [String], _ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        make(.slot(try slot(path, syntax), path: "event." + path.joined(separator: ".")), syntax)
    }

    func slot(_ path: [String], _ syntax: SyntaxNode) throws(ExpressionError) -> Int {
        let attributes = ["type", "source", "subject", "id", "time", "datacontenttype", "dataschema", "data"]
        guard let plan = environment.eventPlan, let attribute = path.first else {
            throw failure(
                .unknownName, "`event` stands before a field", syntax, accepted: attributes.map { "event.\($0)" })
        }
        let isName =
            !attribute.isEmpty && attribute.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        guard isName else {
            throw failure(
                .unknownName, "`\(attribute)` cannot be an attribute of an event: names are a-z and 0-9", syntax,
                accepted: attributes.map { "event.\($0)" })
        }
        guard path.count == 1 || attribute == "data" else {
            throw failure(
                .unknownName, "`event.\(attribute)` is a string and has no fields", syntax,
                accepted: ["event.\(attribute)", "event.data.\(path[1])"])
        }
        return plan.slot(of: path)
    }
}

extension Array {
    /// `map` that keeps the type of what is thrown.
    func compiled<T>(_ transform: (Element) throws(ExpressionError) -> T) throws(ExpressionError) -> [T] {
        var result: [T] = []
        result.reserveCapacity(count)
        for element in self { result.append(try transform(element)) }
        return result
    }
}

/// Names of types, and the one enumeration that JSON values need.
private let namedConstants: [String: Value] = {
    let types = [
        "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "dyn",
        "optional_type", "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]
    var constants = Dictionary(uniqueKeysWithValues: types.map { ($0, Value.type(Value.TypeName($0))) })
    constants["google.protobuf.NullValue.NULL_VALUE"] = .int(0)
    return constants
}()
