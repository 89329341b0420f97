import PatchbayEvents

/// Turns an expression's text into a syntax tree, of bounded size and depth.
///
/// - Source: the CEL language definition, "Syntax"; optional selection as in its optional-types extension.
struct Parser {
    /// Sources are configuration lines; what is longer is a mistake or an attack.
    static let sourceBytesMax = 64 << 10
    /// Levels of nesting, so that neither parsing nor evaluation can exhaust a thread's stack.
    static let depthMax = 100
    /// Levels of the tree, which chains such as `a + b + c` deepen without nesting.
    static let heightMax = 200

    private var lexer: Lexer
    private var token: Token
    private var previousEnd = 0
    private var depth = 0

    /// - Throws: `syntax` or `tooLarge`.
    static func parse(_ source: String) throws(ExpressionError) -> SyntaxNode {
        let bytes = Array(source.utf8)
        guard bytes.count <= sourceBytesMax else {
            throw ExpressionError(
                code: .tooLarge, message: "the expression has \(bytes.count) bytes",
                position: SourcePosition(line: 1, column: 1), accepted: ["up to \(sourceBytesMax) bytes"])
        }
        var parser = try Parser(bytes)
        let node = try parser.expression()
        guard parser.token.kind == .end else {
            throw parser.unexpected("an operator or the expression's end")
        }
        return node
    }

    private init(_ source: [UInt8]) throws(ExpressionError) {
        lexer = Lexer(source)
        token = try lexer.next()
    }

    // MARK: - Operators

    private mutating func expression() throws(ExpressionError) -> SyntaxNode {
        try enter()
        defer { depth -= 1 }
        let condition = try operation(strength: 1)
        guard try accept("?") else { return condition }
        let first = try operation(strength: 1)
        try expect(":")
        let second = try expression()
        return try node(.conditional(condition, first, second), from: condition.range.lowerBound)
    }

    /// Operators of at least `strength`, left to right.
    private mutating func operation(strength: Int) throws(ExpressionError) -> SyntaxNode {
        var left = try unary()
        while let found = binaryStrength(), found >= strength {
            guard case .symbol(let symbol) = token.kind else { return left }
            if let binary = BinaryOperator(rawValue: symbol) {
                try advance()
                let right = try operation(strength: found + 1)
                left = try node(.binary(binary, left, right), from: left.range.lowerBound)
            } else {
                var operands = [left]
                while try accept(symbol) { operands.append(try operation(strength: found + 1)) }
                left = try node(symbol == "&&" ? .and(operands) : .or(operands), from: left.range.lowerBound)
            }
        }
        return left
    }

    private func binaryStrength() -> Int? {
        guard case .symbol(let symbol) = token.kind else { return nil }
        return switch symbol {
        case "||": 1
        case "&&": 2
        case "==", "!=", "<", "<=", ">", ">=", "in": 3
        case "+", "-": 4
        case "*", "/", "%": 5
        default: nil
        }
    }

    private mutating func unary() throws(ExpressionError) -> SyntaxNode {
        let start = token.range.lowerBound
        if try accept("!") {
            try enter()
            defer { depth -= 1 }
            return try node(.not(unary()), from: start)
        }
        if try accept("-") {
            try enter()
            defer { depth -= 1 }
            if let literal = try negativeLiteral() { return try member(of: try node(.literal(literal), from: start)) }
            return try node(.negate(unary()), from: start)
        }
        return try member(of: try primary())
    }

    private mutating func negativeLiteral() throws(ExpressionError) -> Value? {
        switch token.kind {
        case .int(let magnitude):
            guard magnitude <= 1 << 63 else {
                throw lexer.failure("this integer does not fit in 64 bits", at: token.range.lowerBound)
            }
            try advance()
            return .int(Int64(truncatingIfNeeded: 0 &- magnitude))
        case .double(let magnitude):
            try advance()
            return .double(-magnitude)
        default: return nil
        }
    }

    // MARK: - Members

    private mutating func member(of primary: SyntaxNode) throws(ExpressionError) -> SyntaxNode {
        var left = primary
        let start = primary.range.lowerBound
        while case .symbol(let symbol) = token.kind, [".", "[", "{"].contains(symbol) {
            switch symbol {
            case ".": left = try selection(of: left)
            case "[":
                try advance()
                let isOptional = try accept("?")
                let index = try expression()
                try expect("]")
                left = try node(.index(left, index, isOptional: isOptional), from: start)
            default:
                guard isQualifiedName(left) else { return left }
                left = try node(.message(left, fields()), from: start)
            }
        }
        return left
    }

    private mutating func selection(of left: SyntaxNode) throws(ExpressionError) -> SyntaxNode {
        try advance()
        let start = left.range.lowerBound
        let isOptional = try accept("?")
        switch token.kind {
        case .quotedName(let name):
            try advance()
            return try node(.select(left, name, isOptional: isOptional), from: start)
        case .identifier(let name):
            try advance()
            guard !isOptional, try accept("(") else {
                return try node(.select(left, name, isOptional: isOptional), from: start)
            }
            let arguments = try expressions(until: ")")
            return try node(.call(target: left, name: name, arguments: arguments), from: start)
        default: throw unexpected("a field's or function's name")
        }
    }

