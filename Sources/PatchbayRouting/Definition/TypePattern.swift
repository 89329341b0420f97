/// Which event types a route takes.
///
/// A type is tokens between dots. `*` stands for exactly one token, `**` for one or more tokens at the end, so that
/// `com.acme.**` takes `com.acme.order` and `com.acme.order.paid`, but not `com.acme`. `**` alone takes every type. A
/// pattern without stars takes only itself. Comparison is by bytes, case-sensitive.
package struct TypePattern: Sendable, Hashable {
    /// As written.
    package let text: String
    /// UTF-8; empty for `*`.
    private let tokens: [[UInt8]]
    private let hasTail: Bool
    private let bytes: [UInt8]
    private let isExact: Bool

    /// - Throws: `RoutingError.Code.pattern` for an empty token, a star inside a token, or `**` before the end.
    package init(_ text: String) throws(RoutingError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                throw RoutingError(code: .pattern, message: "the type pattern '\(text)' has an empty token")
            }
            if part == "**", index < parts.count - 1 {
                throw RoutingError(code: .pattern, message: "'**' stands only at the end of a type pattern: '\(text)'")
            }
            if part.contains("*"), part != "*", part != "**" {
                throw RoutingError(
                    code: .pattern, message: "'*' stands for a whole token, not for a part of one: '\(part)'")
            }
        }
        self.text = text
        hasTail = parts.last == "**"
        tokens = (hasTail ? parts.dropLast() : parts[...]).map { $0 == "*" ? [] : Array($0.utf8) }
        bytes = Array(text.utf8)
        isExact = !text.contains("*")
    }

    /// Whether it takes the type. Allocates nothing.
    package func matches(_ type: UnsafeRawBufferPointer) -> Bool {
        if isExact { return type.elementsEqual(bytes) }
        var start = 0
        for (index, token) in tokens.enumerated() {
            var end = start
            while end < type.count, type[end] != UInt8(ascii: ".") { end += 1 }
            if !token.isEmpty, !type[start..<end].elementsEqual(token) { return false }
            let isLast = index == tokens.count - 1
            if end == type.count { return isLast && !hasTail }
            if isLast, !hasTail { return false }
            start = end + 1
        }
        return hasTail
    }

    package func matches(_ type: String) -> Bool { Array(type.utf8).withUnsafeBytes(matches) }
}
