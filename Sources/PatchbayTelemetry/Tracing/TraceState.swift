/// The `tracestate` rules: which text goes on with the trace.
///
/// - Source: W3C Trace Context Level 2, "Tracestate Header" (its key grammar also admits level 1's).
package enum TraceState {
    package static let membersMax = 32
    /// What is carried at most; the specification asks for at least 512.
    package static let bytesMax = 8_192

    /// The text to hand on, or `nil` when there is none or it breaks a rule and so is dropped whole.
    ///
    /// - Parameter values: the values of the attribute or header in order of appearance; they are joined as one list.
    ///   Empty members go, spaces and tabs around members go, of a repeated key the first (the latest writer) stays.
    package static func normalised(_ values: [String]) -> String? {
        var keys: Set<Substring> = []
        var members: [Substring] = []
        var count = 0
        for value in values {
            for piece in value.utf8.split(separator: comma, omittingEmptySubsequences: true) {
                let member = trimmed(piece)
                if member.isEmpty { continue }
                count += 1
                guard count <= membersMax, let split = member.firstIndex(of: equals) else { return nil }
                let key = member[..<split]
                guard isKey(key), isValue(member[member.index(after: split)...]) else { return nil }
                if keys.insert(Substring(key)).inserted { members.append(Substring(member)) }
            }
        }
        let bytes = members.reduce(members.count - 1) { $0 + $1.utf8.count }
        guard !members.isEmpty, bytes <= bytesMax else { return nil }
        return members.joined(separator: ",")
    }

    /// The text to hand on for one attribute value, as `normalised(_:)` for several.
    package static func normalised(_ value: String) -> String? { value.isEmpty ? nil : normalised([value]) }

    /// The state that goes on in `trace` of an event that brought `value` and `traceparent`, as `normalised(_:)`. It
    /// belongs to the trace that it came with: where a trace of our own begins, or that context is malformed, it ends.
    package static func continued(
        _ value: String, broughtWith traceparent: UnsafeRawBufferPointer, in trace: TraceID
    ) -> String? {
        guard TraceContext(traceparent: traceparent)?.traceID == trace else { return nil }
        return normalised(value)
    }

    private static func trimmed(_ piece: Substring.UTF8View) -> Substring.UTF8View {
        var rest = piece
        while let first = rest.first, isOptionalSpace(first) { rest = rest.dropFirst() }
        while let last = rest.last, isOptionalSpace(last) { rest = rest.dropLast() }
        return rest
    }

    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard let first = key.first, isLowercaseOrDigit(first), key.count <= 256 else { return false }
        return key.allSatisfy { isLowercaseOrDigit($0) || keyPunctuation.contains($0) }
    }

    /// A value is not empty and does not end with a space, which trimming has seen to.
    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        !value.isEmpty && value.count <= 256 && value.allSatisfy { (0x20...0x7e).contains($0) && $0 != equals }
    }

    private static func isLowercaseOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static let comma = UInt8(ascii: ",")
    private static let equals = UInt8(ascii: "=")
    private static let keyPunctuation = Array("_-*/@".utf8)
}
