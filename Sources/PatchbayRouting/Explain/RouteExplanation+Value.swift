package import PatchbayEvents

extension RoutingExplanation {
    /// For machines: a map that is JSON as it stands.
    package var value: Value {
        .object([
            ("type", .string(eventType)), ("unmatched", .bool(isUnmatched)), ("deliveries", .int(Int64(deliveryCount))),
            ("routes", .list(routes.map(\.json))),
        ])
    }
}

extension RouteExplanation {
    fileprivate var json: Value {
        let (verdict, after): (String, String?) =
            switch self.verdict {
            case .matched: ("matched", nil)
            case .notMatched: ("notMatched", nil)
            case .failed: ("failed", nil)
            case .notTried(let route): ("notTried", route)
            }
        return .object([
            ("name", .string(name)), ("order", .int(Int64(order))), ("verdict", .string(verdict)),
            ("after", after.map(Value.string)), ("wouldMatch", wouldMatch.map(Value.bool)), ("final", .bool(isFinal)),
            ("priority", .int(Int64(priority))), ("checks", .list(checks.map(\.json))),
            ("orderingKey", orderingKey.map(\.json)), ("rateLimitKey", rateKey.map(\.json)),
            ("transform", transform.map(\.json)),
            ("targets", .list(targets.map(\.json))),
            ("shadows", shadows.isEmpty ? nil : .list(shadows.map(\.json))),
        ])
    }
}

extension RouteExplanation.Shadow {
    fileprivate var json: Value {
        .object([
            ("handler", .string(handler)), ("sample", .string(sample)), ("beside", .string(beside)),
        ])
    }
}

extension TransformExplanation {
    fileprivate var json: Value {
        switch self {
        case .failed(let reason): return .object([("error", .string(reason))])
        case .event(let text):
            do {
                return .object([("event", try JSONReader(nesting: 1_000).value(Array(text.utf8)))])
            } catch {
                return .object([("event", .string(text))])
            }
        }
    }
}

extension RouteCheck {
    fileprivate var json: Value {
        let (outcome, reason): (String, String?) =
            switch self.outcome {
            case .holds: ("holds", nil)
            case .doesNotHold: ("doesNotHold", nil)
            case .failed(let reason): ("failed", reason)
            }
        return .object([
            ("place", .string(place)), ("expected", .string(expected)), ("actual", actual.map(Value.string)),
            ("outcome", .string(outcome)), ("reason", reason.map(Value.string)), ("decided", decision.map(\.json)),
        ])
    }
}

extension RouteCheck.Decision {
    fileprivate var json: Value {
        let operands = operands.map { operand in
            Value.object([("expression", .string(operand.expression)), ("value", .string(operand.value))])
        }
        return .object([
            ("expression", .string(expression)), ("outcome", .string(outcome)), ("operands", .list(operands)),
        ])
    }
}

extension KeyExplanation {
    fileprivate var json: Value {
        .object([("expression", .string(expression)), ("value", value.map(Value.string))])
    }
}

extension TargetExplanation {
    fileprivate var json: Value {
        let choices = choices.map { choice in
            Value.object([("handler", .string(choice.handler)), ("weight", .int(Int64(choice.weight)))])
        }
        return .object([
            ("handler", handler.map(Value.string)), ("lane", lane.map { .int(Int64($0)) }),
            ("duplicate", .bool(isDuplicate)), ("givenBy", givenBy.map(Value.string)),
            ("conditions", conditions.isEmpty ? nil : .list(conditions.map(\.json))),
            ("oneOf", choices.isEmpty ? nil : .list(choices)),
            ("chosenBy", chosenBy.map(\.json)),
        ])
    }
}

extension Value {
    /// A map with these names; what is `nil` is left out.
    fileprivate static func object(_ entries: [(String, Value?)]) -> Value {
        .map(Map(entries.compactMap { name, value in value.map { (.string(name), $0) } }))
    }
}
