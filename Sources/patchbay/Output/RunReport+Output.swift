import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime
import PatchbayTelemetry

extension RunReport {
    /// For people: what came in, what became of it, what is left.
    var text: String {
        var lines: [String] = []
        let counts = status.counts
        var events =
            "events      \(received.grouped) received = \(accepted.grouped) accepted + \(refused.grouped) refused"
        if duplicate > 0 { events += " + \(duplicate.grouped) duplicate" }
        if let emits, emits.accepted > 0 { events += "; \(emits.accepted.grouped) emitted by handlers" }
        if dropped > 0 { events += "; \(dropped.grouped) dropped: no route takes them" }
        lines.append(events)
        lines.append(
            "deliveries  \(counts.created.grouped) created = \(counts.done.grouped) done + "
                + "\(counts.skipped.grouped) skipped + \(counts.dead.grouped) dead + \(counts.pending.grouped) pending"
                + (counts.retries > 0 ? "; \(Self.count(counts.retries, "retry", "retries"))" : ""))
        let width = lanes.map(\.name.count).max() ?? 0
        for lane in lanes where lane.counts.created > 0 {
            let padding = String(repeating: " ", count: width - lane.name.count)
            var line = "  \(lane.name)\(padding)  \(lane.counts.done.grouped) done"
            if lane.counts.retries > 0 { line += ", \(Self.count(lane.counts.retries, "retry", "retries"))" }
            if lane.counts.skipped > 0 { line += ", \(lane.counts.skipped.grouped) skipped" }
            if lane.counts.dead > 0 { line += ", \(lane.counts.dead.grouped) dead" }
            if let limit = lane.limit { line += "; limit \(limit) found" }
            lines.append(line)
        }
        if spans.recorded > 0 {
            lines.append(
                "spans       \(spans.recorded.grouped) recorded, \(spans.exported.grouped) exported"
                    + (spans.dropped + spans.refused > 0 ? ", \((spans.dropped + spans.refused).grouped) lost" : ""))
        }
        if dead > 0 {
            let unwritten = dead - min(dead, deadLettersWritten)
            let lost = unwritten > 0 ? ", but \(unwritten.grouped) could not be written there" : ""
            lines.append("dead        \(dead.grouped), in \(deadLetterPath)\(lost)")
        }
        if let log {
            var line = "log         \(log.path): \(log.pending.grouped) deliveries pending"
            if log.resumed > 0 { line += "; \(log.resumed.grouped) were taken over from an earlier run" }
            if log.orphaned > 0 { line += "; \(log.orphaned.grouped) wait for handlers that are not configured" }
            lines.append(line)
        }
        if let pendingWritten {
            lines.append(
                "pending     \(pendingWritten.count), "
                    + (pendingWritten.path.isEmpty ? "which could not be written" : "in \(pendingWritten.path)"))
        }
        if versions.changes + versions.refused > 0 {
            var line = "modules     \(Self.count(versions.changes, "change", "changes")) of version"
            if versions.rollbacks > 0 { line += ", \(versions.rollbacks.grouped) of them taken back" }
            if versions.refused > 0 { line += "; \(versions.refused.grouped) refused" }
            lines.append(line)
        }
        if reloads.done + reloads.refused > 0 {
            let refused = reloads.refused > 0 ? "; \(reloads.refused.grouped) refused, see the log" : ""
            lines.append("reloads     \(reloads.done.grouped)\(refused)")
        }
        for shadow in shadows { lines.append(shadow.text) }
        for entry in misbehaviour {
            lines.append("misbehaved  \(entry.handler): \(entry.kind), \(Self.count(entry.count, "time", "times"))")
        }
        if let recording {
            let cut =
                recording.cut > 0 ? "; the end of \(Self.count(UInt64(recording.cut), "call", "calls")) is missing" : ""
            lines.append(
                "recorded    \(Self.count(UInt64(recording.calls), "call", "calls")), \(UInt64(recording.bytes).grouped) bytes\(cut)"
            )
        }
        for problem in problems { lines.append("problem     \(problem)") }
        if end == "stuck" {
            lines.append(
                "stuck       what is pending waits behind calls that never ended, in lanes that have stopped, or for a disk; see the log"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func count(_ number: UInt64, _ one: String, _ many: String) -> String {
        "\(number.grouped) \(number == 1 ? one : many)"
    }

    /// For scripts.
    var value: Value {
        let counts = status.counts
        func source(_ source: Source) -> Value {
            .object([
                ("name", .string(source.name)), ("received", .uint(source.received)),
                ("refused", .uint(source.refused)), ("accepted", .uint(source.accepted)),
                ("dropped", .uint(source.dropped)), ("duplicate", .uint(source.duplicate)),
            ])
        }
        var members: [(String, Value)] = [
            ("end", .string(end)), ("exitCode", .int(Int64(exitCode))),
            (
                "events",
                .object([
                    ("received", .uint(received)), ("refused", .uint(refused)), ("accepted", .uint(accepted)),
                    ("duplicate", .uint(duplicate)), ("emitted", .uint(emits?.accepted ?? 0)),
                    ("dropped", .uint(dropped)),
                    ("unmatchedDead", .uint(status.unmatched.dead)),
                    ("unmatchedPending", .uint(status.unmatched.pending)),
                ])
            ),
            ("deliveries", deliveries(counts)),
            ("sources", .list(sources.map(source))),
            (
                "handlers",
                .list(
                    lanes.map { lane in
                        .object(
                            [("name", .string(lane.name)), ("deliveries", deliveries(lane.counts))]
                                + (lane.limit.map { [("limit", .int(Int64($0)))] } ?? []))
                    })
            ),
            (
                "spans",
                .object([
                    ("recorded", .uint(spans.recorded)), ("exported", .uint(spans.exported)),
                    ("dropped", .uint(spans.dropped)), ("refused", .uint(spans.refused)),
                ])
            ),
            ("deadLetters", .object([("written", .uint(deadLettersWritten)), ("path", .string(deadLetterPath))])),
            ("residentBytesEnd", .uint(residentBytes)), ("residentBytesPeak", .uint(residentBytesPeak)),
            (
                "modules",
                .object([
                    ("changes", .uint(versions.changes)), ("refused", .uint(versions.refused)),
                    ("rollbacks", .uint(versions.rollbacks)), ("unused", .int(Int64(versions.unused))),
                    ("unusedBytes", .uint(versions.unusedBytes)),
                ])
            ),
            ("reloads", .object([("done", .uint(reloads.done)), ("refused", .uint(reloads.refused))])),
            ("problems", .list(problems.map { .string($0) })),
            (
                "misbehaviour",
                .list(
                    misbehaviour.map {
                        .object([
                            ("handler", .string($0.handler)), ("kind", .string($0.kind)), ("count", .uint($0.count)),
                        ])
                    })
            ),
        ]
        if !shadows.isEmpty { members.append(("shadows", .list(shadows.map(\.value)))) }
        if let recording {
            members.append(
                (
                    "recording",
                    .object([
                        ("calls", .int(Int64(recording.calls))), ("bytes", .int(Int64(recording.bytes))),
                        ("cut", .int(Int64(recording.cut))),
                    ])
                ))
        }
        if let metrics, !metrics.metrics.isEmpty {
            do {
                members.append(("metrics", try JSONReader().value(Array(metrics.json.utf8))))
            } catch {
                preconditionFailure("metrics are no JSON: \(error)")
            }
        }
        if let log {
            members.append(
                (
                    "log",
                    .object([
                        ("path", .string(log.path)), ("resumed", .uint(log.resumed)), ("pending", .uint(log.pending)),
                        ("orphaned", .uint(log.orphaned)), ("expired", .uint(log.expired)),
                    ])
                ))
        }
        if let pendingWritten {
            members.append(
                (
                    "pending",
                    .object([("count", .int(Int64(pendingWritten.count))), ("path", .string(pendingWritten.path))])
                ))
        }
        return .object(members)
    }

    private func deliveries(_ counts: DispatchCounts) -> Value {
        .object([
            ("created", .uint(counts.created)), ("done", .uint(counts.done)), ("skipped", .uint(counts.skipped)),
            ("dead", .uint(counts.dead)), ("pending", .uint(counts.pending)), ("retries", .uint(counts.retries)),
        ])
    }
}
