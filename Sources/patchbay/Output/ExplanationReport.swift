import PatchbayConfiguration
import PatchbayEvents
import PatchbayRouting
import PatchbayRuntime

/// Writes an event's routes, with the policies under which each delivers.
struct ExplanationReport {
    private let blueprint: Blueprint
    private let style: Style

    init(_ blueprint: Blueprint, style: Style) {
        self.blueprint = blueprint
        self.style = style
    }

    /// For people.
    func text(_ explanation: Explainer.Explanation) -> String {
        let routing = explanation.routing
        let configuration = blueprint.configuration
        let matched = routing.routes.count { $0.verdict == .matched }
        let event = explanation.event
        var lines = [
            "\(style.bold(event.type.printable)) (id \(event.id.printable), source \(event.source.printable)): "
                + "\(matched) of \(String.count(routing.routes.count, "route")), "
                + (routing.deliveryCount == 1 ? "1 delivery" : "\(routing.deliveryCount) deliveries")
        ]
        for route in routing.routes {
            lines.append(text(route))
            guard route.verdict == .matched else { continue }
            lines += policies(of: route).map { "    \($0)" }
        }
        if routing.isUnmatched {
            let place = configuration.origins["unmatched"].map { " (\($0.location.fileAndLine))" } ?? " (default)"
            lines.append("  no route takes it: unmatched is \(configuration.unmatched.rawValue)\(place), \(fate)")
        }
        return lines.joined(separator: "\n")
    }

    /// For scripts; the keys are in `--help`. `line` is where the input has the event.
    func value(_ explanation: Explainer.Explanation, line: Int?) -> Value {
        let routing = explanation.routing
        let event = explanation.event
        var members: [(String, Value)] = line.map { [("line", .int(Int64($0)))] } ?? []
        members += [
            ("id", .string(event.id)), ("source", .string(event.source)),
            ("routing", routing.value),
            (
                "delivers",
                .list(
                    routing.routes.flatMap { route in
                        route.targets.filter(\.delivers).compactMap { value($0, of: route) }
                    })
            ),
        ]
        if routing.isUnmatched {
            members.append(("unmatched", .string(blueprint.configuration.unmatched.rawValue)))
        }
        return .object(members)
    }

    // MARK: Private

    private var fate: String {
        switch blueprint.configuration.unmatched {
        case .drop: "so it is counted and dropped"
        case .deadLetter: "so it becomes a dead letter"
        case .error: "so its source refuses it"
        }
    }

    /// The route's own explanation, with its place and in the verdict's colour.
    private func text(_ route: RouteExplanation) -> String {
        let whole = route.text.printable
        let end = whole.firstIndex(of: "\n") ?? whole.endIndex
        let place = style.dim("(\(blueprint.configuration.routes[route.route].location.fileAndLine))")
        let first = String(whole[..<end])
        let coloured =
            switch route.verdict {
            case .matched: style.green(first)
            case .failed: style.red(first)
            default: first
            }
        return "\(coloured)  \(place)\(whole[end...])"
    }

    private func policies(of route: RouteExplanation) -> [String] {
        let settings = blueprint.configuration.routes[route.route]
        let effective = EffectivePolicies(settings, blueprint)
        let lanes = route.targets.filter(\.delivers).compactMap { $0.lane.map { blueprint.lanes[$0] } }
        guard let first = lanes.first else { return [] }
        let names = lanes.map(\.name).joined(separator: ", ")
        var lines = ["\(lanes.count == 1 ? "lane" : "lanes") \(names), priority \(settings.priority)"]
        var entries = effective.entries(lane: first)
        // Entries of a choice may have bulkheads of their own.
        var bulkheads: Set = [first.bulkhead]
        for lane in lanes where bulkheads.insert(lane.bulkhead).inserted {
            entries.append(effective.bulkhead(of: lane))
        }
        let width = entries.map(\.kind.count).max() ?? 0
        for entry in entries {
            let padding = String(repeating: " ", count: width - entry.kind.count)
            lines.append("\(entry.kind)\(padding)  \(entry.about.printable)  \(style.dim("(\(entry.place))"))")
        }
        return lines
    }

    /// `nil` for a target that delivers to nobody.
    private func value(_ target: TargetExplanation, of route: RouteExplanation) -> Value? {
        guard let handler = target.handler, let lane = target.lane.map({ blueprint.lanes[$0] }) else { return nil }
        let settings = blueprint.configuration.routes[route.route]
        let entries = EffectivePolicies(settings, blueprint).entries(lane: lane)
        return .object([
            ("handler", .string(handler)), ("lane", .string(lane.name)), ("route", .string(route.name)),
            ("at", .string(settings.location.fileAndLine)), ("priority", .int(Int64(settings.priority))),
            (
                "policies",
                .object(
                    entries.map { entry in
                        (
                            entry.kind,
                            .object([
                                ("name", .string(entry.name)), ("about", .string(entry.about)),
                                ("from", .string(entry.place)),
                            ])
                        )
                    })
            ),
        ])
    }
}
