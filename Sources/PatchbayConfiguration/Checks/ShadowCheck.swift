/// Shadows that cannot be compared with anything, or that have effects which nobody can hold back.
enum ShadowCheck {
    static func errors(in configuration: Configuration) -> [ConfigurationError] {
        configuration.routes.enumerated().flatMap { index, route in
            var seen: Set<[String]> = []
            return route.shadow.enumerated().flatMap { number, shadow -> [ConfigurationError] in
                let path = "routes[\(index)].shadow[\(number)]"
                let found = [problem(of: shadow, path, configuration), beside(shadow, of: route, path, configuration)]
                let isNew = seen.insert([shadow.handler.name, route.besides(shadow)?.name ?? ""]).inserted
                guard found.allSatisfy({ $0 == nil }), !isNew else { return found.compactMap(\.self) }
                return [
                    ConfigurationError(
                        code: .duplicateName, message: "the route has this shadow already",
                        location: shadow.handler.location, path: "\(path).handler", remedy: "remove one of the two")
                ]
            }
        }
    }

    /// A handler of the host acts on the world beyond what the host could hold back.
    private static func problem(
        of shadow: Configuration.Shadow, _ path: String, _ configuration: Configuration
    ) -> ConfigurationError? {
        let module = shadow.handler.module
        let isOwn =
            module == "builtin" || module == "functions"
            || configuration.modules.load.contains { $0.name == module && $0.builtin != nil }
        guard isOwn else { return nil }
        return ConfigurationError(
            code: .impossible, message: "a shadow is a module's handler, and this one is the host's own",
            location: shadow.handler.location, path: "\(path).handler", remedy: "name a handler of a module")
    }

    private static func beside(
        _ shadow: Configuration.Shadow, of route: Configuration.Route, _ path: String, _ configuration: Configuration
    ) -> ConfigurationError? {
        guard route.besides(shadow) == nil else { return nil }
        var names: [String] = []
        for handler in route.to.flatMap(\.handlers) where !names.contains(handler.name) { names.append(handler.name) }
        guard let beside = shadow.beside else {
            return ConfigurationError(
                code: .impossible,
                message: "the route has several handlers, and nothing says which one to compare with",
                location: shadow.handler.location, path: path, accepted: names,
                remedy: "say it with 'beside', as in beside: \(names.first ?? "billing.charge")")
        }
        return ConfigurationError(
            code: .unresolved, message: "the route does not deliver to '\(beside.name)'", location: beside.location,
            path: "\(path).beside", accepted: names)
    }
}
