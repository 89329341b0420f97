/// Why telemetry could not be set up or delivered; never a reason to stop events.
package struct TelemetryError: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The endpoint is no usable URL, or a header is malformed; fix the configuration.
        package static let configuration = Code(rawValue: "telemetry.configuration")
        /// The receiver did not answer in time or at all; retried.
        package static let unreachable = Code(rawValue: "telemetry.unreachable")
        /// The receiver said no for good; not retried.
        package static let refused = Code(rawValue: "telemetry.refused")
        /// The receiver took only a part; not retried.
        package static let partial = Code(rawValue: "telemetry.partial")
        /// Retries ran out, or the shutdown deadline came.
        package static let gaveUp = Code(rawValue: "telemetry.gave_up")
        /// The trace file could not be opened or written; the next batch tries again.
        package static let disk = Code(rawValue: "telemetry.disk")
        /// The queue was full.
        package static let overflow = Code(rawValue: "telemetry.overflow")
    }

    package var code: Code
    package var message: String
    /// The endpoint or path concerned.
    package var location: String

    package init(_ code: Code, _ message: String, location: String) {
        self.code = code
        self.message = message
        self.location = location
    }

    package var description: String { "\(location): \(message) [\(code.rawValue)]" }
}
