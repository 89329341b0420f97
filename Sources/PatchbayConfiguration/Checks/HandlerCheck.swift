/// Handlers that routes name and nothing provides.
enum HandlerCheck {
    static func errors(
        in configuration: Configuration, handlers: (String) -> HandlerLookup
    ) -> [ConfigurationError] {
        configuration.routes.enumerated().flatMap { index, route in
            let receivers = route.to.enumerated().flatMap { target, entry -> [ConfigurationError] in
                let path = "routes[\(index)].to[\(target)]"
                switch entry {
                case .handler(let reference):
                    return error(reference, "\(path).handler", configuration, handlers).map { [$0] } ?? []
                case .oneOf(let choices):
                    return choices.enumerated().compactMap { choice, weighted in
                        error(weighted.handler, "\(path).oneOf[\(choice)].handler", configuration, handlers)
                    }
                }
            }
            let shadows = route.shadow.enumerated().compactMap { number, shadow in
                error(shadow.handler, "routes[\(index)].shadow[\(number)].handler", configuration, handlers)
            }
            return receivers + shadows
        }
    }

    private static let builtins = Configuration.Load.Builtin.allCases.filter { !$0.needsConfiguration }
        .map { "builtin.\($0.rawValue)" }

    private static func functions(_ configuration: Configuration) -> [String] {
        configuration.modules.functions.map { "functions.\($0.name)" }
    }

    private static func isProvided(
        _ reference: Configuration.HandlerReference, _ configuration: Configuration,
        _ handlers: (String) -> HandlerLookup
    ) -> Bool {
        if reference.module == "builtin" { return builtins.contains(reference.name) }
        if reference.module == "functions" { return functions(configuration).contains(reference.name) }
        let load = configuration.modules.load.first { $0.name == reference.module }
        if let builtin = load?.builtin { return reference.handler == builtin.rawValue }
        return handlers(reference.name) == .found
    }

    private static func error(
        _ reference: Configuration.HandlerReference, _ path: String, _ configuration: Configuration,
        _ handlers: (String) -> HandlerLookup
    ) -> ConfigurationError? {
        func failure(
            _ code: ConfigurationError.Code, _ message: String, _ accepted: [String] = [], remedy: String? = nil
        ) -> ConfigurationError {
            ConfigurationError(
                code: code, message: message, location: reference.location, path: path, accepted: accepted,
                remedy: remedy)
        }
        // Cut at the dot, a secret would not be recognised.
        guard configuration.origins[path]?.isSecret != true else {
            return isProvided(reference, configuration, handlers)
                ? nil : failure(.unresolved, "nothing provides the handler that the secret names")
        }
        let name = reference.name
        if reference.module == "builtin" {
            if builtins.contains(name) { return nil }
            if Configuration.Load.Builtin(rawValue: reference.handler) != nil {
                return failure(
                    .unresolved, "'\(name)' has to be told what to do", builtins,
                    remedy:
                        "name it under modules.load, such as {name: mine, builtin: \(reference.handler), config: {…}}, "
                        + "and route to mine.\(reference.handler)")
            }
            return failure(
                .unresolved, "no handler is named '\(name)'\(Suggestion.text(for: name, among: builtins))", builtins)
        }
        if reference.module == "functions" {
            let functions = functions(configuration)
            if functions.contains(name) { return nil }
            return failure(
                .unresolved, "no function is named '\(name)'\(Suggestion.text(for: name, among: functions))", functions,
                remedy: "name it under modules.functions")
        }
        if let load = configuration.modules.load.first(where: { $0.name == reference.module }),
            let builtin = load.builtin
        {
            if reference.handler == builtin.rawValue { return nil }
            return failure(
                .unresolved, "no handler is named '\(name)': '\(load.name)' is the host's '\(builtin.rawValue)'",
                ["\(load.name).\(builtin.rawValue)"])
        }
        switch handlers(name) {
        case .found: return nil
        case .unknown(let candidates):
            let all = candidates.sorted() + functions(configuration) + builtins
            let suggestion = Suggestion.text(for: name, among: all)
            let remedy = "put its module into \(configuration.modules.directory), or name it under modules.load"
            return failure(.unresolved, "no handler is named '\(name)'\(suggestion)", all, remedy: remedy)
        case .noVersion(let reason, let accepted):
            return failure(.unresolved, "'\(name)' is no handler: \(reason)", accepted)
        case .rejected(let reason, let remedy):
            return failure(.unresolved, "the module of '\(name)' was refused: \(reason)", remedy: remedy)
        }
    }
}
