/// Looks through a valid configuration for what cannot have the effect that it was written for.
package struct Linter {
    let configuration: Configuration
    let facts: (String) -> HandlerFacts?
    private(set) var warnings: [ConfigurationWarning] = []

    /// - Parameter handlers: what is known of a handler by its name; `nil` for the unknown, about which less is said.
    /// - Returns: sorted by place; without secrets.
    package static func warnings(
        in configuration: Configuration, handlers: @escaping (String) -> HandlerFacts? = { _ in nil }
    ) -> [ConfigurationWarning] {
        var linter = Linter(configuration: configuration, facts: handlers)
        linter.lintRoutes()
        linter.lintInlineShadows()
        linter.lintRetries()
        linter.lintBudgets()
        linter.lintBreakers()
        linter.lintUnusedPolicies()
        linter.lintBulkheads()
        linter.lintSecrets()
        return linter.warnings.enumerated().sorted { left, right in
            let (a, b) = (left.element.location, right.element.location)
            return (a.file, a.line, a.column, left.offset) < (b.file, b.line, b.column, right.offset)
        }.map(\.element)
    }

    private init(configuration: Configuration, facts: @escaping (String) -> HandlerFacts?) {
        self.configuration = configuration
        self.facts = facts
    }

    /// Adds a warning at the first of `paths` that the file has, or else at `fallback`.
    mutating func warn(
        _ code: ConfigurationWarning.Code, _ message: String, reason: String, remedy: String, at paths: [String],
        or fallback: SourceLocation = .none
    ) {
        let path = paths.first { configuration.origins[$0] != nil } ?? paths.first ?? ""
        let location = configuration.origins[path]?.location ?? fallback
        func redact(_ text: String) -> String { configuration.secrets.redacted(text) }
        warnings.append(
            ConfigurationWarning(
                code: code, message: redact(message), reason: redact(reason), remedy: redact(remedy),
                location: location, path: redact(path)))
    }

    /// Whether the file itself says something at `path`.
    func isWritten(_ path: String) -> Bool { configuration.origins[path] != nil }

    /// A route by name and line, for messages.
    func named(_ route: Configuration.Route) -> String { "route '\(route.name)' (line \(route.location.line))" }

    /// The routes' indices in the order in which they are tried.
    var tried: [Int] {
        configuration.routes.indices.sorted {
            (configuration.routes[$0].order, $0) < (configuration.routes[$1].order, $1)
        }
    }
}
