/// Splits an expression's text into tokens.
///
/// - Source: the CEL language definition, "Syntax".
struct Lexer {
    let source: [UInt8]
    var position = 0

    init(_ source: [UInt8]) { self.source = source }

    /// The next token, `end` at the end and ever after.
    mutating func next() throws(ExpressionError) -> Token {
        skipBlank()
        let start = position
        guard let byte = peek() else { return Token(kind: .end, range: start..<start) }
        let kind: Token.Kind
        switch byte {
        case _ where isDigit(byte): kind = try number()
        case UInt8(ascii: ".") where isDigit(peek(1)): kind = try number()
        case UInt8(ascii: "\""), UInt8(ascii: "'"): kind = try string(isRaw: false, isBytes: false)
        case UInt8(ascii: "`"): kind = try quotedName()
        case _ where isNameStart(byte): kind = try nameOrPrefixedString()
        default: kind = try symbol()
        }
        return Token(kind: kind, range: start..<position)
    }

    func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < source.count ? source[position + ahead] : nil
    }

    func failure(_ message: String, at offset: Int, accepted: [String] = []) -> ExpressionError {
        ExpressionError(
            code: .syntax, message: message, position: SourcePosition(offset: offset, in: source), accepted: accepted)
    }

    // MARK: - Kinds of token

    private mutating func skipBlank() {
        while let byte = peek() {
            if byte == 32 || (9...13).contains(byte) {
                position += 1
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let next = peek(), next != 10 { position += 1 }
            } else {
                return
            }
        }
    }

    private mutating func symbol() throws(ExpressionError) -> Token.Kind {
        let pairs = ["==", "!=", "<=", ">=", "&&", "||"]
        for pair in pairs where source[position...].starts(with: pair.utf8) {
            position += 2
            return .symbol(pair)
        }
        guard let byte = peek(), "<>!+-*/%?:.,()[]{}".utf8.contains(byte) else {
            throw failure("this character has no meaning here", at: position)
        }
        position += 1
        return .symbol(String(UnicodeScalar(byte)))
    }

    private mutating func nameOrPrefixedString() throws(ExpressionError) -> Token.Kind {
        if let (isRaw, isBytes, length) = stringPrefix() {
            position += length
            return try string(isRaw: isRaw, isBytes: isBytes)
        }
        let start = position
        while let byte = peek(), isNameStart(byte) || isDigit(byte) { position += 1 }
        let name = String(decoding: source[start..<position], as: UTF8.self)
        return name == "in" ? .symbol(name) : .identifier(name)
    }

    /// Whether what follows is `r`, `b`, `rb` or `br`, in any case, before a quote.
    private func stringPrefix() -> (isRaw: Bool, isBytes: Bool, length: Int)? {
        var isRaw = false
        var isBytes = false
        var length = 0
        while let byte = peek(length) {
            switch byte | 0x20 {
            case UInt8(ascii: "r") where !isRaw: isRaw = true
            case UInt8(ascii: "b") where !isBytes: isBytes = true
            default:
                let isQuote = byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
                return isQuote && length > 0 ? (isRaw, isBytes, length) : nil
            }
            length += 1
        }
        return nil
    }

    private mutating func quotedName() throws(ExpressionError) -> Token.Kind {
        let start = position
        position += 1
        while let byte = peek(), byte != UInt8(ascii: "`") {
            guard isNameStart(byte) || isDigit(byte) || " ./-".utf8.contains(byte) else {
                throw failure("a quoted name holds letters, digits, and any of _ . / - and space", at: position)
            }
            position += 1
        }
        guard peek() != nil, position > start + 1 else { throw failure("this quoted name does not end", at: start) }
        position += 1
        return .quotedName(String(decoding: source[start + 1..<position - 1], as: UTF8.self))
    }

    private mutating func number() throws(ExpressionError) -> Token.Kind {
        let start = position
        if peek() == UInt8(ascii: "0"), peek(1).map({ $0 | 0x20 }) == UInt8(ascii: "x") {
            position += 2
            while let byte = peek(), isDigit(byte) || (97...102).contains(byte | 0x20) { position += 1 }
            return try integer(String(decoding: source[start + 2..<position], as: UTF8.self), radix: 16, at: start)
        }
        skipDigits()
        var isDouble = false
        if peek() == UInt8(ascii: "."), isDigit(peek(1)) {
            isDouble = true
            position += 1
            skipDigits()
        }
        if let byte = peek(), byte | 0x20 == UInt8(ascii: "e") {
            let signed = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
            guard isDigit(peek(signed ? 2 : 1)) else { throw failure("this exponent has no digits", at: position) }
            isDouble = true
            position += signed ? 2 : 1
            skipDigits()
        }
        let text = String(decoding: source[start..<position], as: UTF8.self)
        guard isDouble else { return try integer(text, radix: 10, at: start) }
        guard let value = Double(text.hasPrefix(".") ? "0" + text : text) else {
            throw failure("this is no number", at: start)
        }
        try endNumber(at: start)
        return .double(value)
    }

    private mutating func integer(_ digits: String, radix: Int, at start: Int) throws(ExpressionError) -> Token.Kind {
        let isUnsigned = peek().map { $0 | 0x20 } == UInt8(ascii: "u")
        if isUnsigned { position += 1 }
        try endNumber(at: start)
        guard let value = UInt64(digits, radix: radix) else {
            throw failure("this integer does not fit in 64 bits", at: start)
        }
        return isUnsigned ? .uint(value) : .int(value)
    }

    private func endNumber(at start: Int) throws(ExpressionError) {
        if let byte = peek(), isNameStart(byte) || isDigit(byte) {
            throw failure("a number ends before letters begin", at: start)
        }
    }

    private mutating func skipDigits() { while isDigit(peek()) { position += 1 } }

    private func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }

    private func isNameStart(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || (97...122).contains(byte | 0x20) }
}
