import PatchbayEvents
import PatchbayRuntime
import PatchbayTelemetry

/// What `patchbay replay --compare` says.
struct ComparisonReport {
    var comparison = Comparison()
    /// Names and versions.
    var present = ""
    var candidate = ""
    /// The state is as it was when the window began.
    var isPast = true
    var isInterrupted = false
    /// `crash` or `hang` when one of them ended the comparison early.
    var end: String?
    /// Differences that people are shown, and those that scripts are.
    var shownMax = 20
    var listedMax = 1_000
    /// People are shown what differs, not only where.
    var showsContents = true

    var exitCode: Int32 { comparison.isSame ? (isInterrupted ? Interruption.exitCode : 0) : 3 }

    func text(_ style: Style) -> String {
        let count = "\(UInt64(comparison.events).grouped) event\(comparison.events == 1 ? "" : "s")"
        var lines = ["\(count): \(present) against \(candidate)".printable]
        lines += table
        if !isPast {
            lines.append("  the log does not reach back to the state before the window: both began with today's state")
        }
        if isInterrupted { lines.append("  interrupted before the window's end") }
        if let end { lines.append(style.red("  ended early by a \(end)")) }
        guard !comparison.isSame else { return (lines + [style.green("no difference")]).joined(separator: "\n") }
        let parts = Comparison.Difference.Part.allCases.compactMap { part in
            comparison.parts[part].map { "\(part.rawValue) \(UInt64($0).grouped)" }
        }
        lines.append(
            style.red(
                "\(String.count(comparison.differing, "event")) with differences: \(parts.joined(separator: ", "))"))
        for difference in comparison.differences.prefix(shownMax) { lines.append("  \(line(difference))") }
        let more = comparison.differing - min(comparison.differences.count, shownMax)
        if more > 0 {
            lines.append("  and \(UInt64(more).grouped) more; --json lists up to \(UInt64(listedMax).grouped)")
        }
        return lines.joined(separator: "\n")
    }

    private var table: [String] {
        let (one, other) = (comparison.present, comparison.candidate)
        let outcomes = Set(one.outcomes.keys).union(other.outcomes.keys).sorted()
        var rows = [["", "present", "candidate"]]
        for outcome in outcomes {
            rows.append([
                outcome, UInt64(one.outcomes[outcome] ?? 0).grouped, UInt64(other.outcomes[outcome] ?? 0).grouped,
            ])
        }
        rows.append(["emitted", UInt64(one.emitted).grouped, UInt64(other.emitted).grouped])
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            rows.append([name, readableDuration(one.duration(share)), readableDuration(other.duration(share))])
        }
        let widths = (0..<3).map { column in rows.map(\.[column].count).max() ?? 0 }
        return rows.map { row in
            let padded = zip(row, widths).enumerated().map { column, cell in
                let fill = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + fill : fill + cell.0
            }
            return "  " + padded.joined(separator: "  ")
        }
    }

    private func line(_ difference: Comparison.Difference) -> String {
        let (one, other) = (difference.present, difference.candidate)
        let parts = difference.parts.map { part in
            switch part {
            case .result:
                "\(one.result) → \(other.result)"
                    + (other.reason.isEmpty || !showsContents ? "" : " \"\(other.reason)\"")
            case .emits: "emits\(text(one.emits, other.emits))"
            case .state: "state\(text(one.state, other.state))"
            case .timers: "timers\(text(one.timers, other.timers))"
            }
        }
        return "\(one.id) (\(one.source)): \(parts.joined(separator: "; "))".printable
    }

    /// How many, or, where these are equal, the first that differs.
    private func text(_ one: [Value], _ other: [Value]) -> String {
        guard one.count == other.count, let pair = zip(one, other).first(where: { $0 != $1 }) else {
            return " \(one.count) → \(other.count)"
        }
        return showsContents ? " \(Self.short(pair.0)) → \(Self.short(pair.1))" : ""
    }

    private static func short(_ value: Value) -> String {
        let text = String(decoding: value.json, as: UTF8.self)
        return text.count > 120 ? text.prefix(117) + "…" : text
    }

    var value: Value {
        .object(
            members + [("interrupted", .bool(isInterrupted)), ("stateOfWindow", .bool(isPast))])
    }

    /// What was compared, for scripts.
    var members: [(String, Value)] {
        func side(_ title: String, _ side: Comparison.Side) -> Value {
            .object([
                ("handler", .string(title)),
                (
                    "outcomes",
                    .object(side.outcomes.sorted { $0.key < $1.key }.map { ($0.key, .int(Int64($0.value))) })
                ),
                ("emitted", .int(Int64(side.emitted))), ("p50", .uint(side.duration(0.5))),
                ("p99", .uint(side.duration(0.99))),
            ])
        }
        var members: [(String, Value)] = [
            ("same", .bool(comparison.isSame)), ("events", .int(Int64(comparison.events))),
            ("present", side(present, comparison.present)), ("candidate", side(candidate, comparison.candidate)),
            ("differing", .int(Int64(comparison.differing))),
            (
                "differences",
                .list(
                    comparison.differences.map { difference in
                        .object([
                            ("id", .string(difference.present.id)), ("source", .string(difference.present.source)),
                            ("parts", .list(difference.parts.map { .string($0.rawValue) })),
                            ("present", difference.present.value), ("candidate", difference.candidate.value),
                        ])
                    })
            ),
        ]
        if let end { members.append(("ended", .string(end))) }
        return members
    }
}
