import PatchbayConfiguration
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import PatchbayRuntime
import PatchbayTelemetry

/// Writes what became of an event of the log, and what today's configuration makes of it.
struct ExplanationHistory {
    private enum Today {
        case explained(Explainer.Explanation, drift: RoutingDrift?)
        case refused(String)
    }

    let history: EventHistory
    let blueprint: Blueprint
    let style: Style
    private let folder: String
    private let process: Int32?
    private let today: Today
    /// Unix nanoseconds.
    private let now: UInt64

    init(_ history: EventHistory, from events: StoredEvents, _ blueprint: Blueprint, style: Style, now: UInt64) {
        self.history = history
        self.blueprint = blueprint
        self.style = style
        self.now = now
        folder = events.folder
        process = events.host
        do {
            let explanation = try Explainer(blueprint).explain(history.line[...])
            let drift = RoutingDrift(
                history, explanation.routing, unmatched: blueprint.configuration.unmatched)
            today = .explained(explanation, drift: drift)
        } catch {
            today = .refused(error.message)
        }
    }

    // MARK: Text

    /// For people.
    var text: String {
        let event = history.event
        let count = history.deliveries.count
        var lines = [
            "\(style.bold(event.type.printable)) (id \(event.id.printable), source \(event.source.printable)): position "
                + "\(history.position), \(count == 1 ? "1 delivery" : "\(count) deliveries") recorded",
            "  accepted  \(accepted)",
            "  log       \(folder.printable), "
                + (process.map { "read beside process \($0), which runs on it" } ?? "read offline: no host runs on it"),
        ]
        if let replay = event[ReplayMark.attribute] {
            let muted = event[ReplayMark.muted] == "true" ? ", muted: its handlers' calls had no effects" : ""
            lines.append(
                "  replay    \(replay.printable)\(event["causationid"] == nil ? " accepted it anew" : " brought it forth")\(muted)"
            )
        }
        if history.deliveries.isEmpty { lines.append("  no route took it when it was accepted") }
        for delivery in history.deliveries {
            lines.append(headline(delivery))
            lines += steps(delivery).map { "    \($0)" }
        }
        lines.append("")
        switch today {
        case .refused(let reason):
            lines.append("\(style.red("today's configuration would refuse it:")) \(reason.printable)")
        case .explained(let explanation, let drift):
            lines += difference(drift)
            lines += ["", ExplanationReport(blueprint, style: style).text(explanation)]
        }
        return lines.joined(separator: "\n")
    }

    private var accepted: String {
        var text = readableTimestamp(history.acceptedAt)
        if history.acceptedAt > history.receivedAt, history.receivedAt > 0 {
            text += ", \(readableDuration(history.acceptedAt - history.receivedAt)) after it was read"
        }
        if let trace = history.trace { text += ", trace \(trace)" }
        guard let configuration = history.configuration else { return text + "; its deliveries were decided then" }
        let isToday = configuration == EffectiveConfiguration(blueprint.configuration).fingerprint
        return text + "; its deliveries were decided then, by "
            + (isToday ? "this configuration" : "configuration \(configuration), which is not this one")
    }

    private func headline(_ delivery: DeliveryHistory) -> String {
        let name =
            delivery.handler.isEmpty
            ? "no handler, no route took it"
            : "\(delivery.handler), \(delivery.isRedriven ? "redriven from route" : "route") \(delivery.route)"
        let state =
            switch delivery.state {
            case .waiting: "pending, no attempt has ended"
            case .retrying(let due):
                "pending, attempt \(attempts(delivery) + 1) is due \(readableTimestamp(due)) (\(relative(due)))"
            case .halted: "pending, its lane has stopped (onFailure: halt)"
            case .done(let attempts): "done after \(String.count(Int(attempts), "attempt"))"
            case .skipped(let attempts): "skipped after \(String.count(Int(attempts), "attempt"))"
            case .dead(let letter): "dead letter \(letter)"
            case .closed: "closed by an operator"
            }
        let line = "\(name.printable): \(state)"
        switch delivery.state {
        case .done, .skipped: return style.green("✓ \(line)")
        case .dead: return style.red("✗ \(line)")
        case .closed: return "  \(line)"
        case .waiting, .retrying, .halted: return style.yellow("… \(line)")
        }
    }

    /// Of the failures in a row at its end.
    private func attempts(_ delivery: DeliveryHistory) -> UInt32 {
        if case .failed(let attempt) = delivery.steps.last { return attempt.number }
        return 0
    }

    private func relative(_ due: UInt64) -> String {
        due > now ? "in \(readableDuration(due - now))" : "\(readableDuration(now - due)) ago"
    }

    /// What happened, in columns.
    private func steps(_ delivery: DeliveryHistory) -> [String] {
        let rows = delivery.steps.map(row)
        let label = rows.map(\.label.count).max() ?? 0
        let took = rows.map(\.took.count).max() ?? 0
        return rows.map { row in
            func padded(_ text: String, _ width: Int) -> String {
                text + String(repeating: " ", count: width - text.count)
            }
            return "\(padded(row.label, label))  \(style.dim(row.time))  \(padded(row.took, took))"
                + (took > 0 ? "  " : "") + row.about
        }
    }

    private func row(_ step: DeliveryHistory.Step) -> (label: String, time: String, took: String, about: String) {
        switch step {
        case .failed(let attempt):
            let next =
                switch attempt.verdict {
                case .retries: "again after \(readableDuration(attempt.delay))"
                case .dead: "given up"
                case .halts: "its lane stops"
                }
            return (
                "attempt \(attempt.number)", readableTimestamp(attempt.endedAt), readableDuration(attempt.duration),
                "\(shown(attempt.failureClass, attempt.reason)); \(next)"
            )
        case .ended(let kind, let attempts, let time):
            return (kind == .done ? "done" : "skipped", readableTimestamp(time), "", "by attempt \(attempts)")
        case .died(let death):
            return ("dead", readableTimestamp(death.at), "", shown(death.failureClass, death.reason))
        case .operated(let operation):
            let isAnew = operation.kind == .redirect || operation.target == nil ? ", as a new event" : ""
            let target = operation.kind.isRedrive ? " to \(operation.target ?? "its handler")\(isAnew)" : ""
            return (
                operation.kind.isRedrive ? "redrive" : "\(operation.kind)", readableTimestamp(operation.at), "",
                "dead letter \(operation.letter) by \(operation.who)\(target)".printable
            )
        }
    }

    private func shown(_ failureClass: String, _ reason: String) -> String {
        // Many a reason names its class itself.
        let text =
            reason.isEmpty ? failureClass : reason.hasPrefix("\(failureClass):") ? reason : "\(failureClass): \(reason)"
        return clean(text).printable
            .replacing("\n", with: " ")
    }

    private func clean(_ text: String) -> String { blueprint.configuration.secrets.redacted(text) }

    private func difference(_ drift: RoutingDrift?) -> [String] {
        guard let drift else { return ["a handler's timer brought it: routes did not decide"] }
        guard !drift.changes.isEmpty else { return ["today's configuration decides the same:"] }
        return [style.yellow("today's configuration decides differently:")]
            + drift.changes.map { change in
                switch change {
                case .gone(let handler, let route):
                    style.red("  - \(target(handler, route)), recorded, would not be delivered")
                case .added(let handler, let route):
                    style.green("  + \(target(handler, route)), not recorded, would be delivered")
                case .moved(let handler, let from, let to):
                    style.yellow("  ~ \(handler.printable), by route \(to.printable) instead of \(from.printable)")
                }
            }
    }

    private func target(_ handler: String, _ route: String) -> String {
        handler.isEmpty ? "dead letter, because no route takes it" : "\(handler), route \(route)".printable
    }

    // MARK: JSON

    /// For scripts; the keys are in `--help`.
    var value: Value {
        let event = history.event
        var log: [(String, Value)] = [("path", .string(folder))]
        if let process { log.append(("process", .int(Int64(process)))) }
        var members: [(String, Value)] = [
            ("id", .string(event.id)), ("source", .string(event.source)), ("type", .string(event.type)),
            ("position", .int(Int64(clamping: history.position))), ("receivedAt", time(history.receivedAt)),
            ("acceptedAt", time(history.acceptedAt)),
        ]
        if let trace = history.trace { members.append(("trace", .string(trace))) }
        if let configuration = history.configuration { members.append(("configuration", .string(configuration))) }
        if let replay = event[ReplayMark.attribute] { members.append(("replay", .string(replay))) }
        members += [
            ("log", .object(log)), ("deliveries", .list(history.deliveries.map { $0.value(clean) })),
            ("today", todayValue),
        ]
        return .object(members)
    }

    private var todayValue: Value {
        switch today {
        case .refused(let reason): return .object([("refused", .string(reason))])
        case .explained(let explanation, let drift):
            var members: [(String, Value)] = []
            if let drift {
                members = [
                    ("same", .bool(drift.changes.isEmpty)), ("changes", .list(drift.changes.map(\.value))),
                ]
            }
            let report = ExplanationReport(blueprint, style: style)
            return .object(members + [("explanation", report.value(explanation, line: nil))])
        }
    }

    private func time(_ unixNanoseconds: UInt64) -> Value { .string(readableTimestamp(unixNanoseconds)) }
}
