import PatchbayRouting

extension Linter {
    /// Routes that no event gets to, deliveries that an earlier route has made, and files that drop everything.
    mutating func lintRoutes() {
        let routes = configuration.routes
        if routes.isEmpty, configuration.unmatched == .drop {
            warn(
                .everythingDropped, "every event is dropped", reason: "there are no routes, and 'unmatched' is drop",
                remedy: "add a route, or choose unmatched: deadLetter", at: ["unmatched"])
        }
        let covers = routes.map(RouteCover.init)
        let order = tried
        for (position, index) in order.enumerated() {
            let earlier = order[..<position].filter {
                covers[$0].neverMatches == nil && covers[$0].covers(covers[index])
            }
            if let problem = covers[index].neverMatches {
                warn(
                    .unreachableRoute, "no event matches route '\(routes[index].name)'", reason: problem,
                    remedy: "correct its type, filters and match, or remove the route", at: ["routes[\(index)].name"],
                    or: routes[index].location)
            } else if let last = earlier.first(where: { routes[$0].final }) {
                warn(
                    .unreachableRoute, "no event gets to route '\(routes[index].name)'",
                    reason:
                        "\(named(routes[last])) is tried first, matches every event that this one matches, and is final",
                    remedy:
                        "give this route a lower 'order' than \(routes[last].order), or make the other one narrower",
                    at: ["routes[\(index)].name"], or: routes[index].location)
            } else {
                lintShadows(of: index, earlier)
            }
        }
    }

    /// Deliveries of a route that are never made, for its handler has every such event from one of the `earlier` ones
    /// already, or from an entry before.
    private mutating func lintShadows(of index: Int, _ earlier: [Int]) {
        let route = configuration.routes[index]
        var given: [String: String] = [:]
        for other in earlier {
            for case .handler(let handler) in configuration.routes[other].to where given[handler.name] == nil {
                given[handler.name] = "\(named(configuration.routes[other])) matches every event that this one matches,"
            }
        }
        for (position, target) in route.to.enumerated() {
            let path = "routes[\(index)].to[\(position)]"
            switch target {
            case .handler(let handler):
                shadow(handler, in: route, given, at: "\(path).handler")
                given[handler.name] = given[handler.name] ?? "an entry before this one names it,"
            case .oneOf(let choices):
                let order = ChoiceOrder(of: choices)
                for choice in order.asked + order.sharing {
                    shadow(choices[choice].handler, in: route, given, at: "\(path).oneOf[\(choice)].handler")
                }
                lintChoices(choices, order, of: route, at: "\(path).oneOf")
            }
        }
    }

    /// Shadows whose crash would end the host.
    mutating func lintInlineShadows() {
        for (index, route) in configuration.routes.enumerated() {
            for (number, shadow) in route.shadow.enumerated() {
                let module = shadow.handler.module
                guard configuration.modules.load.first(where: { $0.name == module })?.isolation != .process else {
                    continue
                }
                warn(
                    .shadowInline, "a crash of '\(shadow.handler.name)', which is only tried, ends the host",
                    reason: "its module runs in the host's own process",
                    remedy: "give '\(module)' isolation: process under modules.load",
                    at: ["routes[\(index)].shadow[\(number)].handler"], or: shadow.handler.location)
            }
        }
    }

    /// Entries of a choice that no event gets to.
    private mutating func lintChoices(
        _ choices: [Configuration.Choice], _ order: ChoiceOrder, of route: Configuration.Route, at path: String
    ) {
        func found(_ index: Int, _ reason: String, _ remedy: String) {
            warn(
                .unreachableChoice, "no event of route '\(route.name)' gets to '\(choices[index].handler.name)' here",
                reason: reason, remedy: remedy,
                at: ["\(path)[\(index)].match", "\(path)[\(index)].handler"], or: choices[index].handler.location)
        }
        var asked: [String: Int] = [:]
        for index in order.asked {
            let condition = choices[index].match.text
            if condition == "false" {
                found(index, "its condition is false for every event", "correct it, or remove the entry")
            } else if let earlier = asked[condition] {
                found(
                    index, "'\(choices[earlier].handler.name)' before it has the same condition",
                    "correct it, or remove the entry")
            }
            asked[condition] = asked[condition] ?? index
        }
        for index in order.unreachable {
            found(
                index, "'\(choices[order.sharing[0]].handler.name)' before it has no condition, so it takes the rest",
                "put entries with a condition before those without")
        }
    }

    private mutating func shadow(
        _ handler: Configuration.HandlerReference, in route: Configuration.Route, _ given: [String: String],
        at path: String
    ) {
        guard let who = given[handler.name] else { return }
        warn(
            .shadowedRoute, "route '\(route.name)' never delivers to '\(handler.name)'",
            reason: "\(who) and a handler gets an event once, under the policies of the first",
            remedy: "remove this target, or give the narrower route the lower 'order'", at: [path],
            or: handler.location)
    }
}

extension ChoiceOrder {
    fileprivate init(of choices: [Configuration.Choice]) {
        self.init(choices.lazy.map { (hasCondition: !$0.match.isEmpty, weight: $0.weight) })
    }
}

extension Configuration.Target {
    /// Whether there are events of the route that nobody here gets.
    var mayChooseNobody: Bool {
        guard case .oneOf(let choices) = self else { return false }
        return ChoiceOrder(of: choices).sharing.isEmpty
    }
}
