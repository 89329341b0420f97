/// Turns CESQL into a syntax tree, of bounded size and depth.
///
/// - Source: CloudEvents SQL 1.0, sections 2 and 3.6: functions, `NOT` and `-`, `LIKE`, `EXISTS`, `IN`, then `*` `/` `%`,
///   `+` `-`, comparisons, and at last `AND`, `OR` and `XOR`, which are of one strength; equal ones go left to right.
struct SQLParser {
    /// The same bounds as CEL's.
    static let sourceBytesMax = Parser.sourceBytesMax
    static let depthMax = Parser.depthMax
    static let heightMax = Parser.heightMax

    private static let keywords = ["AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"]

    private var lexer: SQLLexer
    private var token: SQLToken
    private var previousEnd = 0
    private var depth = 0
    private let checksFunctions: Bool

    /// - Parameter checksFunctions: whether a function that there is not is an error now, rather than when evaluating.
    /// - Throws: the first mistake, with its place and what would be accepted.
    static func parse(_ source: String, checksFunctions: Bool) throws(ExpressionError) -> SQLSyntax {
        let bytes = Array(source.utf8)
        guard bytes.count <= sourceBytesMax else {
            throw ExpressionError(
                code: .tooLarge, message: "the expression has \(bytes.count) bytes",
                position: SourcePosition(line: 1, column: 1), accepted: ["up to \(sourceBytesMax) bytes"])
        }
        var parser = try SQLParser(bytes, checksFunctions: checksFunctions)
        let syntax = try parser.logic()
        guard parser.token.kind == .end else { throw parser.unexpected("an operator or the expression's end") }
        return syntax
    }

    private init(_ source: [UInt8], checksFunctions: Bool) throws(ExpressionError) {
        lexer = SQLLexer(source)
        token = try lexer.next()
        self.checksFunctions = checksFunctions
    }

    // MARK: Operators

    private mutating func logic() throws(ExpressionError) -> SQLSyntax {
        try enter()
        defer { depth -= 1 }
        var left = try operation(strength: 0)
        while let word = token.upperWord, ["AND", "OR", "XOR"].contains(word) {
            // A run of one operator is one level, however long.
            var operands = [left]
            repeat {
                try advance()
                operands.append(try operation(strength: 0))
            } while token.upperWord == word && word != "XOR"
            switch word {
            case "AND": left = try node(.and(operands), operands)
            case "OR": left = try node(.or(operands), operands)
            default: left = try node(.xor(operands[0], operands[1]), operands)
            }
        }
        return left
    }

    /// Binary operators of at least `strength`, left to right.
    private mutating func operation(strength: Int) throws(ExpressionError) -> SQLSyntax {
        var left = try membership()
        while case .symbol(let symbol) = token.kind, let found = Self.strength(of: symbol), found >= strength {
            try advance()
            let right = try operation(strength: found + 1)
            if let arithmetic = SQLArithmetic(rawValue: symbol) {
                left = try node(.arithmetic(arithmetic, left, right), [left, right])
            } else {
                let comparison = SQLComparison(rawValue: symbol) ?? .notEqual
                left = try node(.compare(comparison, left, right), [left, right])
            }
        }
        return left
    }

    private static func strength(of symbol: String) -> Int? {
        switch symbol {
        case "=", "!=", "<>", "<", "<=", ">", ">=": 0
        case "+", "-": 1
        case "*", "/", "%": 2
        default: nil
        }
    }

    /// `x LIKE 'a%'`, `x NOT IN (1, 2)`.
    private mutating func membership() throws(ExpressionError) -> SQLSyntax {
        var operand = try unary()
        while let word = token.upperWord, ["NOT", "LIKE", "IN"].contains(word) {
            let isNegated = word == "NOT"
            if isNegated { try advance() }
            switch token.upperWord {
            case "LIKE":
                try advance()
                guard case .text(let text) = token.kind else { throw unexpected("a text in quotes, the pattern") }
                let start = token.range.lowerBound
                try advance()
                let pattern: LikePattern
                do {
                    pattern = try LikePattern(text)
                } catch {
                    throw lexer.failure("the pattern is too large: \(error.message)", at: start)
                }
                operand = try node(.like(operand, pattern, isNegated: isNegated), [operand])
            case "IN":
                try advance()
                let elements = try list(mayBeEmpty: false)
                operand = try node(.isIn(operand, elements, isNegated: isNegated), [operand] + elements)
            default: throw unexpected("LIKE or IN")
            }
        }
        return operand
    }

    private mutating func unary() throws(ExpressionError) -> SQLSyntax {
        let start = token.range.lowerBound
        if token.upperWord == "NOT" {
            try advance()
            let operand = try nested()
            return try node(.not(operand), [operand], from: start)
        }
        guard case .symbol(let sign) = token.kind, sign == "-" || sign == "+" else { return try primary() }
        let end = token.range.upperBound
        try advance()
        // A sign right before digits is a part of the number, so that the least number can be written.
        if token.kind == .integer, token.range.lowerBound == end { return try integer(from: start) }
        guard sign == "-" else { throw unexpected("an integer behind `+`") }
        let operand = try nested()
        return try node(.negate(operand), [operand], from: start)
    }

    private mutating func nested() throws(ExpressionError) -> SQLSyntax {
        try enter()
        defer { depth -= 1 }
        return try unary()
    }

    // MARK: Operands

