/// Why a route cannot be compiled; configuration adds file, line and column.
package struct RoutingError: Error, Sendable, Equatable {
    /// Open-ended: later versions may add codes.
    package struct Code: Sendable, Hashable, RawRepresentable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// A type pattern that is not one.
        package static let pattern = Code(rawValue: "pattern")
        /// A route without a receiver, or a choice without a weight.
        package static let targets = Code(rawValue: "targets")
        /// More routes, handlers or lanes than a delivery can name.
        package static let tooMany = Code(rawValue: "tooMany")
    }

    package let code: Code
    package let message: String
    /// The route's name; empty when the fault is not of one route.
    package var route = ""
}

extension RoutingError: CustomStringConvertible {
    package var description: String { route.isEmpty ? message : "route '\(route)': \(message)" }
}
