import PatchbayEvents
import PatchbayExpressions

/// Whom a target of a route gives one event to.
struct ExplainedChoice {
    /// Index in the target's choices; `nil` is nobody.
    var entry: Int?
    /// Where others might have got it by weight: all that share.
    var sharing: [Int] = []
    /// The conditions that were asked.
    var checks: [RouteCheck] = []
    /// The first of them that has no value.
    var failure: Match?
}

/// Which entry of a choice gets an event, with reasons.
extension RouteTable {
    /// Of each target, in the route's order.
    func choices(of record: RouteRecord, _ route: Route, _ fields: ExplainedFields) -> [ExplainedChoice] {
        let chance = record.hasChoice ? compiled.chance(record, fields.slots) : 0
        return route.targets.enumerated().map { index, target in
            let entries = target.choices
            let order = ChoiceOrder(entries)
            let ownRecord = compiled.targets[Int(record.firstTarget) + index]
            var hasFailed = false
            let place = compiled.choice(ownRecord, chance: chance, fields.slots, hasFailed: &hasFailed)
                .map { $0 - Int(ownRecord.firstChoice) }
            let entry = place.map { (order.asked + order.sharing)[$0] }
            var choice = ExplainedChoice(entry: entry)
            // Those of weight 0 are shown where the others are.
            if let entry, entries[entry].match == nil {
                choice.sharing = entries.indices.filter {
                    entries[$0].match == nil && !order.unreachable.contains($0)
                }
            }
            for asked in order.asked.prefix((place ?? order.asked.count) + 1) {
                guard let match = entries[asked].match else { continue }
                let (verdict, checks) = decide(
                    match.source, match.matches(fields.slots), fields.shown(match.explain(fields.slots)),
                    "to[\(index)].oneOf[\(asked)].match")
                if verdict != .yes, verdict != .no { choice.failure = choice.failure ?? verdict }
                choice.checks += checks
            }
            return choice
        }
    }

    /// - Parameter delivered: who has the event, by which route; receives who gets it here.
    func targets(
        of route: Route, _ choices: [ExplainedChoice], _ key: KeyExplanation?, _ delivered: inout [UInt16: String]
    ) -> [TargetExplanation] {
        zip(route.targets, choices).map { target, choice in
            let entries = target.choices
            guard let handler = choice.entry.map({ entries[$0].handler }) else {
                return TargetExplanation(handler: nil, lane: nil, conditions: choice.checks)
            }
            let givenBy = delivered[handler.handler]
            if givenBy == nil { delivered[handler.handler] = route.name }
            let isShared = choice.sharing.count > 1
            return TargetExplanation(
                handler: handler.name, lane: Int(handler.lane), conditions: choice.checks,
                choices: isShared
                    ? choice.sharing.map { .init(handler: entries[$0].handler.name, weight: Int(entries[$0].weight)) }
                    : [],
                chosenBy: isShared && key?.value != nil ? key : nil, givenBy: givenBy)
        }
    }
}
