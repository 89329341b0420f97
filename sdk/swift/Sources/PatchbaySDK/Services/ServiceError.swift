import CPatchbay

/// What a host service answered instead of doing what it was asked.
///
/// Thrown out of a handler it is tried again.
public struct ServiceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of errors; more may follow.
    public struct Code: Sendable, Equatable {
        /// The `patchbay_status`.
        public let rawValue: Int32
        /// An argument is malformed; the same call fails again.
        public static let argument = Code(rawValue: Int32(PATCHBAY_E_ARG))
        /// Not allowed now, such as declaring an instrument outside `init`.
        public static let state = Code(rawValue: Int32(PATCHBAY_E_STATE))
        /// This host lacks the service. Name it under `requires` in the manifest when the module depends on it.
        public static let unsupported = Code(rawValue: Int32(PATCHBAY_E_UNSUPPORTED))
        /// The call is over.
        public static let stale = Code(rawValue: Int32(PATCHBAY_E_STALE))
        /// Somebody else changed it first; read again and decide anew.
        public static let conflict = Code(rawValue: Int32(PATCHBAY_E_CONFLICT))
        /// Too large, or too many.
        public static let limit = Code(rawValue: Int32(PATCHBAY_E_LIMIT))
        /// No such entry.
        public static let notFound = Code(rawValue: Int32(PATCHBAY_E_NOT_FOUND))
    }

    /// What kind of error it is.
    public let code: Code
    /// Which service and function, such as `state.put`.
    public let operation: String

    /// The operation and its status.
    public var description: String { "\(operation): status \(code.rawValue)" }

    static func check(_ status: patchbay_status, _ operation: String) throws(ServiceError) {
        if status < 0 { throw ServiceError(code: Code(rawValue: status), operation: operation) }
    }

    static func missing(_ operation: String) -> ServiceError { ServiceError(code: .unsupported, operation: operation) }
}
