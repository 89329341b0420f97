import CPatchbayRegex

/// A regular expression in RE2's syntax, searched in time linear in the text.
///
/// - Concurrency: immutable; any thread may search, without locks.
package final class RegularExpression: @unchecked Sendable {
    // Invariant: `handle` is set once and only read by functions that the C header declares thread-safe.
    let handle: OpaquePointer
    package let pattern: String

    /// Program and caches of one expression together, in bytes.
    package static let memoryBytesMax: UInt64 = 4 << 20

    /// Why a pattern was refused.
    package struct SyntaxError: Error, Sendable, Equatable {
        package let message: String
        /// Bytes of UTF-8 from the pattern's start, when known.
        package let offset: Int?
    }

    /// - Throws: for a pattern that is not RE2 syntax or compiles to more than `memoryBytesMax`.
    package init(_ pattern: String) throws(SyntaxError) {
        var error = pbr_error()
        var copy = pattern
        let compiled = copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                pbr_compile($0.baseAddress, UInt64($0.count), Self.memoryBytesMax, &error)
            }
        }
        guard let compiled else {
            let message = withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            throw SyntaxError(message: message, offset: error.offset == .max ? nil : Int(error.offset))
        }
        handle = compiled
        self.pattern = pattern
    }

    deinit { pbr_free(handle) }

    /// Whether some part of `text` matches.
    package func matches(_ text: String) -> Bool {
        var copy = text
        return copy.withUTF8 { matches($0) }
    }

    /// Whether some part of this UTF-8 matches.
    package func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.withMemoryRebound(to: CChar.self) { pbr_search(handle, $0.baseAddress, UInt64($0.count)) != 0 }
    }
}
