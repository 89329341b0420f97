extension Configuration {
    /// A handler that is tried with events of a route: without effects, and beside the handler that gets them.
    package struct Shadow: Sendable, Equatable {
        /// Of a module.
        package var handler: HandlerReference
        /// Of 10,000 ordering keys, or events without one, so many are tried.
        package var sample = 10_000
        /// The handler of the route whose calls it is compared with; `nil` where the route has only one.
        package var beside: HandlerReference?

        /// `10%`.
        package var sampleText: String { ShareText.format(sample) }

        package init(handler: HandlerReference) { self.handler = handler }
    }
}

extension Configuration.Route {
    /// The handler that a shadow of the route is compared with; `nil` when nothing says which one of several.
    package func besides(_ shadow: Configuration.Shadow) -> Configuration.HandlerReference? {
        let all = to.flatMap(\.handlers)
        guard let beside = shadow.beside else { return Set(all.map(\.name)).count == 1 ? all.first : nil }
        return all.first { $0.name == beside.name }
    }
}
