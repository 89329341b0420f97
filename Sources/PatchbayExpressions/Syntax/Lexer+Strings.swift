extension Lexer {
    /// A string or bytes literal from its first quote on.
    mutating func string(isRaw: Bool, isBytes: Bool) throws(ExpressionError) -> Token.Kind {
        let start = position
        let quote = source[position]
        let isTriple = peek(1) == quote && peek(2) == quote
        position += isTriple ? 3 : 1
        var content: [UInt8] = []
        while true {
            guard let byte = peek() else { throw failure("this string does not end", at: start) }
            if byte == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
                position += isTriple ? 3 : 1
                break
            }
            if (byte == 10 || byte == 13) && !isTriple {
                throw failure("this string does not end on its line", at: start, accepted: [#"\n"#, #"'''…'''"#])
            }
            if byte == UInt8(ascii: "\\"), !isRaw {
                try escape(into: &content, isBytes: isBytes)
            } else {
                content.append(byte)
                position += 1
            }
        }
        return isBytes ? .bytes(content) : .string(String(decoding: content, as: UTF8.self))
    }

    /// One escape sequence, from its backslash on.
    private mutating func escape(into content: inout [UInt8], isBytes: Bool) throws(ExpressionError) {
        let start = position
        guard let byte = peek(1) else { throw failure("this string does not end", at: start) }
        position += 2
        switch byte {
        case UInt8(ascii: "a"): content.append(7)
        case UInt8(ascii: "b"): content.append(8)
        case UInt8(ascii: "f"): content.append(12)
        case UInt8(ascii: "n"): content.append(10)
        case UInt8(ascii: "r"): content.append(13)
        case UInt8(ascii: "t"): content.append(9)
        case UInt8(ascii: "v"): content.append(11)
        case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            content.append(byte)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            append(try code(digits: 2, radix: 16, at: start), to: &content, isBytes: isBytes)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            position -= 1
            append(try code(digits: 3, radix: 8, at: start), to: &content, isBytes: isBytes)
        case UInt8(ascii: "u") where !isBytes, UInt8(ascii: "U") where !isBytes:
            let number = try code(digits: byte == UInt8(ascii: "u") ? 4 : 8, radix: 16, at: start)
            guard Unicode.Scalar(number) != nil else { throw failure("this is no Unicode scalar", at: start) }
            append(number, to: &content, isBytes: false)
        default:
            throw failure(
                "this escape has no meaning", at: start,
                accepted: [#"\a \b \f \n \r \t \v \\ \? \" \' \`"#, #"\xHH"#, #"\OOO"#]
                    + (isBytes ? [] : [#"\uHHHH"#, #"\UHHHHHHHH"#]))
        }
    }

    private func append(_ number: UInt32, to content: inout [UInt8], isBytes: Bool) {
        if isBytes {
            content.append(UInt8(truncatingIfNeeded: number))
        } else if let scalar = Unicode.Scalar(number) {
            content += Array(String(Character(scalar)).utf8)
        }
    }

    private mutating func code(digits: Int, radix: Int, at start: Int) throws(ExpressionError) -> UInt32 {
        let text = String(decoding: source[position..<min(position + digits, source.count)], as: UTF8.self)
        guard text.utf8.count == digits, !text.hasPrefix("+"), !text.hasPrefix("-"),
            let number = UInt32(text, radix: radix)
        else { throw failure("this escape needs \(digits) digits", at: start) }
        position += digits
        return number
    }
}
