/// Cuts text into events: one a line, one over many lines, several of those, or a JSON array of them.
///
/// Only brackets and strings are looked at; whoever decodes a piece finds what is wrong with it.
enum EventPieces {
    struct Piece: Equatable {
        /// Where it begins, counted from 1.
        var line: Int
        var range: Range<Int>
    }

    /// Whether the first line that is not blank holds a whole event, so that lines can be taken one by one.
    static func isLines(_ text: [UInt8]) -> Bool {
        guard let first = text.firstIndex(where: { !$0.isSpace }) else { return true }
        guard text[first] != UInt8(ascii: "[") else { return false }
        let line = text[first...].prefix { $0 != 0x0A }
        var scanner = Scanner()
        for byte in line { scanner.take(byte) }
        return scanner.depth <= 0
    }

    /// The pieces in their order, blank ones left out.
    static func pieces(of text: [UInt8]) -> [Piece] {
        let isArray = text.first { !$0.isSpace } == UInt8(ascii: "[")
        var pieces: [Piece] = []
        var scanner = Scanner()
        var line = 1
        var start: Piece?
        var arrayIsOver = false
        for (index, byte) in text.enumerated() {
            let before = scanner.depth
            scanner.take(byte)
            let inArray = isArray && !arrayIsOver
            let ends =
                inArray
                ? scanner.depth <= 0 || (scanner.depth == 1 && byte == UInt8(ascii: ",") && !scanner.inString)
                : byte == 0x0A && scanner.depth <= 0
            if ends {
                if var piece = start {
                    piece.range = piece.range.lowerBound..<index
                    pieces.append(piece)
                    start = nil
                }
                if inArray { arrayIsOver = scanner.depth <= 0 }
                scanner.depth = max(0, scanner.depth)
            } else if start == nil, !byte.isSpace, !inArray || before == 1 {
                start = Piece(line: line, range: index..<text.count)
            }
            if byte == 0x0A { line += 1 }
        }
        if let start { pieces.append(start) }
        return pieces
    }

    /// How deep brackets are open. A string ends at its line's end at the latest, so damage stays where it is.
    private struct Scanner {
        var depth = 0
        private(set) var inString = false
        private var isEscaped = false

        mutating func take(_ byte: UInt8) {
            if inString {
                if byte == 0x0A || (byte == UInt8(ascii: "\"") && !isEscaped) { inString = false }
                isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
                return
            }
            switch byte {
            case UInt8(ascii: "\""): (inString, isEscaped) = (true, false)
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
    }
}

extension UInt8 {
    /// Whitespace of JSON.
    var isSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
