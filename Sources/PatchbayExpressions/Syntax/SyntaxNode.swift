import PatchbayEvents

/// A parsed expression with its place in the text. Macros are still calls.
struct SyntaxNode: Sendable {
    let kind: Kind
    /// Bytes of UTF-8.
    let range: Range<Int>
    /// Levels of nodes below and with this one. A call counts for three: what becomes of it may be a loop, and takes
    /// so much more of the stack.
    let height: Int

    init(kind: Kind, range: Range<Int>) {
        self.kind = kind
        self.range = range
        let levels = if case .call = kind { 3 } else { 1 }
        height = levels + (kind.children.map(\.height).max() ?? 0)
    }

    indirect enum Kind: Sendable {
        case literal(Value)
        /// `isAbsolute`: written with a leading dot, so neither container nor local variables apply.
        case identifier(String, isAbsolute: Bool)
        case select(SyntaxNode, String, isOptional: Bool)
        case index(SyntaxNode, SyntaxNode, isOptional: Bool)
        case call(target: SyntaxNode?, name: String, arguments: [SyntaxNode])
        case list([Element])
        case map([Entry])
        case message(SyntaxNode, [Field])
        case not(SyntaxNode)
        case negate(SyntaxNode)
        case binary(BinaryOperator, SyntaxNode, SyntaxNode)
        /// Two operands or more, flattened.
        case and([SyntaxNode])
        case or([SyntaxNode])
        case conditional(SyntaxNode, SyntaxNode, SyntaxNode)
    }

    struct Element: Sendable {
        let value: SyntaxNode
        let isOptional: Bool
    }

    struct Entry: Sendable {
        let key: SyntaxNode
        let value: SyntaxNode
        let isOptional: Bool
    }

    struct Field: Sendable {
        let name: String
        let value: SyntaxNode
        let isOptional: Bool
    }
}

extension SyntaxNode.Kind {
    var children: [SyntaxNode] {
        switch self {
        case .literal, .identifier: []
        case .select(let operand, _, _), .not(let operand), .negate(let operand): [operand]
        case .index(let operand, let index, _): [operand, index]
        case .call(let target, _, let arguments): (target.map { [$0] } ?? []) + arguments
        case .list(let elements): elements.map(\.value)
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .message(let name, let fields): [name] + fields.map(\.value)
        case .binary(_, let left, let right): [left, right]
        case .and(let operands), .or(let operands): operands
        case .conditional(let condition, let first, let second): [condition, first, second]
        }
    }
}

enum BinaryOperator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
}

extension BinaryOperator {
    /// `nil` for what is no comparison.
    var relation: Node.Relation? {
        switch self {
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        default: nil
        }
    }

    /// `nil` for what is no arithmetic.
    var arithmetic: Function.Binary? {
        switch self {
        case .add: Operators.add
        case .subtract: Operators.subtract
        case .multiply: Operators.multiply
        case .divide: Operators.divide
        case .remainder: Operators.remainder
        default: nil
        }
    }
}
