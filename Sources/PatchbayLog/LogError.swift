/// Why a log did not take a batch.
package struct LogError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Equatable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The bound of retained bytes is reached; try again after a release.
        package static let full = Code(rawValue: "full")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "log \(code.rawValue): \(message)" }
}
