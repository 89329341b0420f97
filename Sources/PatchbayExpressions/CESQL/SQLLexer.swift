/// A word, number, text or symbol of CESQL.
struct SQLToken {
    enum Kind: Equatable {
        /// Letters, digits and underscores that are no number; as written.
        case word(String)
        /// Digits alone.
        case integer
        /// A literal without its quotes.
        case text([UInt8])
        case symbol(String)
        case end
    }

    let kind: Kind
    /// In bytes of the source.
    let range: Range<Int>

    /// The word in capitals, in which keywords and functions are known.
    var upperWord: String? {
        guard case .word(let word) = kind else { return nil }
        return word.uppercased()
    }
}

/// Splits CESQL into tokens.
///
/// - Source: CloudEvents SQL 1.0, section 2. Of a literal's backslashes only the one before its own quote is taken away.
struct SQLLexer {
    let source: [UInt8]
    private var offset = 0

    init(_ source: [UInt8]) { self.source = source }

    /// - Throws: `syntax` for a character that begins nothing, and for a literal without an end.
    mutating func next() throws(ExpressionError) -> SQLToken {
        while offset < source.count, [0x20, 0x09, 0x0A, 0x0D].contains(source[offset]) { offset += 1 }
        let start = offset
        guard start < source.count else { return SQLToken(kind: .end, range: start..<start) }
        let byte = source[start]
        if byte.isWord {
            while offset < source.count, source[offset].isWord { offset += 1 }
            let word = source[start..<offset]
            let isInteger = word.allSatisfy { (0x30...0x39).contains($0) }
            return token(isInteger ? .integer : .word(String(decoding: word, as: UTF8.self)), from: start)
        }
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { return try literal(quote: byte) }
        if source[start...].starts(with: "==".utf8) { throw failure("CESQL has no `==`", at: start, accepted: ["="]) }
        for symbol in ["!=", "<>", "<=", ">="] where source[start...].starts(with: symbol.utf8) {
            offset += 2
            return token(.symbol(symbol), from: start)
        }
        if "()+-*/%=<>,".utf8.contains(byte) {
            offset += 1
            return token(.symbol(String(UnicodeScalar(byte))), from: start)
        }
        // Whole characters, so that messages can quote them.
        let character = String(decoding: source[start...].prefix(8), as: UTF8.self).first.map(String.init) ?? ""
        throw failure("`\(character)` begins nothing in CESQL", at: start, accepted: Self.instead(of: character))
    }

    /// What people who know other languages may have meant.
    private static func instead(of character: String) -> [String] {
        switch character {
        case "&": ["AND"]
        case "|": ["OR"]
        case "!": ["NOT", "!="]
        case ".": ["context attributes, which have no fields; `match` and the filter `cel` read data"]
        default: ["names", "numbers", "texts in quotes", "operators", "parentheses"]
        }
    }

    func failure(_ message: String, at offset: Int, accepted: [String] = []) -> ExpressionError {
        ExpressionError(
            code: .syntax, message: message, position: SourcePosition(offset: offset, in: source), accepted: accepted)
    }

    private func token(_ kind: SQLToken.Kind, from start: Int) -> SQLToken {
        SQLToken(kind: kind, range: start..<offset)
    }

    private mutating func literal(quote: UInt8) throws(ExpressionError) -> SQLToken {
        let start = offset
        var text: [UInt8] = []
        offset += 1
        while offset < source.count {
            let byte = source[offset]
            let isEscape = byte == UInt8(ascii: "\\") && offset + 1 < source.count
            if byte == quote {
                offset += 1
                return token(.text(text), from: start)
            }
            if isEscape, source[offset + 1] != quote { text.append(byte) }
            if isEscape { offset += 1 }
            text.append(source[offset])
            offset += 1
        }
        throw failure("the text that begins here has no end", at: start, accepted: [String(UnicodeScalar(quote))])
    }
}

extension UInt8 {
    /// Whether it is part of a name or number.
    fileprivate var isWord: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }
}
