/// A configuration that was read but whose handlers are not yet known to exist.
///
/// Modules are found by what the file says, so reading comes first; `validated(handlers:)` then reports the errors of
/// both steps together.
package struct ConfigurationDraft: Sendable {
    /// Usable for finding modules even when there are errors: wrong values are left at their defaults.
    package internal(set) var configuration: Configuration
    /// Sorted by place; without secrets.
    package private(set) var errors: [ConfigurationError]

    init(configuration: Configuration, errors: [ConfigurationError]) {
        self.configuration = configuration
        // What an alias repeats is wrong once.
        var seen: Set<[String]> = []
        self.errors = errors.map(configuration.secrets.redacted)
            .filter { seen.insert(["\($0.location)", $0.message]).inserted }.sortedByPlace()
    }

    /// Adds what another part of the host found wrong, as a module's schema does with its `config`.
    package mutating func add(_ error: ConfigurationError) {
        errors = (errors + [configuration.secrets.redacted(error)]).sortedByPlace()
    }

    /// The place of the value at `path`, or of the nearest one around it: `modules.load[0].config.db`.
    package func location(of path: String) -> SourceLocation? { configuration.origins.nearest(to: path)?.location }

    /// The configuration, when nothing is wrong with it and `handlers` knows every handler that routes name.
    ///
    /// The host's own handlers are known here and not asked for.
    package func validated(handlers: (String) -> HandlerLookup) throws(ConfigurationErrors) -> Configuration {
        let unknown =
            HandlerCheck.errors(in: configuration, handlers: handlers) + ShadowCheck.errors(in: configuration)
        let found = errors + unknown.map(configuration.secrets.redacted)
        guard found.isEmpty else { throw ConfigurationErrors(found) }
        return configuration
    }
}
