import PatchbayEvents
import PatchbayRouting
import Testing

/// Random tables and events through the compiled matcher, through `explain`, and through a naive model.
@Suite struct RoutingModelTests {
    /// An event as the model sees it.
    private struct Sample {
        var type: String
        var attributes: [String: String]
        var amount: Int?

        var json: String {
            let members =
                attributes.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
                + [#""data":{\#(amount.map { "\"amount\":\($0)" } ?? "")}"#]
            return event(type, members.joined(separator: ","))
        }
    }

    /// A filter and what it means; `nil` is an error.
    private struct Piece {
        var filter: RouteFilter
        var holds: (Sample) -> Bool?
    }

    private struct Rule {
        var route: Route
        var pattern: String?
        var filters: [Piece]
        var match: ((Sample) -> Bool?)?
        /// Of each target the handlers that may get the event, with their conditions; the first that holds does.
        var targets: [[(handler: UInt16, holds: ((Sample) -> Bool?)?)]]
    }

    @Test(arguments: UInt64(1)...30)
    func `compiled, explained and modelled routes agree`(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var rules: [Rule] = []
        let harness = try Harness { compiler in
            rules = try (0..<dice.below(12)).map { try rule($0, &dice, compiler) }
            return rules.map(\.route)
        }
        for step in 0..<120 {
            let sample = sample(&dice)
            let slots = try harness.slots(sample.json)
            let deliveries = harness.route(slots).map { [$0.route, $0.lane] }
            let explanation = harness.table.explain(slots)
            let explained = explanation.routes.flatMap { route in
                route.targets.filter(\.delivers).map { [UInt16(route.route), UInt16($0.lane ?? -1)] }
            }
            let expected = modelled(rules, sample)
            check(deliveries == expected, "seed \(seed), step \(step): \(sample.json)")
            check(explained == expected, "seed \(seed), step \(step): explain \(sample.json)")
            check(explanation.isUnmatched == expected.isEmpty, "seed \(seed), step \(step)")
            for route in explanation.routes where route.verdict == .failed || route.verdict == .notMatched {
                check(!route.checks.isEmpty, "seed \(seed), step \(step): no reason for \(route.name)")
            }
        }
    }

    private func modelled(_ rules: [Rule], _ sample: Sample) -> [[UInt16]] {
        var result: [[UInt16]] = []
        var delivered: Set<UInt16> = []
        let order = rules.indices.sorted { (rules[$0].route.order, $0) < (rules[$1].route.order, $1) }
        for index in order {
            let rule = rules[index]
            guard rule.pattern.map({ takes($0, sample.type) }) ?? true else { continue }
            guard all(rule.filters.map { $0.holds(sample) }) == true else { continue }
            if let match = rule.match, match(sample) != true { continue }
            let chosen = rule.targets.compactMap { entries in
                entries.first { entry in entry.holds.map { $0(sample) == true } ?? true }?.handler
            }
            if chosen.isEmpty { continue }
            for handler in chosen where delivered.insert(handler).inserted {
                result.append([UInt16(index), handler])
            }
            if rule.route.isFinal { break }
        }
        return result
    }

    private func takes(_ pattern: String, _ type: String) -> Bool {
        let tokens = pattern.split(separator: ".")
        let parts = type.split(separator: ".")
        if tokens.last == "**" {
            return parts.count >= tokens.count
                && zip(tokens.dropLast(), parts).allSatisfy { $0 == "*" || $0 == $1 }
        }
        return tokens.count == parts.count && zip(tokens, parts).allSatisfy { $0 == "*" || $0 == $1 }
    }

    private func all(_ verdicts: [Bool?]) -> Bool? {
        verdicts.contains(false) ? false : verdicts.contains(nil) ? nil : true
    }

