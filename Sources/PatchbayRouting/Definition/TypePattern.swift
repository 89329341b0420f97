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

    /// Why `pattern` is not one; `nil` when it is.
    package static func problem(of pattern: String) -> String? {
        let tokens = pattern.split(separator: ".", omittingEmptySubsequences: false)
        for (index, token) in tokens.enumerated() {
            if token.isEmpty { return pattern.isEmpty ? "it is empty" : "it has an empty token" }
            if token == "**" {
                if index != tokens.count - 1 { return "'**' stands only at the end" }
            } else if token != "*", token.contains("*") {
                return "'*' stands for a whole token, not for a part of '\(token)'"
            }
            if token.contains(where: \.isWhitespace) { return "it holds white space" }
        }
        return nil
    }

    /// - Throws: `RoutingError.Code.pattern` for what `problem(of:)` finds.
    package init(_ text: String) throws(RoutingError) {
        if let problem = Self.problem(of: text) {
            throw RoutingError(code: .pattern, message: "'\(text)' is no type pattern: \(problem)")
        }
        let parts = text.split(separator: ".").map(String.init)
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
