extension RoutingExplanation {
    /// For people: one paragraph a route, without colour, lines without a trailing newline at the end.
    package var text: String {
        let matched = routes.count { $0.verdict == .matched }
        let summary =
            isUnmatched
            ? "no route of \(routes.count) matches"
            : "\(matched) of \(routes.count) routes, \(deliveryCount) \(deliveryCount == 1 ? "delivery" : "deliveries")"
        return (["\(eventType): \(summary)"] + routes.map(\.text)).joined(separator: "\n")
    }
}

extension RouteExplanation {
    /// A line with the verdict, and indented lines with what decided.
    package var text: String {
        var lines: [String]
        switch verdict {
        case .matched: lines = ["+ \(name): matches\(isFinal ? ", final: the search stops here" : "")"]
        case .notMatched: lines = ["- \(name): does not match"]
        case .failed: lines = ["! \(name): does not match, because it could not be evaluated"]
        case .notTried(let other):
            let otherwise = wouldMatch.map { $0 ? "; it would match" : "; it would not match" } ?? ""
            lines = ["  \(name): not tried, '\(other)' is final\(otherwise)"]
        }
        lines += checks.map { "    \($0.text)" }
        if let orderingKey {
            lines.append(
                "    ordering key \(orderingKey.expression): \(orderingKey.value ?? "none, so the event has no order")")
        }
        if let rateKey {
            lines.append(
                "    rate-limit key \(rateKey.expression): \(rateKey.value ?? "none, so it shares one limit")")
        }
        switch transform {
        case nil: break
        case .event(let json): lines.append("    handlers get \(json)")
        case .failed(let reason): lines.append("    no handler gets it, it becomes a dead letter: \(reason)")
        }
        for target in targets {
            lines.append("    → \(target.text)")
            lines += target.conditions.map { "        \($0.text)" }
        }
        for shadow in shadows {
            lines.append("    ⇢ \(shadow.sample) are tried with \(shadow.handler), beside \(shadow.beside)")
        }
        return lines.joined(separator: "\n")
    }
}

extension RouteCheck {
    /// One line.
    package var text: String {
        let verdict =
            switch outcome {
            case .holds: "holds"
            case .doesNotHold: "does not hold"
            case .failed: "failed"
            }
        guard let decision else {
            return "\(place) '\(expected)': \(verdict), the event has \(actual.map { "'\($0)'" } ?? "none")"
        }
        guard decision.expression == expected else { return "\(place) \(expected): \(verdict): \(decision.text)" }
        // The whole is not written twice.
        let failure = if case .failed = outcome { [decision.outcome] } else { [String]() }
        let parts = [verdict] + failure + (decision.operands.isEmpty ? [] : [decision.operandText])
        return "\(place) \(expected): \(parts.joined(separator: ": "))"
    }
}

extension RouteCheck.Decision {
    /// `event.data.amount > 1000 is false: event.data.amount = 250`.
    package var text: String {
        "\(expression) is \(outcome)" + (operands.isEmpty ? "" : ": \(operandText)")
    }

    fileprivate var operandText: String { operands.map { "\($0.expression) = \($0.value)" }.joined(separator: ", ") }
}

extension TargetExplanation {
    /// One line, without the conditions.
    package var text: String {
        guard let handler else { return "nobody: no condition holds" }
        let all = choices.reduce(0) { $0 + $1.weight }
        let shares = choices.map { "\($0.handler) \($0.weight)/\(all)" }.joined(separator: ", ")
        let key = chosenBy.map { "the ordering key \($0.value ?? "")" } ?? "source and id"
        return handler + (choices.isEmpty ? "" : " (one of \(shares), by \(key))")
            + (givenBy.map { " (has it already, from '\($0)')" } ?? "")
    }
}
