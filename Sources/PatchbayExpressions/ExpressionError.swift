/// Why an expression was refused, and where.
package struct ExpressionError: Error, Sendable, Equatable {
    /// Open-ended: later versions may add codes.
    package struct Code: Sendable, Hashable, RawRepresentable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let syntax = Code(rawValue: "syntax")
        /// Longer or nested deeper than the limits of the parser.
        package static let tooLarge = Code(rawValue: "tooLarge")
        package static let unknownName = Code(rawValue: "unknownName")
        package static let unknownFunction = Code(rawValue: "unknownFunction")
        /// Operands of types that an operator or function does not take.
        package static let typeMismatch = Code(rawValue: "typeMismatch")
        /// A known function or macro with arguments that it never accepts.
        package static let arguments = Code(rawValue: "arguments")
    }

    package let code: Code
    package let message: String
    package let position: SourcePosition
    /// What would be accepted in its place; empty when nothing can be listed.
    package let accepted: [String]

    package var line: Int { position.line }
    package var column: Int { position.column }
}

extension ExpressionError: CustomStringConvertible {
    package var description: String {
        let choices = accepted.isEmpty ? "" : "; accepted: \(accepted.joined(separator: ", "))"
        return "\(line):\(column): \(message)\(choices)"
    }
}

/// A place in an expression's text; both count from 1, columns in Unicode scalars.
package struct SourcePosition: Sendable, Hashable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The place of the byte at `offset` of UTF-8.
    init(offset: Int, in source: [UInt8]) {
        let before = source.prefix(offset)
        let lineStart = before.lastIndex(of: 10).map { $0 + 1 } ?? 0
        line = before.count { $0 == 10 } + 1
        column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    }
}

/// The place of every byte of a text, so that each of its nodes can have one without counting again.
struct SourceMap: Sendable {
    private let places: [SourcePosition]

    init(_ source: [UInt8]) {
        var places: [SourcePosition] = []
        places.reserveCapacity(source.count + 1)
        var (line, column) = (1, 0)
        for byte in source {
            if byte & 0xC0 != 0x80 { column += 1 }
            places.append(SourcePosition(line: line, column: column))
            if byte == 10 { (line, column) = (line + 1, 0) }
        }
        places.append(SourcePosition(line: line, column: column + 1))
        self.places = places
    }

    subscript(offset: Int) -> SourcePosition { places[offset] }
}
