import Foundation

/// One suite of independent cases: a folder, and how to run what is in it.
struct ConformanceSuite: Sendable {
    let name: String
    /// Below the suites' root.
    let folder: String
    let run: @Sendable (URL, inout SuiteReport) throws -> Void
}

/// What came of a suite's cases.
struct SuiteReport {
    var passed = 0
    /// A line a failed case: its id, what was expected, what came.
    var failed: [String] = []
    /// Cases that were not run, by reason, and by the group that their ids begin with; empty where they have none.
    var leftOut: [String: [String: Int]] = [:]

    mutating func pass() { passed += 1 }
    mutating func fail(_ id: String, _ why: String) { failed.append("\(id): \(why)") }
    mutating func leaveOut(_ reason: String, of group: String = "") {
        leftOut[reason, default: [:]][group, default: 0] += 1
    }
    mutating func merge(_ other: SuiteReport) {
        passed += other.passed
        failed += other.failed
        leftOut.merge(other.leftOut) { $0.merging($1, uniquingKeysWith: +) }
    }

    var leftOutCount: Int { leftOut.values.flatMap(\.values).reduce(0, +) }

    var summary: String {
        let reasons = leftOut.sorted { $0.key < $1.key }.map { reason, groups in
            let named = groups.filter { !$0.key.isEmpty }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let list = named.isEmpty ? "" : " (\(named.joined(separator: ", ")))"
            return ", \(groups.values.reduce(0, +)) left out: \(reason)\(list)"
        }
        return "\(passed) passed, \(failed.count) failed\(reasons.joined())"
    }
}

/// The cases of a JSON-lines file.
func jsonLines(_ url: URL) throws -> [[String: Any]] {
    try String(contentsOf: url, encoding: .utf8).split(separator: "\n").compactMap {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
}
