extension Configuration {
    /// Where the written values of a configuration stand.
    package struct Origins: Sendable, Equatable {
        package struct Origin: Sendable, Equatable {
            package var location: SourceLocation
            /// The value holds a secret and is never printed.
            package var isSecret: Bool
            /// The value came through `${…}`.
            package var isInterpolated: Bool

            package init(location: SourceLocation, isSecret: Bool = false, isInterpolated: Bool = false) {
                self.location = location
                self.isSecret = isSecret
                self.isInterpolated = isInterpolated
            }
        }

        private var places: [String: Origin] = [:]

        package init() {}

        /// `nil` for a default, which stands nowhere.
        package subscript(path: String) -> Origin? {
            get { places[path] }
            set { places[path] = newValue }
        }

        /// The origin of `path` or, when it has none, of the nearest value around it.
        package func nearest(to path: String) -> Origin? {
            var path = path[...]
            while true {
                if let found = places[String(path)] { return found }
                guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
                path = path[..<end]
            }
        }
    }
}
