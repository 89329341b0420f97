import PatchbayEvents

/// What an expression looks like, without types: for tools that translate or judge expressions.
///
/// - Shape: parsed, not checked; names may be unknown.
package struct ExpressionOutline: Sendable {
    /// A name that no macro of the expression binds.
    package struct Name: Sendable, Equatable {
        package let text: String
        /// Where it stands, in bytes of UTF-8.
        package let range: Range<Int>
        /// The field that is selected of it, as `b` in `a.b.c`; `nil` where none is.
        package let field: String?
        /// Where the field's name stands.
        package let fieldRange: Range<Int>?
        /// Whether it stands before a function, as `math` in `math.abs(x)`.
        package let isCallTarget: Bool
    }

    /// In the order of the text.
    package private(set) var names: [Name] = []
    /// The texts of which each has to be true for the whole to be: one, unless it is an `&&`.
    package let conjuncts: [String]
    /// The numbers that names are compared with; `nil` where the expression is more than comparisons of names and
    /// numbers with each other, joined by `&&`, `||`, `!` and `? :`.
    package let thresholds: [Double]?

    private let source: [UInt8]

    /// - Throws: what is wrong with the syntax, or that it is too large.
    package init(_ text: String) throws(ExpressionError) {
        let root = try Parser.parse(text)
        let bytes = Array(text.utf8)
        source = bytes
        if case .and(let operands) = root.kind {
            conjuncts = operands.map { String(decoding: bytes[$0.range], as: UTF8.self) }
        } else {
            conjuncts = [text]
        }
        thresholds = Self.thresholds(root)
        collect(root, bound: [])
        names.sort { $0.range.lowerBound < $1.range.lowerBound }
    }

    // MARK: Names

    private mutating func collect(_ node: SyntaxNode, bound: Set<String>) {
        switch node.kind {
        case .identifier: add(node, field: nil, isCallTarget: false, bound: bound)
        case .select(let operand, let field, _):
            if case .identifier = operand.kind {
                add(operand, field: (field, node.range), isCallTarget: false, bound: bound)
            } else {
                collect(operand, bound: bound)
            }
        case .call(let target, let name, let arguments):
            collect(call: name, of: target, arguments, bound: bound)
        case .message(_, let fields):
            for field in fields { collect(field.value, bound: bound) }
        default:
            for child in node.kind.children { collect(child, bound: bound) }
        }
    }

    private mutating func collect(
        call name: String, of target: SyntaxNode?, _ arguments: [SyntaxNode], bound: Set<String>
    ) {
        var isBinding = false
        if let target {
            if case .identifier(let text, _) = target.kind {
                isBinding = text == "cel" && name == "bind" && arguments.count == 3
                add(target, field: nil, isCallTarget: true, bound: bound)
            } else {
                collect(target, bound: bound)
            }
        }
        let count = isBinding ? 1 : target == nil ? 0 : Self.variables(of: name, arguments.count)
        var inner = bound
        for argument in arguments.prefix(count) {
            if case .identifier(let text, _) = argument.kind { inner.insert(text) }
        }
        for (index, argument) in arguments.enumerated() where index >= count {
            // What `cel.bind` binds to is outside of its scope.
            collect(argument, bound: isBinding && index == 1 ? bound : inner)
        }
    }

    /// How many names a macro binds, which are its first arguments.
    private static func variables(of name: String, _ count: Int) -> Int {
        switch (name, count) {
        case ("all", 2), ("exists", 2), ("exists_one", 2), ("existsOne", 2), ("filter", 2), ("map", 2...3),
            ("sortBy", 2), ("optMap", 2), ("optFlatMap", 2):
            1
        case ("all", 3), ("exists", 3), ("exists_one", 3), ("existsOne", 3), ("transformList", 3...4),
            ("transformMap", 3...4), ("transformMapEntry", 3...4):
            2
        default: 0
        }
    }

    private mutating func add(
        _ node: SyntaxNode, field: (name: String, range: Range<Int>)?, isCallTarget: Bool, bound: Set<String>
    ) {
        guard case .identifier(let text, false) = node.kind, !bound.contains(text),
            let range = find(text, in: node.range)
        else { return }
        let fieldRange = field.flatMap { find($0.name, in: range.upperBound..<$0.range.upperBound) }
        names.append(
            Name(
                text: text, range: range, field: field?.name, fieldRange: fieldRange, isCallTarget: isCallTarget))
    }

    /// Where `name` stands in a node's range, which may begin and end with parentheses.
    private func find(_ name: String, in range: Range<Int>) -> Range<Int>? {
        let name = Array(name.utf8)
        guard range.count >= name.count else { return nil }
        for start in range.lowerBound...(range.upperBound - name.count)
        where source[start..<start + name.count].elementsEqual(name) {
            return start..<start + name.count
        }
        return nil
    }

    // MARK: Comparisons

    private static func thresholds(_ node: SyntaxNode) -> [Double]? {
        switch node.kind {
        case .literal(.bool): return []
        case .and(let operands), .or(let operands): return joined(operands)
        case .not(let operand): return thresholds(operand)
        case .conditional(let condition, let first, let second): return joined([condition, first, second])
        case .binary(let operation, let left, let right):
            guard operation.relation != nil, let left = operand(left), let right = operand(right) else { return nil }
            return left + right
        default: return nil
        }
    }

    private static func joined(_ nodes: [SyntaxNode]) -> [Double]? {
        var all: [Double] = []
        for node in nodes {
            guard let found = thresholds(node) else { return nil }
            all += found
        }
        return all
    }

    /// The number that an operand is, none for a name; `nil` for anything else.
    private static func operand(_ node: SyntaxNode) -> [Double]? {
        switch node.kind {
        case .identifier: []
        case .literal(.int(let number)): [Double(number)]
        case .literal(.uint(let number)): [Double(number)]
        case .literal(.double(let number)): [number]
        default: nil
        }
    }
}
