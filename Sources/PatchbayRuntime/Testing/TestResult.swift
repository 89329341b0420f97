package import PatchbayConfiguration

/// What came of one test.
package struct TestResult: Sendable {
    package var name: String
    /// Where it stands.
    package var location: SourceLocation
    package var seed: Int
    /// How long it took, in virtual time.
    package var duration: Duration
    package var events: Int
    /// Calls of handlers.
    package var calls: Int
    package var failures: [TestFailure]
    /// What happened, where something failed; line by line.
    package var journey: [String]

    package var passed: Bool { failures.isEmpty }
}

/// One expectation that does not hold.
package struct TestFailure: Sendable, Equatable {
    package var location: SourceLocation
    /// As in `attempts of billing.charge, event order-1`.
    package var what: String
    /// One thing a line.
    package var expected: [String]
    package var actual: [String]

    /// Expected against actual: lines of both begin with two spaces, those of one alone with `- ` or `+ `.
    package var difference: [String] {
        // The longest common subsequence; what differs wholly is told in two blocks by itself.
        let (a, b) = (Array(expected.prefix(200)), Array(actual.prefix(200)))
        var lengths = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
        for i in a.indices.reversed() {
            for j in b.indices.reversed() {
                lengths[i][j] = a[i] == b[j] ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var lines: [String] = []
        var (i, j) = (0, 0)
        while i < a.count || j < b.count {
            if i < a.count, j < b.count, a[i] == b[j] {
                lines.append("  \(a[i])")
                (i, j) = (i + 1, j + 1)
            } else if i < a.count, j == b.count || lengths[i + 1][j] >= lengths[i][j + 1] {
                lines.append("- \(a[i])")
                i += 1
            } else {
                lines.append("+ \(b[j])")
                j += 1
            }
        }
        return lines
    }
}

/// The tests of one file and what came of them.
package struct TestFileResult: Sendable {
    package var file: String
    package var results: [TestResult]
}
