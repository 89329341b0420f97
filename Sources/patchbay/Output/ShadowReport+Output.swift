import Glibc
import PatchbayEvents
import PatchbayRuntime

extension ShadowReport {
    /// For people, in the words of `patchbay replay --compare`.
    var text: String {
        var line =
            "shadow      \(route), \(sample): \(sampled.grouped) sampled = "
            + "\(UInt64(comparison.events).grouped) compared + \(dropped.grouped) dropped"
        if waiting > 0 { line += " + \(waiting.grouped) waiting" }
        return ([line.printable] + report.text(Style(for: STDERR_FILENO)).split(separator: "\n").map { "  \($0)" })
            .joined(separator: "\n")
    }

    /// For scripts.
    var value: Value {
        .object(
            [
                ("route", .string(route)), ("sample", .string(sample)),
                ("sampled", .uint(sampled)), ("dropped", .uint(dropped)), ("waiting", .uint(waiting)),
            ] + report.members)
    }

    private var report: ComparisonReport {
        var report = ComparisonReport()
        report.comparison = comparison
        (report.present, report.candidate, report.end) = (beside, title, ended)
        (report.shownMax, report.listedMax) = (3, Self.keptMax)
        // The report of a run goes where logs go.
        report.showsContents = false
        return report
    }
}