    private func isQualifiedName(_ node: SyntaxNode) -> Bool {
        switch node.kind {
        case .identifier: true
        case .select(let operand, _, false): isQualifiedName(operand)
        default: false
        }
    }

    private mutating func fields() throws(ExpressionError) -> [SyntaxNode.Field] {
        var found: [SyntaxNode.Field] = []
        try expect("{")
        while try !accept("}") {
            let isOptional = try accept("?")
            let name: String
            switch token.kind {
            case .identifier(let text), .quotedName(let text): name = text
            default: throw unexpected("a field's name")
            }
            try advance()
            try expect(":")
            found.append(SyntaxNode.Field(name: name, value: try expression(), isOptional: isOptional))
            if try !accept(",") {
                try expect("}")
                break
            }
        }
        return found
    }

    // MARK: - Primaries

    private mutating func primary() throws(ExpressionError) -> SyntaxNode {
        let start = token.range.lowerBound
        switch token.kind {
        case .int(let magnitude):
            guard magnitude < 1 << 63 else { throw lexer.failure("this integer does not fit in 64 bits", at: start) }
            return try literal(.int(Int64(magnitude)))
        case .uint(let value): return try literal(.uint(value))
        case .double(let value): return try literal(.double(value))
        case .string(let value): return try literal(.string(value))
        case .bytes(let value): return try literal(.bytes(value))
        case .identifier("true"): return try literal(.bool(true))
        case .identifier("false"): return try literal(.bool(false))
        case .identifier("null"): return try literal(.null)
        case .identifier: return try name(isAbsolute: false)
        case .symbol("."):
            try advance()
            return try name(isAbsolute: true, from: start)
        case .symbol("("):
            try advance()
            let inner = try expression()
            try expect(")")
            return try node(inner.kind, from: start)
        case .symbol("["):
            try advance()
            return try list(from: start)
        case .symbol("{"):
            try advance()
            return try map(from: start)
        default: throw unexpected("a value, a name or an opening parenthesis")
        }
    }

    private mutating func literal(_ value: Value) throws(ExpressionError) -> SyntaxNode {
        let start = token.range.lowerBound
        try advance()
        return try node(.literal(value), from: start)
    }

    private mutating func name(isAbsolute: Bool, from start: Int? = nil) throws(ExpressionError) -> SyntaxNode {
        let start = start ?? token.range.lowerBound
        guard case .identifier(let name) = token.kind else { throw unexpected("a name") }
        guard !reservedWords.contains(name) else {
            throw lexer.failure("`\(name)` is a reserved word", at: token.range.lowerBound)
        }
        try advance()
        guard try accept("(") else { return try node(.identifier(name, isAbsolute: isAbsolute), from: start) }
        let arguments = try expressions(until: ")")
        return try node(.call(target: nil, name: name, arguments: arguments), from: start)
    }

    private mutating func list(from start: Int) throws(ExpressionError) -> SyntaxNode {
        var elements: [SyntaxNode.Element] = []
        while try !accept("]") {
            let isOptional = try accept("?")
            elements.append(SyntaxNode.Element(value: try expression(), isOptional: isOptional))
            if try !accept(",") {
                try expect("]")
                break
            }
        }
        return try node(.list(elements), from: start)
    }

    private mutating func map(from start: Int) throws(ExpressionError) -> SyntaxNode {
        var entries: [SyntaxNode.Entry] = []
        while try !accept("}") {
            let isOptional = try accept("?")
            let key = try expression()
            try expect(":")
            entries.append(SyntaxNode.Entry(key: key, value: try expression(), isOptional: isOptional))
            if try !accept(",") {
                try expect("}")
                break
            }
        }
        return try node(.map(entries), from: start)
    }

    private mutating func expressions(until closing: String) throws(ExpressionError) -> [SyntaxNode] {
        var found: [SyntaxNode] = []
        if try accept(closing) { return found }
        repeat { found.append(try expression()) } while try accept(",")
        try expect(closing)
        return found
    }

    // MARK: - Tokens

    private mutating func advance() throws(ExpressionError) {
        previousEnd = token.range.upperBound
        token = try lexer.next()
    }

    private mutating func accept(_ symbol: String) throws(ExpressionError) -> Bool {
        guard token.kind == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: String) throws(ExpressionError) {
        guard try accept(symbol) else { throw unexpected("`\(symbol)`") }
    }

    private func node(_ kind: SyntaxNode.Kind, from start: Int) throws(ExpressionError) -> SyntaxNode {
        let node = SyntaxNode(kind: kind, range: start..<previousEnd)
        guard node.height <= Self.heightMax else { throw tooDeep() }
        return node
    }

    private mutating func enter() throws(ExpressionError) {
        depth += 1
        guard depth <= Self.depthMax else { throw tooDeep() }
    }

    private func unexpected(_ wanted: String) -> ExpressionError {
        let text = String(decoding: lexer.source[token.range], as: UTF8.self)
        let found = token.kind == .end ? "the expression ends here" : "`\(text)` was not expected here"
        return lexer.failure(found, at: token.range.lowerBound, accepted: [wanted])
    }

    private func tooDeep() -> ExpressionError {
        ExpressionError(
            code: .tooLarge, message: "the expression nests deeper than \(Self.depthMax) levels",
            position: SourcePosition(offset: token.range.lowerBound, in: lexer.source), accepted: [])
    }
}
