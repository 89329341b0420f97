import CPatchbayRegex

/// A regular expression in RE2's syntax, searched in time linear in the text.
///
/// - Concurrency: immutable; any thread may search, without locks.
package final class RegularExpression: @unchecked Sendable {
    // Invariant: `handle` is set once and only read by functions that the C header declares thread-safe.
    let handle: OpaquePointer
    package let pattern: String

    /// How large a compiled expression may be.
    package struct Limits: Sendable {
        /// Program and caches together, in bytes.
        package let memoryBytesMax: UInt64
        package let instructionsMax: UInt32

        /// For patterns that are written into a configuration.
        package static let configured = Limits(memoryBytesMax: 4 << 20, instructionsMax: 20_000)
        /// For patterns that are made while evaluating.
        package static let computed = Limits(memoryBytesMax: 192 << 10, instructionsMax: 2_000)
    }

    /// Why a pattern was refused.
    package struct SyntaxError: Error, Sendable, Equatable {
        package let message: String
        /// Bytes of UTF-8 from the pattern's start, when known.
        package let offset: Int?
    }

    /// - Throws: for a pattern that is not RE2 syntax or compiles to more than the limits.
    package init(_ pattern: String, limits: Limits = .configured) throws(SyntaxError) {
        var error = pbr_error()
        var copy = pattern
        let compiled = copy.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                pbr_compile(
                    $0.baseAddress, UInt64($0.count), limits.memoryBytesMax, limits.instructionsMax, &error)
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

    /// Of the compiled program: a search takes at most about this many steps for each byte.
    package var instructionCount: Int { Int(pbr_program_size(handle)) }

    /// Capturing groups, the whole match not among them.
    package var groupCount: Int { Int(pbr_group_count(handle)) }

    /// Whether some part of `text` matches.
    package func matches(_ text: String) -> Bool {
        var copy = text
        return copy.withUTF8 { matches($0) }
    }

    /// Whether some part of this UTF-8 matches.
    package func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.withMemoryRebound(to: CChar.self) { pbr_search(handle, $0.baseAddress, UInt64($0.count)) != 0 }
    }

    /// The first match that begins at `start` or later: where it is, then where its groups are, in bytes of UTF-8;
    /// `nil` for a group that took no part in it. `nil` in all when nothing matches.
    package func firstMatch(in text: [UInt8], from start: Int) -> [Range<Int>?]? {
        var groups = [pbr_range](repeating: pbr_range(), count: 1 + groupCount)
        let isFound = text.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                pbr_find(handle, $0.baseAddress, UInt64($0.count), UInt64(start), &groups, UInt32(groups.count)) != 0
            }
        }
        guard isFound else { return nil }
        return groups.map { $0.begin == .max ? nil : Int($0.begin)..<Int($0.end) }
    }
}

extension Cost {
    /// Bytes times instructions that one step stands for. RE2 may fall back to following every instruction at every
    /// byte, at up to 10 ns each, when its cache of states does not help.
    private static let searchedPerStep = 64

    static func steps(searching bytes: Int, instructions: Int) -> Int { 1 + bytes * instructions / searchedPerStep }

    /// For a search through this many bytes.
    mutating func spend(searching bytes: Int, with expression: RegularExpression) throws(EvaluationError) {
        try spend(Self.steps(searching: bytes, instructions: expression.instructionCount))
    }
}
