/// Finds where a character of a scalar's value stands in the file, through quotes, escapes and folded lines.
struct ScalarAlignment {
    private let source: String.UnicodeScalarView

    init(source: String) { self.source = source.unicodeScalars }

    /// The place of the value's Unicode scalar number `offset`; the scalar's own place when it cannot be found.
    func location(of offset: Int, in scalar: YAMLScalar, at start: SourceLocation) -> SourceLocation {
        guard !scalar.isInterpolated, var index = source.index(line: start.line, column: start.column) else {
            return start
        }
        var place = start
        func advance() {
            if source[index] == "\n" { (place.line, place.column) = (place.line + 1, 1) } else { place.column += 1 }
            index = source.index(after: index)
        }
        skipOpening(of: scalar.style, advance: advance) { index < source.endIndex ? source[index] : nil }
        var left = offset
        for character in scalar.text.unicodeScalars {
            // Whitespace of the file that is not in the value: indentation and folded lines.
            while index < source.endIndex, source[index] != character, source[index].isBlank {
                if character.isBlank, source[index] == "\n" { break }
                advance()
            }
            guard index < source.endIndex else { return start }
            if left == 0 { return place }
            left -= 1
            if source[index] == character {
                advance()
                if character == "'", scalar.style == .singleQuoted, index < source.endIndex { advance() }
            } else if character.isBlank, source[index] == "\n" {
                advance()
            } else if scalar.style == .doubleQuoted, source[index] == "\\" {
                for _ in 0..<escapeLength(at: index) where index < source.endIndex { advance() }
            } else {
                return start
            }
        }
        return place
    }

    private func skipOpening(of style: YAMLScalar.Style, advance: () -> Void, current: () -> Unicode.Scalar?) {
        switch style {
        case .plain: break
        case .singleQuoted, .doubleQuoted: advance()
        case .literal, .folded:
            while let scalar = current(), scalar != "\n" { advance() }
            if current() != nil { advance() }
        }
    }

    private func escapeLength(at index: String.UnicodeScalarView.Index) -> Int {
        let next = source.index(after: index)
        guard next < source.endIndex else { return 1 }
        switch source[next] {
        case "x": return 4
        case "u": return 6
        case "U": return 10
        default: return 2
        }
    }
}

extension Unicode.Scalar {
    fileprivate var isBlank: Bool { self == " " || self == "\n" || self == "\t" || self == "\r" }
}
