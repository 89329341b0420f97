/// A request to a service that the configuration lets this module reach.
public struct HTTPRequest: Sendable {
    /// A name and its value.
    public typealias Header = (name: String, value: String)

    /// Such as `POST`.
    public var method: String
    /// Absolute, `http` or `https`.
    public var url: String
    /// The trace of the call is added by the host.
    public var headers: [Header]
    /// Empty: none.
    public var body: [UInt8]
    /// For the whole exchange, waiting for a connection included; the call's deadline ends it, too.
    public var timeout: Duration = .seconds(30)
    /// A larger response is `Fault.tooLarge`.
    public var responseBytesMax = 1 << 20

    /// Any request.
    public init(_ method: String, _ url: String, headers: [Header] = [], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// One that carries JSON.
    public init(_ method: String, _ url: String, headers: [Header] = [], json: JSON) {
        self.init(
            method, url, headers: headers + [("content-type", "application/json")],
            body: Array(json.description.utf8))
    }

    /// One that carries a form, percent-encoded (WHATWG URL, 5.2).
    public init(_ method: String, _ url: String, headers: [Header] = [], form: KeyValuePairs<String, String>) {
        self.init(method, url, headers: headers, form: form.map { (name: $0.key, value: $0.value) })
    }

    /// One that carries a form whose pairs are made at run time, in their order.
    public init(_ method: String, _ url: String, headers: [Header] = [], form: [(name: String, value: String)]) {
        let text = form.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }.joined(separator: "&")
        self.init(
            method, url, headers: headers + [("content-type", "application/x-www-form-urlencoded")],
            body: Array(text.utf8))
    }

    /// Percent-encoded for a form, or one part of a path or query: all but letters, digits and `-._*` are.
    public static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "*"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What a service answered.
public struct HTTPResponse: Sendable {
    /// Such as 200.
    public let status: Int
    /// Names in lowercase, in their order.
    public let headers: [HTTPRequest.Header]
    /// Empty: none.
    public let body: [UInt8]
    /// What `Retry-After` asks for.
    public let retryAfter: Duration?

    /// For tests that answer in a service's place.
    public init(
        status: Int, headers: [HTTPRequest.Header] = [], body: [UInt8] = [], retryAfter: Duration? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.retryAfter = retryAfter
    }

    /// The first header of this name, which is in lowercase.
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The body read as JSON. Throws `JSONError`, which rejects the event: catch it where the service is to blame.
    public func json() throws(JSONError) -> JSON { try JSON(parsing: body) }

    /// What the status means for an event, when nothing else is known of the service: 2xx is done; 408, 425, 429 and 5xx
    /// are tried again, after `Retry-After` where there is one; the rest, redirects included, fails for good, and spares
    /// the breaker where the request is to blame.
    ///
    /// - Source: RFC 9110, clause 15; RFC 6585, clause 4; RFC 8470, clause 5.2
    public var outcome: Outcome {
        let reason = "http_\(status): \(String(decoding: body.prefix(200), as: UTF8.self))"
        switch status {
        case 200...299: return .done
        case 408, 425, 429, 500...599: return .retry(reason, after: retryAfter, code: Int32(status))
        case 400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422: return .reject(reason, code: Int32(status))
        default: return .fail(reason, code: Int32(status))
        }
    }
}

/// Why a request or a mail has no answer. Thrown out of a handler it is tried again if it is transient, and else
/// fails for good.
public struct Fault: Error, Sendable, CustomStringConvertible {
    /// The kinds of faults; more may follow.
    public struct Code: Sendable, Equatable {
        /// The `PATCHBAY_FAULT_*`.
        public let rawValue: Int32
        /// The host's name is not known.
        public static let resolve = Code(rawValue: 1)
        /// Refused or unreachable.
        public static let connect = Code(rawValue: 2)
        /// The certificate is not trusted, or there is no common TLS.
        public static let tls = Code(rawValue: 3)
        /// No answer in time.
        public static let timeout = Code(rawValue: 4)
        /// The connection ended, or what came is no answer.
        public static let broken = Code(rawValue: 5)
        /// The response is larger than `responseBytesMax`.
        public static let tooLarge = Code(rawValue: 6)
        /// No connection became free in time.
        public static let noConnection = Code(rawValue: 7)
        /// The host is stopping.
        public static let cancelled = Code(rawValue: 8)
        /// A mail server refused; `status` is its code.
        public static let refused = Code(rawValue: 9)
        /// Out of memory.
        public static let memory = Code(rawValue: 10)
        /// The configuration does not let this module do that; the message says what to add.
        public static let denied = Code(rawValue: 11)
        /// Malformed: the same request fails again.
        public static let request = Code(rawValue: 12)

        var name: String {
            let names = [
                "ok", "resolve", "connect", "tls", "timeout", "broken", "too_large", "no_connection", "cancelled",
                "refused", "memory", "denied", "request",
            ]
            return names.indices.contains(Int(rawValue)) ? names[Int(rawValue)] : "fault_\(rawValue)"
        }
    }

    /// What kind of fault it is.
    public let code: Code
    /// The server's code, such as 550; 0: it gave none.
    public let status: Int
    /// In words.
    public let message: String
    /// Nothing has left the host, so that it is safe to send it again.
    public let isUnsent: Bool

    /// For tests that answer in a service's place.
    public init(_ code: Code, status: Int = 0, message: String = "", isUnsent: Bool = false) {
        self.code = code
        self.status = status
        self.message = message
        self.isUnsent = isUnsent
    }

    /// Whether another attempt may do: all but what is malformed or denied, and a mail server's refusal from 500 on.
    public var isTransient: Bool {
        code != .denied && code != .request && (code != .refused || status < 500)
    }

    /// The kind, then the words.
    public var description: String { "\(code.name): \(message)" }
}
