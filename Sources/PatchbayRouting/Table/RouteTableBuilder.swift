import PatchbayEvents
import PatchbayExpressions

/// Flattens routes into records.
struct RouteTableBuilder {
    let plan: FieldPlan
    var targets: [TargetRecord] = []
    var choices: [ChoiceRecord] = []
    var filters: [FilterRecord] = []
    var conditions: [Expression] = []
    var queries: [SQLExpression] = []
    var keys: [RouteKey] = []
    var keyRecords: [KeyRecord] = []
    var keyFields: [Int32] = []
    var texts: [UInt8] = []
    var attributeSlots: [String: Int] = [:]
    /// Of each record, in the records' order.
    var requirements: [[Requirement]] = []
    var ranges: [[RangeRequirement]] = []

    init(plan: FieldPlan) { self.plan = plan }

    mutating func record(_ route: Route, index: Int) -> RouteRecord {
        let firstTarget = targets.count
        var hasChoice = false
        for target in route.targets {
            let entries = target.choices
            let order = ChoiceOrder(entries)
            hasChoice = hasChoice || order.sharing.count > 1
            targets.append(
                TargetRecord(
                    firstChoice: Int32(choices.count), conditionCount: Int32(order.asked.count),
                    sharingCount: Int32(order.sharing.count),
                    weightSum: order.sharing.reduce(0) { $0 + UInt64(entries[$1].weight) }))
            var sum: UInt64 = 0
            for index in order.asked + order.sharing {
                let entry = entries[index]
                if entry.match == nil { sum += UInt64(entry.weight) }
                choices.append(
                    ChoiceRecord(
                        handler: entry.handler.handler, lane: entry.handler.lane,
                        condition: entry.match.map { add($0) } ?? -1, weightBelow: sum))
            }
        }
        requirements.append(requirements(of: route))
        ranges.append(ranges(of: route))
        return RouteRecord(
            route: UInt16(index), priority: min(9, route.priority), isFinal: route.isFinal,
            filter: route.filters.isEmpty ? -1 : add(.all(route.filters)),
            condition: route.match.map { add($0) } ?? -1, orderingKey: route.orderingKey.map { add($0) } ?? -1,
            rateKey: route.rateKey.map { add($0) } ?? -1,
            deduplicationKey: route.deduplicationKey.map { add($0) } ?? -1, firstTarget: Int32(firstTarget),
            targetCount: Int32(targets.count - firstTarget), hasChoice: hasChoice)
    }

    /// What has to equal a text for the route to match. What a condition requires counts only where no filter can
    /// fail: that would be reported first.
    private func requirements(of route: Route) -> [Requirement] {
        let own = route.filters.flatMap(requirements)
        let mayFail = route.filters.contains(where: \.mayFail)
        return own + (mayFail ? [] : route.match.map(requirements) ?? [])
    }

    private func requirements(_ filter: RouteFilter) -> [Requirement] {
        switch filter {
        case .exact(let attributes):
            attributes.map {
                Requirement(slot: plan.slot(of: [$0.name]), text: Array($0.text.utf8), isFalseWhenAbsent: true)
            }
        case .all(let filters): filters.flatMap(requirements)
        case .cel(let condition): requirements(condition)
        case .prefix, .suffix, .any, .not, .cesql: []
        }
    }

    /// The same for numbers within a range. What a condition requires counts only where no filter can fail.
    private func ranges(of route: Route) -> [RangeRequirement] {
        guard let match = route.match, !route.filters.contains(where: \.mayFail) else { return [] }
        return match.requiredRanges.map { RangeRequirement(slot: $0, range: $1) }
    }

    private func requirements(_ condition: Expression) -> [Requirement] {
        condition.requiredTexts.map { slot, text in
            Requirement(slot: slot, text: Array(text.utf8), isFalseWhenAbsent: false)
        }
    }

    private mutating func add(_ condition: Expression) -> Int32 {
        conditions.append(condition)
        return Int32(conditions.count - 1)
    }

    private mutating func add(_ key: RouteKey) -> Int32 {
        keyRecords.append(
            KeyRecord(
                firstField: Int32(keyFields.count), fieldCount: Int32(key.fields.count), key: Int32(keys.count)))
        keyFields += key.fields
        keys.append(key)
        return Int32(keys.count - 1)
    }

    @discardableResult
    private mutating func add(_ filter: RouteFilter) -> Int32 {
        switch filter {
        case .exact(let attributes): return add(attributes, .exact)
        case .prefix(let attributes): return add(attributes, .prefix)
        case .suffix(let attributes): return add(attributes, .suffix)
        case .all(let children): return add(.all) { builder in for child in children { builder.add(child) } }
        case .any(let children): return add(.any) { builder in for child in children { builder.add(child) } }
        case .not(let child): return add(.not) { builder in builder.add(child) }
        case .cel(let condition):
            let index = add(condition)
            return add(.cel, index: index) { _ in }
        case .cesql(let query, _):
            queries.append(query)
            return add(.cesql, index: Int32(queries.count - 1)) { _ in }
        }
    }

    /// One comparison, or all of several.
    private mutating func add(_ attributes: [RouteAttribute], _ kind: FilterRecord.Kind) -> Int32 {
        if attributes.count != 1 {
            return add(.all) { builder in
                for attribute in attributes { _ = builder.add([attribute], kind) }
            }
        }
        let bytes = Array(attributes[0].text.utf8)
        let offset = texts.count
        texts += bytes
        let slot = plan.slot(of: [attributes[0].name])
        attributeSlots[attributes[0].name] = slot
        let index = add(kind, index: Int32(slot)) { _ in }
        filters[Int(index)].textOffset = Int32(offset)
        filters[Int(index)].textCount = Int32(bytes.count)
        return index
    }

    private mutating func add(
        _ kind: FilterRecord.Kind, index: Int32 = -1, children: (inout RouteTableBuilder) -> Void
    ) -> Int32 {
        let place = filters.count
        filters.append(FilterRecord(kind: kind, index: index, end: 0, textOffset: 0, textCount: 0, text: nil))
        children(&self)
        filters[place].end = Int32(filters.count)
        return Int32(place)
    }
}
