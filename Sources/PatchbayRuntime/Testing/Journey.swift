import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting

/// Says in a few lines what happened to events, attempt by attempt, with virtual times.
struct Journey {
    private let blueprint: Blueprint
    private let journal: Journal
    private let explainer: Explainer
    private static let eventsMax = 3
    private static let callsFirst = 8
    private static let callsLast = 3

    init(_ blueprint: Blueprint, _ journal: Journal, _ explainer: Explainer) {
        self.blueprint = blueprint
        self.journal = journal
        self.explainer = explainer
    }

    func lines(of events: [Int]) -> [String] {
        var lines = events.prefix(Self.eventsMax).flatMap(lines)
        if events.count > Self.eventsMax { lines.append("… and \(events.count - Self.eventsMax) more events") }
        let changes = journal.breakerChanges.prefix(20)
        if !changes.isEmpty { lines.append("circuit breakers") }
        lines += changes.map { row($0.at, "\($0.name): \($0.state.rawValue)") }
        if journal.breakerChanges.count > changes.count { lines.append("  … and more changes") }
        if !journal.notices.isEmpty { lines.append("lanes") }
        lines += journal.notices.prefix(10).map { row($0.at, $0.text) }
        return lines
    }

    private func row(_ at: UInt64, _ text: String) -> String {
        let time = "+" + VirtualTime.rounded(at)
        return "  " + time + String(repeating: " ", count: max(1, 12 - time.count)) + text
    }

    private func lines(of index: Int) -> [String] {
        let event = journal.events[index]
        var lines = ["event \(event.id) (\(event.type))"]
        let origin = event.cause.map { "emitted by \(handler($0))" } ?? "came in"
        if let refusal = event.refusal {
            lines.append(row(event.at, "\(origin), refused: \(refusal)"))
        } else if event.isDuplicate {
            lines.append(row(event.at, "\(origin), a duplicate: its routes have had it"))
        } else if event.deliveries.isEmpty {
            lines.append(row(event.at, "\(origin), no route takes it"))
        } else {
            var routes: [String] = []
            for delivery in event.deliveries {
                let name = blueprint.configuration.routes[journal.deliveries[delivery].route].name
                if routes.last != name { routes.append(name) }
            }
            lines.append(row(event.at, "\(origin), routed by \(routes.joined(separator: ", "))"))
        }
        if event.isUnmatched, event.deadLetter == nil || event.refusal == nil { lines += explanation(of: event) }
        return lines + event.deliveries.flatMap(delivery)
    }

    private func explanation(of event: Journal.Arrival) -> [String] {
        do throws(CloudEventsError) {
            let routing = try explainer.explain(event.json[...]).routing
            return routing.routes.flatMap { $0.text.split(separator: "\n").map { "    \($0)" } }
        } catch {
            return []
        }
    }

    private func handler(_ delivery: Int) -> String { blueprint.lanes[journal.deliveries[delivery].lane].handler }

    private func delivery(_ index: Int) -> [String] {
        let delivery = journal.deliveries[index]
        let name = handler(index)
        var lines: [String] = []
        let all = delivery.calls.first + delivery.calls.last
        let first = all.prefix(all.count <= Self.callsFirst + Self.callsLast ? all.count : Self.callsFirst)
        lines += first.map { row($0.startedAt, "\(name) \(text($0))") }
        let last = all.dropFirst(first.count).suffix(Self.callsLast)
        let hidden = delivery.calls.count - first.count - last.count
        if hidden > 0 { lines.append("  … \(hidden) more calls of \(name)") }
        lines += last.map { row($0.startedAt, "\(name) \(text($0))") }
        switch delivery.outcome {
        case .dead:
            let reason = delivery.deadLetter?["dlqreason"] ?? ""
            let kind = delivery.deadLetter?["dlqclass"] ?? ""
            lines.append(row(delivery.endedAt, "\(name) dead letter, class \(kind): \(reason)"))
        case .pending: lines.append("  \(name) is pending at the end")
        case .done, .skipped: break
        }
        return lines
    }

    private func text(_ call: Journal.Call) -> String {
        let taken = call.endedAt - call.startedAt
        let time = taken > 0 ? " after \(VirtualTime.rounded(taken))" : ""
        let start = "attempt \(call.number)"
        let what = call.isLate ? "timed out\(time)" : call.outcome.rawValue + time
        let reason = call.reason.isEmpty || call.outcome == .ok ? "" : " (\(call.reason))"
        switch call.verdict {
        case .finished: return "\(start) \(call.outcome == .skip ? "skipped" : "done")\(time)"
        case .retries: return "\(start) \(what)\(reason), next in \(VirtualTime.rounded(call.retryDelay))"
        case .goesBack: return "\(start) \(what)\(reason), not charged, next in \(VirtualTime.rounded(call.retryDelay))"
        case .dies: return "\(start) \(what)\(reason), given up"
        case .halts: return "\(start) \(what)\(reason), the lane halts"
        }
    }
}
