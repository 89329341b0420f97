import PatchbayEvents
import PatchbayLog
import PatchbayRuntime
import PatchbayTelemetry

extension DeliveryHistory {
    /// For scripts. `clean` takes secrets out of what handlers said.
    func value(_ clean: (String) -> String) -> Value {
        var members: [(String, Value)] = [
            ("handler", .string(handler)), ("route", .string(route)), ("redriven", .bool(isRedriven)),
        ]
        switch state {
        case .waiting: members.append(("state", .string("waiting")))
        case .retrying(let due):
            members += [("state", .string("retrying")), ("dueAt", .string(readableTimestamp(due)))]
        case .halted: members.append(("state", .string("halted")))
        case .done(let attempts): members += [("state", .string("done")), ("attempts", .int(Int64(attempts)))]
        case .skipped(let attempts): members += [("state", .string("skipped")), ("attempts", .int(Int64(attempts)))]
        case .dead(let letter): members += [("state", .string("dead")), ("deadLetter", .string("\(letter)"))]
        case .closed: members.append(("state", .string("closed")))
        }
        return .object(members + [("history", .list(steps.map { $0.value(clean) }))])
    }
}

extension DeliveryHistory.Step {
    fileprivate func value(_ clean: (String) -> String) -> Value {
        switch self {
        case .failed(let attempt): return attempt.value(clean)
        case .ended(let kind, let attempts, let time):
            return .step(kind == .done ? "done" : "skipped", at: time, [("attempts", .int(Int64(attempts)))])
        case .died(let death):
            return .step(
                "dead", at: death.at,
                [
                    ("letter", .string("\(death.letter)")), ("class", .string(clean(death.failureClass))),
                    ("reason", .string(clean(death.reason))),
                ])
        case .operated(let operation):
            var members: [(String, Value)] = [
                ("letter", .string("\(operation.letter)")), ("who", .string(operation.who)),
            ]
            if let target = operation.target { members.append(("target", .string(target))) }
            return .step("\(operation.kind)", at: operation.at, members)
        }
    }
}

extension DeliveryHistory.FailedAttempt {
    fileprivate func value(_ clean: (String) -> String) -> Value {
        let next =
            switch verdict {
            case .retries: "retry"
            case .dead: "dead"
            case .halts: "halt"
            }
        var members: [(String, Value)] = [
            ("attempt", .int(Int64(number))), ("startedAt", .string(readableTimestamp(startedAt))),
            ("milliseconds", .double(Double(duration) / 1e6)), ("class", .string(clean(failureClass))),
            ("code", .int(Int64(code))), ("reason", .string(clean(reason))), ("next", .string(next)),
        ]
        if verdict == .retries {
            members += [
                ("dueAt", .string(readableTimestamp(due))), ("delayMilliseconds", .double(Double(delay) / 1e6)),
            ]
        }
        return .step("failed", at: endedAt, members)
    }
}

extension RoutingDrift.Change {
    /// For scripts.
    var value: Value {
        switch self {
        case .gone(let handler, let route):
            .object([("change", .string("gone")), ("handler", .string(handler)), ("before", .string(route))])
        case .added(let handler, let route):
            .object([("change", .string("added")), ("handler", .string(handler)), ("route", .string(route))])
        case .moved(let handler, let from, let to):
            .object([
                ("change", .string("moved")), ("handler", .string(handler)), ("route", .string(to)),
                ("before", .string(from)),
            ])
        }
    }
}

extension Value {
    fileprivate static func step(_ what: String, at time: UInt64, _ members: [(String, Value)]) -> Value {
        .object([("what", .string(what)), ("at", .string(readableTimestamp(time)))] + members)
    }
}
