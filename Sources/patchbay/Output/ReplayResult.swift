import PatchbayDispatch
import PatchbayEvents
import PatchbayRuntime

/// What `patchbay replay` says at its end.
struct ReplayResult {
    let order: ReplayOrder
    var progress = ReplayProgress()
    var isDryRun = false
    /// A running host delivers.
    var isOnline = false
    /// Of the host that this command ran.
    var report: RunReport?

    init(order: ReplayOrder) { self.order = order }

    var exitCode: Int32 {
        if let report, !report.problems.isEmpty { return report.exitCode }
        return progress.isAtEnd ? report?.exitCode ?? 0 : Interruption.exitCode
    }

    var text: String {
        let counts = progress.counts
        let what =
            "\(Self.count(counts.events, "event")) in \(Self.count(counts.deliveries, "delivery", "deliveries"))"
        var lines = [
            isDryRun
                ? "\(what) would be replayed; nothing was changed"
                : "\(what) replayed as \(order.id)\(isOnline ? ": the running host delivers them" : "")"
        ]
        if !progress.isAtEnd { lines[0] = "interrupted: \(lines[0])" }
        if let counts = report?.status.counts {
            lines.append(
                "  \(counts.done.grouped) done, \(counts.skipped.grouped) skipped, \(counts.dead.grouped) dead, "
                    + "\(counts.pending.grouped) pending")
        }
        if counts.copies > 0 {
            lines.append("  left out: \(Self.count(counts.copies, "copy", "copies")) that replays or redrives made")
        }
        if counts.emitted > 0 {
            lines.append(
                "  left out: \(Self.count(counts.emitted, "emitted event")), which their handlers emit again")
        }
        if counts.orphaned > 0 {
            lines.append(
                "  left out: \(Self.count(counts.orphaned, "delivery", "deliveries")) to handlers that are not there "
                    + "any more")
        }
        for problem in report?.problems ?? [] { lines.append("  problem: \(problem)") }
        return lines.joined(separator: "\n")
    }

    var value: Value {
        let counts = progress.counts
        var members: [(String, Value)] = [
            ("replay", .string(order.id)), ("dryRun", .bool(isDryRun)), ("host", .bool(isOnline)),
            ("interrupted", .bool(!progress.isAtEnd)), ("muted", .bool(order.isMuted)),
            ("events", .uint(counts.events)), ("deliveries", .uint(counts.deliveries)),
            (
                "leftOut",
                .object([
                    ("copies", .uint(counts.copies)), ("emitted", .uint(counts.emitted)),
                    ("orphaned", .uint(counts.orphaned)),
                ])
            ),
        ]
        if let report { members.append(("run", report.value)) }
        return .object(members)
    }

    private static func count(_ number: UInt64, _ noun: String, _ plural: String? = nil) -> String {
        "\(number.grouped) \(number == 1 ? noun : plural ?? "\(noun)s")"
    }
}
