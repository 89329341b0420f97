/// A lexical element of CEL.
struct Token: Sendable {
    enum Kind: Sendable, Equatable {
        case identifier(String)
        /// A field name between backticks.
        case quotedName(String)
        /// An unsigned magnitude; the parser applies a minus sign, so that the least integer can be written.
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        /// An operator or punctuation, or the keyword `in`.
        case symbol(String)
        case end
    }

    let kind: Kind
    /// Bytes of UTF-8.
    let range: Range<Int>
}

/// What may not name anything, though a field may have such a name.
let reservedWords: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
]
