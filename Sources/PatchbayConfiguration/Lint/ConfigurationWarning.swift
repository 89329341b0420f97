/// Something in a valid configuration that cannot have the effect that it was written for.
package struct ConfigurationWarning: Sendable, Equatable, CustomStringConvertible {
    /// What kind of thing it is; open-ended, later versions add codes.
    package struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
        package var description: String { rawValue }

        /// No event gets to the route, or none matches it.
        package static let unreachableRoute = Code(rawValue: "unreachableRoute")
        /// An earlier route has already given every such event to the handler.
        package static let shadowedRoute = Code(rawValue: "shadowedRoute")
        /// An entry of `oneOf` that no event gets to.
        package static let unreachableChoice = Code(rawValue: "unreachableChoice")
        /// A handler that is only tried can end the host.
        package static let shadowInline = Code(rawValue: "shadowInline")
        /// Attempts and waits take longer than the delivery has.
        package static let retryBeyondTotal = Code(rawValue: "retryBeyondTotal")
        /// After an attempt that times out there is no time for another one.
        package static let attemptTakesTotal = Code(rawValue: "attemptTakesTotal")
        /// The retry budget never holds a retry back.
        package static let budgetNeverActs = Code(rawValue: "budgetNeverActs")
        package static let breakerNeverTrips = Code(rawValue: "breakerNeverTrips")
        package static let unusedPolicy = Code(rawValue: "unusedPolicy")
        /// Every event is dropped.
        package static let everythingDropped = Code(rawValue: "everythingDropped")
        /// The bulkhead allows more than the handler does.
        package static let bulkheadBeyondHandler = Code(rawValue: "bulkheadBeyondHandler")
        /// A password, token or key stands in the file.
        package static let plainSecret = Code(rawValue: "plainSecret")
    }

    package var code: Code
    /// One line, without place and without secrets.
    package var message: String
    /// Why that is so.
    package var reason: String
    /// What to do about it.
    package var remedy: String
    package var location: SourceLocation
    /// Where in the tree, such as `routes[0].to[1].handler`.
    package var path: String

    /// `file:line:column: warning: message [code]`, then indented lines for reason and remedy.
    package var description: String {
        "\(location): warning: \(message) [\(code)]\n    reason: \(reason)\n    remedy: \(remedy)"
    }
}

/// What a linter may know of a handler from its module's manifest.
package struct HandlerFacts: Sendable, Equatable {
    /// Calls at once that the module allows; 0 is unlimited.
    package var concurrency: Int

    package init(concurrency: Int) { self.concurrency = concurrency }
}
