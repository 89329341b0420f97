/// Which failures are retried: `matching` of a retry policy.
///
/// A failure has two names, the handler's reason and the host's class; a pattern names a failure when it matches
/// either. `never` wins over `retry`. A failure without any name is retried when a pattern of `retry` is `*`.
package struct RetryMatching: Sendable, Hashable {
    package enum Verdict: Sendable, Hashable {
        case retry, never, unmatched
    }

    private let retry: [NamePattern]
    private let never: [NamePattern]
    /// Every failure is retried: no names are compared.
    private let retriesAll: Bool

    /// Patterns with `*` for any run of characters; the defaults of configuration.md.
    package init(retry: [String] = ["*"], never: [String] = ["invalid", "unauthorized"]) {
        self.retry = retry.map(NamePattern.init)
        self.never = never.map(NamePattern.init)
        retriesAll = never.isEmpty && retry.contains("*")
    }

    /// Allocates nothing; the buffers are only read during the call.
    package func verdict(reason: UnsafeRawBufferPointer, failureClass: UnsafeRawBufferPointer) -> Verdict {
        if retriesAll { return .retry }
        for pattern in never where pattern.matches(reason) || pattern.matches(failureClass) { return .never }
        for pattern in retry where pattern.matches(reason) || pattern.matches(failureClass) { return .retry }
        return .unmatched
    }
}

/// A name with `*` for any run of bytes, compared case-sensitively.
package struct NamePattern: Sendable, Hashable {
    private static let star = UInt8(ascii: "*")
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    /// Greedy matching that returns to the last star only: linear for one star, never exponential.
    package func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        var pattern = 0
        var position = 0
        var afterStar = -1
        var resume = 0
        while position < name.count {
            if pattern < bytes.count, bytes[pattern] == NamePattern.star {
                pattern += 1
                afterStar = pattern
                resume = position
            } else if pattern < bytes.count, bytes[pattern] == name[position] {
                pattern += 1
                position += 1
            } else if afterStar >= 0 {
                resume += 1
                position = resume
                pattern = afterStar
            } else {
                return false
            }
        }
        return bytes[pattern...].allSatisfy { $0 == NamePattern.star }
    }
}