    private mutating func primary() throws(ExpressionError) -> SQLSyntax {
        let start = token.range.lowerBound
        switch token.kind {
        case .integer: return try integer(from: start)
        case .text(let text):
            try advance()
            return try node(.text(text), from: start)
        case .symbol("("):
            try advance()
            let inner = try logic()
            try expect(")")
            return SQLSyntax(inner.kind, start..<previousEnd, height: inner.height)
        case .word(let word): return try named(word, from: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func named(_ word: String, from start: Int) throws(ExpressionError) -> SQLSyntax {
        switch token.upperWord {
        case "TRUE", "FALSE":
            let value = token.upperWord == "TRUE"
            try advance()
            return try node(.bool(value), from: start)
        case "EXISTS":
            try advance()
            guard case .word(let name) = token.kind, !Self.keywords.contains(name.uppercased()) else {
                // Digits alone are a name here.
                guard token.kind == .integer else { throw unexpected("an attribute's name") }
                let name = String(decoding: lexer.source[token.range], as: UTF8.self)
                try advance()
                return try node(.exists(name), from: start)
            }
            let attribute = try attribute(name)
            try advance()
            return try node(.exists(attribute), from: start)
        case let keyword? where Self.keywords.contains(keyword): throw unexpected("a value")
        default: break
        }
        let place = token.range.lowerBound
        try advance()
        if token.kind == .symbol("(") { return try call(word, at: place) }
        return try node(.attribute(try attribute(word, at: place)), from: start)
    }

    private mutating func call(_ word: String, at start: Int) throws(ExpressionError) -> SQLSyntax {
        let name = word.uppercased()
        let arguments = try list(mayBeEmpty: true)
        if let function = SQLFunction.named(name, count: arguments.count) {
            return try node(.call(function, arguments), arguments, from: start)
        }
        guard checksFunctions else { return try node(.unknownCall, from: start) }
        let forms = SQLFunction.forms(of: name)
        throw ExpressionError(
            code: forms.isEmpty ? .unknownFunction : .arguments,
            message: forms.isEmpty
                ? "there is no function \(name)" : "\(name) does not take \(arguments.count) arguments",
            position: SourcePosition(offset: start, in: lexer.source),
            accepted: forms.isEmpty ? SQLFunction.names : forms)
    }

    /// Expressions between parentheses.
    private mutating func list(mayBeEmpty: Bool) throws(ExpressionError) -> [SQLSyntax] {
        try expect("(")
        var elements: [SQLSyntax] = []
        if mayBeEmpty, token.kind == .symbol(")") {
            try advance()
            return elements
        }
        while true {
            elements.append(try logic())
            guard token.kind == .symbol(",") else { break }
            try advance()
        }
        try expect(")")
        return elements
    }

    private mutating func integer(from start: Int) throws(ExpressionError) -> SQLSyntax {
        guard let value = SQLCast.integer(lexer.source[start..<token.range.upperBound]) else {
            throw lexer.failure(
                "the integer does not fit 32 bits", at: start, accepted: ["\(Int32.min) to \(Int32.max)"])
        }
        try advance()
        return try node(.integer(value), from: start)
    }

    /// The attribute that a name stands for; names are small letters and digits, and capitals mean the same.
    private func attribute(_ word: String, at place: Int? = nil) throws(ExpressionError) -> String {
        let name = word.lowercased()
        guard name == "data" || name.contains("_") else { return name }
        let isData = name == "data"
        throw ExpressionError(
            code: .unknownName,
            message: isData
                ? "CESQL reads the attributes of an event, not its data"
                : "`\(word)` cannot be an attribute of an event: names are a-z and 0-9",
            position: SourcePosition(offset: place ?? token.range.lowerBound, in: lexer.source),
            accepted: [
                isData
                    ? "a condition in CEL for what is inside data"
                    : "an attribute, as type, source, subject or an extension"
            ])
    }

    // MARK: Tokens

    private mutating func advance() throws(ExpressionError) {
        previousEnd = token.range.upperBound
        token = try lexer.next()
    }

    private mutating func expect(_ symbol: String) throws(ExpressionError) {
        guard token.kind == .symbol(symbol) else { throw unexpected("`\(symbol)`") }
        try advance()
    }

    private mutating func enter() throws(ExpressionError) {
        depth += 1
        if depth > Self.depthMax { throw tooDeep("\(Self.depthMax) levels of nesting", at: token.range.lowerBound) }
    }

    private func node(
        _ kind: SQLSyntax.Kind, _ below: [SQLSyntax] = [], from start: Int? = nil
    ) throws(ExpressionError) -> SQLSyntax {
        let start = start ?? below.first?.range.lowerBound ?? 0
        let syntax = SQLSyntax(kind, start..<previousEnd, height: 1 + (below.map(\.height).max() ?? 0))
        if syntax.height > Self.heightMax { throw tooDeep("\(Self.heightMax) operators in a row", at: start) }
        return syntax
    }

    private func tooDeep(_ bound: String, at offset: Int) -> ExpressionError {
        ExpressionError(
            code: .tooLarge, message: "the expression is nested too deeply",
            position: SourcePosition(offset: offset, in: lexer.source), accepted: ["up to \(bound)"])
    }

    private func unexpected(_ wanted: String) -> ExpressionError {
        let found = String(decoding: lexer.source[token.range].prefix(40), as: UTF8.self)
        return lexer.failure(
            token.kind == .end ? "the expression ends here" : "`\(found)` was not expected here",
            at: token.range.lowerBound, accepted: [wanted])
    }
}
