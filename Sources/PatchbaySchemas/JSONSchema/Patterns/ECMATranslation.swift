/// Rewrites a regular expression of ECMA-262 (with the `u` flag, as JSON Schema has it) in RE2's syntax.
///
/// What differs: `.`, `\s`, `\c`, `\u`, long names of Unicode properties, named groups, empty classes. What RE2 lacks
/// because it cannot be matched in linear time is an error: look-around and backreferences.
///
/// - Source: ECMA-262, 22.2.1.
struct ECMATranslation {
    private let source: [Unicode.Scalar]
    /// Leaves out what is unsupported, to learn whether the rest is well formed.
    private let skipsUnsupported: Bool
    private var position = 0
    private var output = ""

    /// ECMA-262's white space and line ends, in a class.
    private static let spaces =
        #"\t-\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}"#
    private static let notSpaces =
        #"\x{0}-\x{8}\x{E}-\x{1F}!-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}"#
        + #"\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{FEFE}\x{FF00}-\x{10FFFF}"#
    private static let anything = #"[\x{0}-\x{10FFFF}]"#
    private static let nothing = #"[^\x{0}-\x{10FFFF}]"#

    init(_ source: String, skipsUnsupported: Bool) {
        self.source = Array(source.unicodeScalars)
        self.skipsUnsupported = skipsUnsupported
    }

    mutating func translate() throws(PatternError) -> String {
        while let scalar = next() {
            switch scalar {
            case "\\": try escape(inClass: false)
            case "[": try characterClass()
            case "(": try group()
            case ".": output += #"[^\n\r\x{2028}\x{2029}]"#
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    private mutating func group() throws(PatternError) {
        guard take("?") else {
            output += "("
            return
        }
        if take(":") {
            output += "(?:"
        } else if take("=") || take("!") || take("<=") || take("<!") {
            try unsupported("look-around")
            output += "(?:"
        } else if take("<") {
            output += "(?P<"
        } else {
            throw malformed("has an unknown group")
        }
    }

    private mutating func characterClass() throws(PatternError) {
        if take("^]") {
            output += Self.anything
            return
        }
        if take("]") {
            output += Self.nothing
            return
        }
        output += take("^") ? "[^" : "["
        while let scalar = next() {
            switch scalar {
            case "]":
                output += "]"
                return
            case "\\": try escape(inClass: true)
            case "[": output += "\\["
            default: output.unicodeScalars.append(scalar)
            }
        }
        throw malformed("lacks a ]")
    }

    private mutating func escape(inClass: Bool) throws(PatternError) {
        guard let scalar = next() else { throw malformed("ends in a \\") }
        switch scalar {
        case "d", "D", "w", "W", "t", "n", "v", "f", "r":
            output += "\\\(scalar)"
        case "b": output += inClass ? #"\x{8}"# : #"\b"#
        case "B" where !inClass: output += #"\B"#
        case "s": output += inClass ? Self.spaces : "[\(Self.spaces)]"
        case "S": output += inClass ? Self.notSpaces : "[^\(Self.spaces)]"
        case "0" where !(peek?.isDigit ?? false): output += #"\x{0}"#
        case "1"..."9" where !inClass:
            while let digit = peek, digit.isDigit { position += 1 }
            try unsupported("backreferences")
            output += "(?:)"
        case "k" where !inClass && take("<"):
            guard try skip(past: ">") > 0 else { throw malformed("has an empty group name") }
            try unsupported("backreferences")
            output += "(?:)"
        case "c":
            guard let letter = next(), letter.isASCII, letter.properties.isAlphabetic else {
                throw malformed("has \\c without a letter")
            }
            append(code: letter.value % 32)
        case "x": append(code: try hex(digits: 2))
        case "u": append(code: try codePoint())
        case "p", "P": try property(isNegated: scalar == "P")
        default:
            guard scalar.isASCII, !scalar.isDigit, !scalar.properties.isAlphabetic else {
                throw malformed("has \\\(scalar), which is no escape of ECMA-262")
            }
            append(code: scalar.value)
        }
    }

    private mutating func property(isNegated: Bool) throws(PatternError) {
        guard take("{") else { throw malformed("has \\p without {") }
        let start = position
        _ = try skip(past: "}")
        let text = String(String.UnicodeScalarView(source[start..<position - 1]))
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let last = parts.last, !last.isEmpty, last.unicodeScalars.allSatisfy({ $0.isASCII && $0 != "^" }) else {
            throw malformed("has an empty \\p")
        }
        output += "\\\(isNegated ? "P" : "p"){\(UnicodeCategories.shortNames[String(last)] ?? String(last))}"
    }

    /// After `\u`: four digits, a pair of surrogates, or braces.
    private mutating func codePoint() throws(PatternError) -> UInt32 {
        if take("{") {
            let start = position
            _ = try skip(past: "}")
            let digits = String(String.UnicodeScalarView(source[start..<position - 1]))
            guard let code = UInt32(digits, radix: 16), Unicode.Scalar(code) != nil else {
                throw malformed("has \\u{\(digits)}, which is no code point")
            }
            return code
        }
        let code = try hex(digits: 4)
        guard (0xD800...0xDFFF).contains(code) else { return code }
        guard code < 0xDC00, take("\\u") else { throw malformed("has half of a surrogate pair") }
        let low = try hex(digits: 4)
        guard (0xDC00...0xDFFF).contains(low) else { throw malformed("has half of a surrogate pair") }
        return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    }

    private mutating func hex(digits: Int) throws(PatternError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = next(), scalar.isASCII, let digit = UInt8(scalar.value).hexDigitValue else {
                throw malformed("lacks hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private mutating func append(code: UInt32) {
        output += "\\x{\(String(code, radix: 16))}"
    }
}

// MARK: - Reading

extension ECMATranslation {
    private var peek: Unicode.Scalar? { position < source.count ? source[position] : nil }

    private mutating func next() -> Unicode.Scalar? {
        guard position < source.count else { return nil }
        position += 1
        return source[position - 1]
    }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard source[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    /// Returns how many scalars came before the end mark.
    private mutating func skip(past end: Unicode.Scalar) throws(PatternError) -> Int {
        let start = position
        while let scalar = next(), scalar != end { continue }
        guard position > start, source[position - 1] == end else { throw malformed("lacks a \(end)") }
        return position - 1 - start
    }

    private func malformed(_ what: String) -> PatternError {
        PatternError(kind: .malformed, reason: "is no regular expression: it \(what)")
    }

    private func unsupported(_ what: String) throws(PatternError) {
        guard !skipsUnsupported else { return }
        throw PatternError(
            kind: .unsupported, reason: "has \(what), which cannot be matched in linear time; write it without")
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}
