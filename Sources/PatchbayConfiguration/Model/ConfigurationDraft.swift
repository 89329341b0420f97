/// A configuration that was read but whose handlers are not yet known to exist.
///
/// Modules are found by what the file says, so reading comes first; `validated(handlers:)` then reports the errors of
/// both steps together.
package struct ConfigurationDraft: Sendable {
    /// Usable for finding modules even when there are errors: wrong values are left at their defaults.
    package internal(set) var configuration: Configuration
    /// Sorted by place.
    package internal(set) var errors: [ConfigurationError]

    init(configuration: Configuration, errors: [ConfigurationError]) {
        self.configuration = configuration
        self.errors = errors.sortedByPlace()
    }
}

/// What the module host knows about a handler's name.
package enum HandlerLookup: Sendable, Equatable {
    case found
    /// Nothing has this name; `candidates` are the names that there are.
    case unknown(candidates: [String])
    /// Its module was found and refused.
    case rejected(reason: String, remedy: String?)
}

/// What a configuration is read against.
package struct ConfigurationInputs: Sendable {
    package var environment: [String: String]
    /// The folder whose files are secrets, each named after its secret; `nil` when there is none.
    package var secretsDirectory: String?

    package init(environment: [String: String] = [:], secretsDirectory: String? = nil) {
        self.environment = environment
        self.secretsDirectory = secretsDirectory
    }
}
