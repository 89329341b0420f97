/// Why an HTTP exchange brought no response.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// Malformed URL, header or unsupported scheme; retrying never helps.
        package static let request = Code(rawValue: "http.request")
        package static let resolve = Code(rawValue: "http.resolve")
        package static let connect = Code(rawValue: "http.connect")
        package static let timeout = Code(rawValue: "http.timeout")
        package static let cancelled = Code(rawValue: "http.cancelled")
        /// The response was larger than allowed.
        package static let tooLarge = Code(rawValue: "http.too_large")
        /// No trust between the two; retrying rarely helps.
        package static let tls = Code(rawValue: "http.tls")
        /// Broken connection or malformed response.
        package static let exchange = Code(rawValue: "http.exchange")
        package static let memory = Code(rawValue: "http.memory")
    }

    package var code: Code
    package var message: String
    package var location: String

    /// Whether the same request may succeed later.
    package var isTransient: Bool {
        code == .resolve || code == .connect || code == .timeout || code == .exchange || code == .memory
    }

    package var description: String { "\(location): \(message) [\(code.rawValue)]" }
}
