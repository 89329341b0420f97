package import PatchbayEvents
import PatchbayExpressions

/// The slow way through the table, with reasons; agrees with `RouteMatcher` delivery by delivery.
extension RouteTable {
    /// - Parameter slots: the event's fields, decoded with the table's plan.
    package func explain(_ slots: FieldSlots) -> RoutingExplanation {
        var explanation = RoutingExplanation(eventType: slots[typeSlot].shown ?? "", routes: [])
        var delivered: [UInt16: String] = [:]
        var finalRoute: String?
        for index in patterns.indices {
            let record = compiled.records[index]
            let route = routes[Int(record.route)]
            var explained = RouteExplanation(
                route: Int(record.route), name: route.name, order: route.order, verdict: .matched,
                priority: Int(route.priority))
            let (verdict, checks, choices) = decide(record, route, slots)
            if let finalRoute {
                explained.verdict = .notTried(after: finalRoute)
                explained.wouldMatch = verdict == .yes
            } else {
                explained.checks = checks
                explained.verdict = verdict == .yes ? .matched : verdict == .no ? .notMatched : .failed
            }
            if explained.verdict == .matched {
                explained.orderingKey = self.key(record.orderingKey, route.orderingKey, of: route, slots)
                explained.rateKey = self.key(record.rateKey, route.rateKey, of: route, slots)
                explained.targets = targets(of: route, choices, explained.orderingKey, &delivered)
                explained.isFinal = route.isFinal
                if route.isFinal { finalRoute = route.name }
            }
            explanation.routes.append(explained)
        }
        return explanation
    }

    /// A key with its value, as the matcher sees it.
    private func key(_ number: Int32, _ key: RouteKey?, of route: Route, _ slots: FieldSlots) -> KeyExplanation? {
        guard let key else { return nil }
        var explained = ExplainedFields(slots, of: route).shown(key)
        if compiled.hash(key: number, slots, seed: seed) == 0 { explained.value = nil }
        return explained
    }

    /// What failed in a route's filters or conditions.
    func errorText(of record: RouteRecord, _ slots: FieldSlots) -> String? {
        let (_, checks, choices) = decide(record, routes[Int(record.route)], slots)
        for check in checks + choices.flatMap(\.checks) {
            if case .failed(let reason) = check.outcome { return "\(check.place): \(reason)" }
        }
        return nil
    }

    /// The whole of it: where nobody gets anything, the conditions of its choices are what decided.
    private func decide(
        _ record: RouteRecord, _ route: Route, _ slots: FieldSlots
    ) -> (verdict: Match, checks: [RouteCheck], choices: [ExplainedChoice]) {
        let fields = ExplainedFields(slots, of: route)
        let (verdict, checks) = decide(route, fields)
        guard verdict == .yes else { return (verdict, checks, []) }
        let choices = choices(of: record, route, fields)
        guard choices.allSatisfy({ $0.entry == nil }) else { return (.yes, checks, choices) }
        let own = choices.flatMap(\.checks)
        return (choices.lazy.compactMap(\.failure).first ?? .no, own, choices)
    }

    private func decide(_ route: Route, _ fields: ExplainedFields) -> (verdict: Match, checks: [RouteCheck]) {
        var checks: [RouteCheck] = []
        if let pattern = route.type {
            let matches = pattern.matches(fields[typeSlot].text)
            let check = RouteCheck(
                place: "type", expected: pattern.text, actual: fields[typeSlot].shown,
                outcome: matches ? .holds : .doesNotHold)
            if !matches { return (.no, [check]) }
            checks.append(check)
        }
        let filters = combine(route.filters, "filters", fields, decisive: .no, otherwise: .yes)
        if filters.verdict != .yes { return filters }
        checks += filters.checks
        guard let match = route.match else { return (.yes, checks) }
        let (verdict, own) = decide(
            match.source, match.matches(fields.slots), fields.shown(match.explain(fields.slots)), "match")
        return verdict == .yes ? (.yes, checks + own) : (verdict, own)
    }

    private func decide(
        _ filter: RouteFilter, _ place: String, _ fields: ExplainedFields
    ) -> (verdict: Match, checks: [RouteCheck]) {
        switch filter {
        case .exact(let attributes):
            return decide(attributes, "\(place).exact", fields) { $0 == $1 }
        case .prefix(let attributes):
            return decide(attributes, "\(place).prefix", fields) { $0.starts(with: $1) }
        case .suffix(let attributes):
            return decide(attributes, "\(place).suffix", fields) { $0.reversed().starts(with: $1.reversed()) }
        case .all(let filters): return combine(filters, "\(place).all", fields, decisive: .no, otherwise: .yes)
        case .any(let filters): return combine(filters, "\(place).any", fields, decisive: .yes, otherwise: .no)
        case .not(let filter):
            let (verdict, checks) = decide(filter, "\(place).not", fields)
            return (verdict == .yes ? .no : verdict == .no ? .yes : verdict, checks)
        case .cel(let expression):
            let shown = fields.shown(expression.explain(fields.slots))
            return decide(expression.source, expression.matches(fields.slots), shown, "\(place).cel")
        case .cesql(let query, let key):
            let shown = fields.shown(query.explain(fields.slots))
            return decide(query.source, query.matches(fields.slots), shown, "\(place).\(key)")
        }
    }

    /// What decides comes alone; otherwise errors come alone; otherwise everything counts.
    private func combine(
        _ filters: [RouteFilter], _ place: String, _ fields: ExplainedFields, decisive: Match, otherwise: Match
    ) -> (verdict: Match, checks: [RouteCheck]) {
        var failed: (verdict: Match, checks: [RouteCheck])?
        var checks: [RouteCheck] = []
        for (index, filter) in filters.enumerated() {
            let decided = decide(filter, "\(place)[\(index)]", fields)
            if decided.verdict == decisive { return decided }
            if decided.verdict != otherwise, failed == nil { failed = decided }
            checks += decided.checks
        }
        return failed ?? (otherwise, checks)
    }

    private func decide(
        _ attributes: [RouteAttribute], _ place: String, _ fields: ExplainedFields,
        holds: (ArraySlice<UInt8>, ArraySlice<UInt8>) -> Bool
    ) -> (verdict: Match, checks: [RouteCheck]) {
        var checks: [RouteCheck] = []
        for attribute in attributes {
            let bytes = attributeSlots[attribute.name].flatMap { fields[$0].attributeBytes }
            let isSame = bytes.map { holds($0[...], Array(attribute.text.utf8)[...]) } ?? false
            let check = RouteCheck(
                place: "\(place).\(attribute.name)", expected: attribute.text,
                actual: bytes.map { fields.shown(String(decoding: $0, as: UTF8.self), at: attribute.name) },
                outcome: isSame ? .holds : .doesNotHold)
            if !isSame { return (.no, [check]) }
            checks.append(check)
        }
        return (.yes, checks)
    }

    func decide(
        _ source: String, _ verdict: Match, _ decision: RouteCheck.Decision, _ place: String
    ) -> (verdict: Match, checks: [RouteCheck]) {
        var check = RouteCheck(place: place, expected: source, actual: nil, outcome: .holds, decision: decision)
        switch verdict {
        case .yes: check.actual = decision.text
        case .no:
            check.actual = decision.text
            check.outcome = .doesNotHold
        case .error: check.outcome = .failed(decision.text)
        }
        return (verdict, [check])
    }
}
