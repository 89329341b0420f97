import Foundation

/// Runs the independent suites under `PATCHBAY_SUITES` (default `../shared/suites`): one line a suite, then a closing
/// line `N passed, N failed, N skipped`. Arguments name the suites to run; none runs all. Exit 1 when a case failed.
let suites = [
    cloudEventsSuite, celSuite, cesqlSuite, retrySuite, jsonSchemaSuite, traceContextSuite, otlpSuite,
    cronSuite,
]

let root = URL(fileURLWithPath: ProcessInfo.processInfo.environment["PATCHBAY_SUITES"] ?? "../shared/suites")
guard FileManager.default.fileExists(atPath: root.path) else {
    print("conformance suites are absent: no folder at \(root.path); set PATCHBAY_SUITES")
    print("0 passed, 0 failed, 0 skipped")
    exit(0)
}
let wanted = Set(CommandLine.arguments.dropFirst())
var total = SuiteReport()
for name in wanted.subtracting(suites.map(\.name)).sorted() {
    total.fail(name, "there is no such suite; there are \(suites.map(\.name).joined(separator: ", "))")
}
for failure in total.failed { print("failed: \(failure)") }
for suite in suites where wanted.isEmpty || wanted.contains(suite.name) {
    var report = SuiteReport()
    do {
        try suite.run(root.appendingPathComponent(suite.folder), &report)
    } catch {
        report.failed.append("\(suite.name): \(error)")
    }
    print("\(suite.name): \(report.summary)")
    for failure in report.failed.prefix(20) { print("  failed: \(failure)") }
    if report.failed.count > 20 { print("  … and \(report.failed.count - 20) more") }
    total.merge(report)
}
let known = Set(suites.map(\.folder))
let others = try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: [.isDirectoryKey])
    .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
    .map(\.lastPathComponent).filter { !known.contains($0) }.sorted()
if wanted.isEmpty, !others.isEmpty {
    print("not run, since nothing here does it yet: \(others.joined(separator: ", "))")
}
print("\(total.passed) passed, \(total.failed.count) failed, \(total.leftOutCount) skipped")
exit(total.failed.isEmpty ? 0 : 1)
