import CPatchbaySystem
package import PatchbayTelemetry

/// One exchange with a service: a request and its response, or a mail and a server's word for it.
package struct Transfer: Sendable {
    package enum Content: Sendable {
        case http(Request)
        case mail(Mail)
    }

    package struct Request: Sendable {
        package var method: String
        package var url: String
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        /// A larger response is a fault.
        package var responseBytesMax: Int
        /// `*` of `OPTIONS *`; empty: the URL's own.
        var target = ""

        package init(
            method: String, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
            responseBytesMax: Int = 1 << 20
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.responseBytesMax = responseBytesMax
        }
    }

    package struct Mail: Sendable {
        package var url: String
        /// Empty: no authentication.
        package var user: String
        package var password: String
        package var from: String
        package var recipients: [String]
        /// Headers and body of the message, with CRLF.
        package var content: [UInt8]
        package var isTLSOptional: Bool

        package init(
            url: String, user: String, password: String, from: String, recipients: [String], content: [UInt8],
            isTLSOptional: Bool
        ) {
            self.url = url
            self.user = user
            self.password = password
            self.from = from
            self.recipients = recipients
            self.content = content
            self.isTLSOptional = isTLSOptional
        }
    }

    package let service: ServiceAddress
    package private(set) var content: Content
    /// Of what it sends.
    var byteCount: Int {
        switch content {
        case .http(let request): request.body.count
        case .mail(let mail): mail.content.count
        }
    }

    /// When it has to be over, waiting for a connection included; monotonic nanoseconds.
    package let deadline: UInt64

    /// Throws what is wrong with the URL, the method, a header or an address.
    package init(_ content: Content, deadline: UInt64) throws(TransferError) {
        switch content {
        case .http(let request): try self.init(request, deadline: deadline)
        case .mail(let mail): try self.init(mail, deadline: deadline)
        }
    }

    /// Lets a trace go on in the service, unless the request has one.
    package mutating func carryOn(_ trace: TraceContext?, _ tracestate: String) {
        guard case .http(var request) = content, let trace,
            !request.headers.contains(where: { $0.name.lowercased() == "traceparent" })
        else { return }
        request.headers.append(("traceparent", trace.traceparent))
        if !tracestate.isEmpty { request.headers.append(("tracestate", tracestate)) }
        content = .http(request)
    }

    /// Throws what is wrong with the URL, the method or a header.
    package init(_ request: Request, deadline: UInt64) throws(TransferError) {
        service = try ServiceAddress(url: request.url, schemes: ["http", "https"])
        guard !request.method.isEmpty, request.method.utf8.allSatisfy(Self.isTokenByte) else {
            throw TransferError("the method is malformed")
        }
        for header in request.headers {
            guard !header.name.isEmpty, header.name.utf8.allSatisfy(Self.isTokenByte) else {
                throw TransferError("the name of a header is malformed")
            }
            // Those that say where a message ends and who it is for are the client's.
            guard !Self.ownHeaders.contains(header.name.lowercased()) else {
                throw TransferError("the header '\(header.name)' is the host's to send")
            }
            guard !header.value.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) else {
                throw TransferError("the header '\(header.name)' has a control character")
            }
        }
        content = .http(request)
        self.deadline = deadline
    }

    /// The same for a mail.
    package init(_ mail: Mail, deadline: UInt64) throws(TransferError) {
        service = try ServiceAddress(url: mail.url, schemes: ["smtp", "smtps"])
        guard !mail.recipients.isEmpty else { throw TransferError("the mail has no recipient") }
        for address in mail.recipients + [mail.from] {
            // RFC 5321, 4.1.2; what would end the command early is refused, the rest is the server's to judge.
            guard !address.isEmpty,
                !address.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == 0x3C || $0 == 0x3E })
            else { throw TransferError("a mail address is malformed") }
        }
        // RFC 5321, 2.3.8: a line end of another kind may end the message for one server and not for the next.
        for (index, byte) in mail.content.enumerated() where byte == 0x0A || byte == 0x0D {
            let isPaired =
                byte == 0x0A
                ? index > 0 && mail.content[index - 1] == 0x0D
                : index + 1 < mail.content.count && mail.content[index + 1] == 0x0A
            guard isPaired else { throw TransferError("the mail has a line end that is not CRLF") }
        }
        guard !(mail.user + mail.password).utf8.contains(0) else {
            throw TransferError("user or password have a zero byte")
        }
        content = .mail(mail)
        self.deadline = deadline
    }

    private static let ownHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// RFC 9110, 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

/// What came of a transfer.
package struct TransferAnswer: Sendable {
    /// Why there is no response; the raw values are those of `PATCHBAY_FAULT_*`.
    package enum Fault: Int32, Sendable {
        case resolve = 1, connect, tls, timeout, broken, tooLarge, noConnection, cancelled, refused, memory
        case denied, request

        /// For messages and metrics.
        package var name: String {
            switch self {
            case .tooLarge: "too_large"
            case .noConnection: "no_connection"
            default: "\(self)"
            }
        }

        init(_ status: Int32) {
            self =
                switch Int(status) {
                case PBH_RESOLVE: .resolve
                case PBH_CONNECT: .connect
                case PBH_TLS: .tls
                case PBH_TIMEOUT: .timeout
                case PBH_TOO_LARGE: .tooLarge
                case PBH_CANCELLED: .cancelled
                case PBH_REFUSED: .refused
                case PBH_NOMEM: .memory
                default: .broken
                }
        }
    }

    /// `nil`: a response came, whatever its status.
    package var fault: Fault?
    /// 200, 503, …; a mail server's code; 0: none.
    package var status = 0
    /// Names in lowercase, in their order.
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    /// Nanoseconds that `Retry-After` asks for; 0: nothing.
    package var retryAfter: UInt64 = 0
    /// What went wrong, in words.
    package var message = ""
    /// Nothing has left the host.
    package var isUnsent = false
    /// No connection had to be opened.
    package var isReused = false

    /// Of what was not sent.
    package init(_ fault: Fault, _ message: String) {
        self.fault = fault
        self.message = message
        isUnsent = true
    }

    init(_ outcome: pbh_outcome) {
        fault = Int(outcome.status) == PBH_OK ? nil : Fault(outcome.status)
        status = Int(outcome.http_status)
        let raw = UnsafeRawBufferPointer(start: outcome.headers, count: outcome.headers_len)
        let lines = raw.split(separator: 0x0A)
        headers = lines.compactMap { line in
            guard let colon = line.firstIndex(of: 0x3A) else { return nil }
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
        body = Array(UnsafeBufferPointer(start: outcome.body, count: outcome.body_len))
        retryAfter = min(UInt64(clamping: outcome.retry_after_s), 31_536_000) * 1_000_000_000
        isUnsent = fault != nil && outcome.is_unsent != 0
        isReused = outcome.connects == 0 && !isUnsent
        guard fault != nil else { return }
        message = outcome.message.map { String(cString: $0) } ?? ""
        // A mail server's own words say more than that it refused.
        if fault == .refused, let line = lines.last { message += " (\(String(decoding: line, as: UTF8.self)))" }
    }
}