    private func rule(_ index: Int, _ dice: inout Dice, _ compiler: Harness.Compiler) throws -> Rule {
        let pattern = dice.below(3) == 0 ? nil : dice.pick(["a.*", "a.b", "**", "*.b.**", "a.**", "b", "*.*.c"])
        let filters = try (0..<dice.below(3)).map { _ in try piece(&dice, compiler, depth: 0) }
        let bound = dice.below(10)
        var targets: [[(handler: UInt16, holds: ((Sample) -> Bool?)?)]] = []
        var routeTargets: [RouteTarget] = []
        for _ in 0...dice.below(3) {
            let (target, entries) = try self.target(&dice, compiler)
            routeTargets.append(target)
            targets.append(entries)
        }
        let hasMatch = dice.below(2) == 0
        let route = Route(
            name: "r\(index)", order: dice.below(3), type: try pattern.map { try TypePattern($0) },
            filters: filters.map(\.filter),
            match: hasMatch ? try compiler.expression("event.data.amount > \(bound)") : nil,
            targets: routeTargets, isFinal: dice.below(6) == 0)
        return Rule(
            route: route, pattern: pattern, filters: filters,
            match: hasMatch ? { $0.amount.map { $0 > bound } } : nil, targets: targets)
    }

    /// A handler, or a choice of up to three entries of which each may have a condition; nothing is behind the first
    /// that has none.
    private func target(
        _ dice: inout Dice, _ compiler: Harness.Compiler
    ) throws -> (RouteTarget, [(handler: UInt16, holds: ((Sample) -> Bool?)?)]) {
        let single = UInt16(dice.below(6))
        if dice.below(2) == 0 { return (handler(single), [(single, nil)]) }
        var choices: [RouteChoice] = []
        var entries: [(handler: UInt16, holds: ((Sample) -> Bool?)?)] = []
        for _ in 0...dice.below(3) {
            let (index, bound) = (UInt16(dice.below(6)), dice.below(10))
            let isLast = dice.below(4) == 0
            let match = isLast ? nil : try compiler.expression("event.data.amount > \(bound)")
            let entry = RouteHandler(name: "h\(index)", handler: index, lane: index)
            choices.append(RouteChoice(entry, weight: 1, match: match))
            entries.append((index, isLast ? nil : { $0.amount.map { $0 > bound } }))
            if isLast { break }
        }
        return (.oneOf(choices), entries)
    }

    private func piece(_ dice: inout Dice, _ compiler: Harness.Compiler, depth: Int) throws -> Piece {
        let choice = dice.below(depth < 3 ? 7 : 4)
        switch choice {
        case 0, 1, 2:
            let texts = (0...dice.below(2)).map { _ in (dice.pick(["subject", "tenant"]), dice.pick(["e", "eu", "u"])) }
            let attributes = texts.map { RouteAttribute($0.0, $0.1) }
            let compare: (String, String) -> Bool =
                choice == 0 ? { $0 == $1 } : choice == 1 ? { $0.hasPrefix($1) } : { $0.hasSuffix($1) }
            return Piece(
                filter: choice == 0 ? .exact(attributes) : choice == 1 ? .prefix(attributes) : .suffix(attributes)
            ) { sample in
                texts.allSatisfy { name, text in sample.attributes[name].map { compare($0, text) } ?? false }
            }
        case 3:
            let bound = dice.below(10)
            return Piece(filter: .cel(try compiler.expression("event.data.amount < \(bound)"))) { sample in
                sample.amount.map { $0 < bound }
            }
        case 4:
            let inner = try piece(&dice, compiler, depth: depth + 1)
            return Piece(filter: .not(inner.filter)) { sample in inner.holds(sample).map { !$0 } }
        default:
            let inner = try (0...dice.below(2)).map { _ in try piece(&dice, compiler, depth: depth + 1) }
            if choice == 5 {
                return Piece(filter: .all(inner.map(\.filter))) { sample in all(inner.map { $0.holds(sample) }) }
            }
            return Piece(filter: .any(inner.map(\.filter))) { sample in
                all(inner.map { piece in piece.holds(sample).map { !$0 } }).map { !$0 }
            }
        }
    }

    private func sample(_ dice: inout Dice) -> Sample {
        var attributes: [String: String] = [:]
        for name in ["subject", "tenant"] where dice.below(3) > 0 {
            attributes[name] = dice.pick(["e", "eu", "u", "us"])
        }
        return Sample(
            type: dice.pick(["a", "a.b", "a.b.c", "b", "x.b.c", "a.c"]), attributes: attributes,
            amount: dice.below(3) == 0 ? nil : dice.below(10))
    }
}
