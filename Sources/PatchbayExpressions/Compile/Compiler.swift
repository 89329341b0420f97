import PatchbayEvents

/// Resolves names, checks types, expands macros and folds constants.
struct Compiler {
    /// A variable that a macro binds.
    struct Local {
        let name: String
        let index: Int
        let type: ExpressionType
        /// Whether its values come from the event.
        let readsEvent: Bool
    }

    let places: SourceMap
    let environment: ExpressionEnvironment
    let functions = FunctionTable.standard
    var checker: TypeChecker
    /// Innermost last.
    var scope: [Local] = []
    /// Locals that exist at the same time at most.
    var localsMax = 0

    private let variableIndex: [String: Int]

    init(source: String, environment: ExpressionEnvironment) {
        places = SourceMap(Array(source.utf8))
        self.environment = environment
        checker = TypeChecker(environment.signatures)
        variableIndex = Dictionary(
            environment.variables.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    mutating func compile(_ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        switch syntax.kind {
        case .literal(let value): return make(.constant(value), ExpressionType(of: value), syntax)
        case .identifier, .select: return try name(syntax)
        case .index(let operand, let index, let isOptional):
            if let path = eventPath(syntax), path.count > 1 { return try field(path, syntax) }
            let (first, second) = (try compile(operand), try compile(index))
            let type = try type(isOptional ? "[?]" : "[]", [first, second], syntax)
            return make(isOptional ? .optionalIndex(first, second) : .index(first, second), type, syntax)
        case .call(let target, let name, let arguments):
            return try call(name, target: target, arguments: arguments, syntax)
        case .list(let elements): return try list(elements, syntax)
        case .map(let entries): return try map(entries, syntax)
        case .message(let name, let fields): return try message(name, fields, syntax)
        case .not(let operand):
            let operand = try compile([operand])
            return make(.not(operand[0]), try logical("!", operand, syntax), syntax)
        case .negate(let operand):
            let operand = try compile(operand)
            let type = try type("-", [operand], syntax)
            return make(.call(.global("-", Operators.negate), [operand]), operand.readsEvent ? .dyn : type, syntax)
        case .binary(let symbol, let left, let right):
            return try operation(symbol, try compile(left), try compile(right), syntax)
        case .and(let operands):
            let operands = try compile(operands)
            return make(.and(operands), try logical("&&", operands, syntax), syntax)
        case .or(let operands):
            let operands = try compile(operands)
            return make(.or(operands), try logical("||", operands, syntax), syntax)
        case .conditional(let condition, let first, let second):
            let condition = try compile([condition])
            _ = try logical("?:", condition, syntax)
            let (first, second) = (try compile(first), try compile(second))
            let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
                try checker.conditional(first.type, second.type)
            }
            return make(.conditional(condition[0], first, second), type, syntax)
        }
    }

    mutating func compile(_ nodes: [SyntaxNode]) throws(ExpressionError) -> [Node] {
        try nodes.compiled { (node) throws(ExpressionError) in try compile(node) }
    }

    /// A node, or its value where every evaluation gives the same one.
    /// Mutating only so that its arguments are compiled before it reads `localsMax`.
    mutating func make(_ kind: Node.Kind, _ type: ExpressionType, _ syntax: SyntaxNode) -> Node {
        let position = places[syntax.range.lowerBound]
        let node = Node(kind, type: type, range: syntax.range, position: position)
        guard node.isClosed, node.constant == nil else { return node }
        let locals = [Value](repeating: .null, count: localsMax)
        var frame = Frame(fields: nil, variables: [], locals: locals, cost: Cost(Self.foldingCostMax))
        do throws(EvaluationError) {
            let value = try node.step()(&frame)
            return Node(.constant(value), type: type, range: syntax.range, position: position)
        } catch {
            return node  // It fails in the same way when it is evaluated.
        }
    }

    private static let foldingCostMax = 1_000

    private mutating func operation(
        _ symbol: BinaryOperator, _ left: Node, _ right: Node, _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        if let relation = symbol.relation {
            let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
                relation == .equal || relation == .notEqual
                    ? try checker.equality(symbol.rawValue, left.type, right.type)
                    : try checker.order(symbol.rawValue, left.type, right.type)
            }
            return make(.compare(relation, left, right), type, syntax)
        }
        guard let arithmetic = symbol.arithmetic else {
            let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
                try checker.membership(left.type, in: right.type)
            }
            return make(.call(Self.membership, [left, right]), type, syntax)
        }
        let type = try type(symbol.rawValue, [left, right], syntax)
        let mixes = left.readsEvent || right.readsEvent
        let function = Function.global(symbol.rawValue, mixes ? Operators.mixing(arithmetic) : arithmetic)
        return make(.call(function, [left, right]), mixes && type.isNumeric ? .dyn : type, syntax)
    }

    private static let membership = Function.global("in") { (element, collection, cost) throws(EvaluationError) in
        .bool(try Operators.contains(element, in: collection, &cost))
    }

    private mutating func list(
        _ elements: [SyntaxNode.Element], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        let compiled = try elements.compiled { (element) throws(ExpressionError) in
            Node.Element(value: try compile(element.value), isOptional: element.isOptional)
        }
        var types: [ExpressionType] = []
        for (element, written) in zip(compiled, elements) {
            types.append(try valueType(element.value, isOptional: element.isOptional, written.value))
        }
        return make(.list(compiled), .list(checker.elements(types)), syntax)
    }

    private mutating func map(_ entries: [SyntaxNode.Entry], _ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        let compiled = try entries.compiled { (entry) throws(ExpressionError) in
            Node.Entry(key: try compile(entry.key), value: try compile(entry.value), isOptional: entry.isOptional)
        }
        var types: [ExpressionType] = []
        for (entry, written) in zip(compiled, entries) {
            types.append(try valueType(entry.value, isOptional: entry.isOptional, written.value))
        }
        let keys = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
            try checker.keys(compiled.map(\.key.type))
        }
        return make(.map(compiled), .map(keys, checker.elements(types)), syntax)
    }

    private mutating func valueType(
        _ node: Node, isOptional: Bool, _ syntax: SyntaxNode
    ) throws(ExpressionError) -> ExpressionType {
        guard isOptional else { return node.type }
        return try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in try checker.optionalValue(node.type) }
    }

    // MARK: - Types

    /// What a rule gives; where nothing is checked, nothing is known.
    mutating func checked(
        _ syntax: SyntaxNode, _ rule: (inout TypeChecker) throws(TypeChecker.Mismatch) -> ExpressionType
    ) throws(ExpressionError) -> ExpressionType {
        guard environment.isChecked else { return .dyn }
        do throws(TypeChecker.Mismatch) {
            return try rule(&checker)
        } catch {
            throw failure(.typeMismatch, error.message, syntax, accepted: error.accepted)
        }
    }

    /// Of an operator or function with these operands.
    mutating func type(
        _ name: String, isMember: Bool = false, _ operands: [Node], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> ExpressionType {
        try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
            try checker.call(name, isMember: isMember, operands.map(\.type))
        }
    }

    /// Bool, for an operator on such operands.
    mutating func logical(
        _ name: String, _ operands: [Node], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> ExpressionType {
        try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
            for operand in operands { try checker.bool(name, operand.type) }
            return .bool
        }
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
        let qualified = qualifiedName(syntax).flatMap { $0.isAbsolute || local($0.components[0]) == nil ? $0 : nil }
        if let (components, isAbsolute) = qualified,
            let index = resolve(components.joined(separator: "."), isAbsolute: isAbsolute, { variableIndex[$0] })
        {
            return make(.variable(index), environment.variables[index].type, syntax)
        }
        if let path = eventPath(syntax) { return try field(path, syntax) }
        if let (components, isAbsolute) = qualified {
            let name = components.joined(separator: ".")
            if let constant = resolve(name, isAbsolute: isAbsolute, { namedConstants[$0] }) {
                return make(.constant(constant), ExpressionType(of: constant), syntax)
            }
        }
        switch syntax.kind {
        case .identifier(let name, let isAbsolute):
            if !isAbsolute, let local = local(name) {
                return make(.local(local.index, readsEvent: local.readsEvent), local.type, syntax)
            }
            return try unknownName(name, syntax)
        case .select(let operand, let name, let isOptional):
            if isOptional, let path = eventPath(operand) {
                let whole = path + [name]
                return make(.slotOptional(try slot(whole, syntax)), .optional(fieldType(whole)), syntax)
            }
            let compiled = try compile(operand)
            let type = try checked(syntax) { (checker) throws(TypeChecker.Mismatch) in
                try checker.selection(name, of: compiled.type, isOptional: isOptional)
            }
            return make(isOptional ? .optionalSelect(compiled, name) : .select(compiled, name), type, syntax)
        default: preconditionFailure("not a name")
        }
    }

    private mutating func unknownName(_ name: String, _ syntax: SyntaxNode) throws(ExpressionError) -> Node {
        let message = "nothing is named `\(name)` here"
        guard environment.isChecked else {
            return make(.failure(EvaluationError(.unknownName, message)), .dyn, syntax)
        }
        let known =
            (environment.eventPlan == nil ? [] : ["event"]) + scope.map(\.name) + environment.variables.map(\.name)
        throw failure(.unknownName, message, syntax, accepted: known)
    }

    func failure(
        _ code: ExpressionError.Code, _ message: String, _ syntax: SyntaxNode, accepted: [String] = []
    ) -> ExpressionError {
        let listed = accepted.count > Self.listedMax ? accepted.prefix(Self.listedMax) + ["…"] : accepted
        return ExpressionError(
            code: code, message: message, position: places[syntax.range.lowerBound], accepted: listed)
    }

    /// Alternatives that one message lists.
    private static let listedMax = 12

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
        make(.slot(try slot(path, syntax), path: "event." + path.joined(separator: ".")), fieldType(path), syntax)
    }

    /// The attributes that CloudEvents defines are strings; extensions may be numbers and bools, too.
    private func fieldType(_ path: [String]) -> ExpressionType {
        Self.attributes.contains(path[0]) && path[0] != "data" ? .string : .dyn
    }

    private static let attributes = [
        "type", "source", "subject", "id", "time", "datacontenttype", "dataschema", "data",
    ]

    func slot(_ path: [String], _ syntax: SyntaxNode) throws(ExpressionError) -> Int {
        guard let plan = environment.eventPlan, let attribute = path.first else {
            throw failure(
                .unknownName, "`event` stands before a field", syntax, accepted: Self.attributes.map { "event.\($0)" })
        }
        let isName =
            !attribute.isEmpty && attribute.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        guard isName else {
            throw failure(
                .unknownName, "`\(attribute)` cannot be an attribute of an event: names are a-z and 0-9", syntax,
                accepted: Self.attributes.map { "event.\($0)" })
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
        "optional_type", "net.IP", "net.CIDR", "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]
    var constants = Dictionary(uniqueKeysWithValues: types.map { ($0, Value.type(Value.TypeName($0))) })
    constants["google.protobuf.NullValue.NULL_VALUE"] = .int(0)
    return constants
}()
