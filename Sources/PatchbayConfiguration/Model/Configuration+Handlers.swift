extension Configuration {
    /// Changes every name of a handler in the routes.
    mutating func changeHandlers(_ change: (inout HandlerReference) -> Void) {
        for route in routes.indices {
            for target in routes[route].to.indices {
                switch routes[route].to[target] {
                case .handler(var handler):
                    change(&handler)
                    routes[route].to[target] = .handler(handler)
                case .oneOf(var choices):
                    for choice in choices.indices { change(&choices[choice].handler) }
                    routes[route].to[target] = .oneOf(choices)
                }
            }
            for shadow in routes[route].shadow.indices {
                change(&routes[route].shadow[shadow].handler)
                guard var beside = routes[route].shadow[shadow].beside else { continue }
                change(&beside)
                routes[route].shadow[shadow].beside = beside
            }
        }
    }
}

extension ConfigurationDraft {
    /// Gives handlers that are named with a version, as `billing.charge@2`, the name that `meant` knows: that of the
    /// instance which has the version. What it knows none for is refused when the configuration is validated.
    package mutating func resolveVersions(_ meant: (HandlerVersion) -> String?) {
        configuration.changeHandlers { handler in
            if let version = HandlerVersion(handler.name), let name = meant(version) { handler.name = name }
        }
    }
}

/// A handler with its version, as routes name it: `billing.charge@2`.
package struct HandlerVersion: Sendable, Equatable {
    /// The name of an instance, or of its module.
    package let module: String
    package let handler: String
    /// The first components of a version, or all of it.
    package let version: String

    /// `nil` for a name without a version.
    package init?(_ name: String) {
        let reference = Configuration.HandlerReference(name: name, location: .none)
        guard let version = reference.version else { return nil }
        (module, self.version) = (reference.module, version)
        handler = String(reference.handler.prefix { $0 != "@" })
    }

    /// Whether a version is meant: `2` means `2` and `2.1.0`, and not `20.0.0`.
    package func means(_ other: String) -> Bool { other == version || other.hasPrefix("\(version).") }
}
