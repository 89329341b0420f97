/// A pattern of `LIKE`: `%` is any text, `_` one character, a backslash takes either as it is.
///
/// Matching takes time linear in the text: what has no `_` and at most one `%` is compared in place, all else is a
/// regular expression of RE2.
struct LikePattern: Sendable {
    /// Before and after the one `%`; a single piece has to be the whole text.
    private let pieces: [[UInt8]]
    private let expression: RegularExpression?

    private enum Element: Equatable {
        case any
        case one
        case byte(UInt8)
    }

    /// - Parameter pattern: UTF-8.
    /// - Throws: for a pattern whose program would be too large.
    init(_ pattern: [UInt8]) throws(RegularExpression.SyntaxError) {
        let elements = Self.elements(of: pattern)
        if elements.contains(.one) || elements.count(where: { $0 == .any }) > 1 {
            pieces = []
            expression = try RegularExpression(Self.regularExpression(elements))
        } else {
            pieces = elements.split(separator: .any, omittingEmptySubsequences: false).map { piece in
                piece.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
            }
            expression = nil
        }
    }

    /// Whether all of this UTF-8 matches.
    func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        if let expression { return expression.matches(text) }
        guard let first = pieces.first, let last = pieces.last else { return false }
        if pieces.count == 1 { return text.elementsEqual(first) }
        return text.count >= first.count + last.count && text.starts(with: first)
            && text.suffix(last.count).elementsEqual(last)
    }

    private static func elements(of pattern: [UInt8]) -> [Element] {
        var elements: [Element] = []
        var isEscaped = false
        for (index, byte) in pattern.enumerated() {
            let isWild = byte == UInt8(ascii: "%") || byte == UInt8(ascii: "_")
            let next = index + 1 < pattern.count ? pattern[index + 1] : 0
            if !isEscaped, byte == UInt8(ascii: "\\"), next == UInt8(ascii: "%") || next == UInt8(ascii: "_") {
                isEscaped = true
                continue
            }
            if isWild, !isEscaped {
                elements.append(byte == UInt8(ascii: "_") ? .one : .any)
            } else {
                elements.append(.byte(byte))
            }
            isEscaped = false
        }
        return elements
    }

    private static func regularExpression(_ elements: [Element]) -> String {
        var text = Array("\\A(?s:".utf8)
        for element in elements {
            switch element {
            case .any: text += ".*".utf8
            case .one: text += ".".utf8
            case .byte(let byte):
                let isPlain =
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte >= 0x80
                // Escapes by number take every character, line ends and zeros, too.
                text += isPlain ? [byte] : Array("\\x{\(String(byte, radix: 16))}".utf8)
            }
        }
        return String(decoding: text + Array(")\\z".utf8), as: UTF8.self)
    }
}
