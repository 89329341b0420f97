import CPatchbaySystem
import Glibc

/// The host's one HTTP client: blocking exchanges over libcurl with connections kept alive.
///
/// Belongs to one thread at a time, which is one of ours and may block.
package final class HTTPClient {
    package struct Request: Sendable {
        package var method = "POST"
        package var url: String
        /// Names and values; line breaks are refused.
        package var headers: [(name: String, value: String)] = []
        package var body: [UInt8] = []
        /// 0: libcurl's default.
        package var connectTimeoutMilliseconds: UInt32 = 5_000
        /// The whole exchange; 0: none.
        package var timeoutMilliseconds: UInt32 = 10_000
        package var responseBytesMax = 1 << 20

        package init(url: String) { self.url = url }
    }

    package struct Response: Sendable {
        package var status: Int
        /// Names in lowercase, in order of arrival.
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        /// Seconds of `Retry-After`, a date counted from now; `nil` without one.
        package var retryAfterSeconds: UInt64?
    }

    private let client: OpaquePointer

    /// `nil` when memory is short.
    package init?() {
        guard let client = pbh_client_new() else { return nil }
        self.client = client
    }

    deinit { pbh_client_free(client) }

    /// Sends `request` and waits for the response; redirects are not followed.
    ///
    /// - Parameter isCancelled: asked about once a second and whenever bytes move; true ends the exchange.
    package func perform(_ request: Request, isCancelled: () -> Bool = { false }) throws(HTTPError) -> Response {
        var texts: [UnsafeMutablePointer<CChar>] = []
        defer { for text in texts { free(text) } }
        func text(_ value: String) throws(HTTPError) -> UnsafePointer<CChar> {
            guard !value.utf8.contains(where: { $0 == 0 || $0 == 0x0a || $0 == 0x0d }) else {
                throw HTTPError(code: .request, message: "line break in URL or header", location: request.url)
            }
            guard let copy = strdup(value) else {
                throw HTTPError(code: .memory, message: "out of memory", location: request.url)
            }
            texts.append(copy)
            return UnsafePointer(copy)
        }
        let method = try text(request.method)
        let url = try text(request.url)
        var headers: [UnsafePointer<CChar>?] = []
        for header in request.headers { headers.append(try text("\(header.name): \(header.value)")) }

        let outcome = withoutActuallyEscaping(isCancelled) { isCancelled in
            let box = Cancellation(isCancelled)
            return headers.withUnsafeBufferPointer { headers in
                request.body.withUnsafeBufferPointer { body in
                    var wire = pbh_request()
                    wire.method = method
                    wire.url = url
                    wire.headers = headers.baseAddress
                    wire.header_count = headers.count
                    wire.body = body.baseAddress
                    wire.body_len = body.count
                    wire.way.connect_timeout_ms = request.connectTimeoutMilliseconds
                    wire.way.timeout_ms = request.timeoutMilliseconds
                    wire.response_bytes_max = request.responseBytesMax
                    wire.cancelled = { raw in
                        guard let raw else { return 0 }
                        return Unmanaged<Cancellation>.fromOpaque(raw).takeUnretainedValue().isCancelled() ? 1 : 0
                    }
                    wire.context = Unmanaged.passUnretained(box).toOpaque()
                    return withExtendedLifetime(box) { pbh_perform(client, &wire) }
                }
            }
        }
        guard Int(outcome.status) == PBH_OK else {
            throw HTTPError(
                code: Self.code(outcome.status), message: outcome.message.map { String(cString: $0) } ?? "",
                location: request.url)
        }
        return Response(
            status: Int(outcome.http_status), headers: Self.headers(of: outcome),
            body: [UInt8](UnsafeBufferPointer(start: outcome.body, count: outcome.body_len)),
            retryAfterSeconds: outcome.retry_after_s > 0 ? UInt64(outcome.retry_after_s) : nil)
    }

    private static func headers(of outcome: pbh_outcome) -> [(name: String, value: String)] {
        let raw = UnsafeRawBufferPointer(start: outcome.headers, count: outcome.headers_len)
        return raw.split(separator: 0x0a).compactMap { line in
            guard let colon = line.firstIndex(of: 0x3a) else { return nil }
            let value = line[(colon + 1)...].drop(while: isOptionalSpace)
            return (String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
        }
    }

    private static func code(_ status: Int32) -> HTTPError.Code {
        switch Int(status) {
        case PBH_URL: .request
        case PBH_RESOLVE: .resolve
        case PBH_CONNECT: .connect
        case PBH_TIMEOUT: .timeout
        case PBH_CANCELLED: .cancelled
        case PBH_TOO_LARGE: .tooLarge
        case PBH_TLS: .tls
        case PBH_NOMEM: .memory
        default: .exchange
        }
    }
}

private final class Cancellation {
    let isCancelled: () -> Bool
    init(_ isCancelled: @escaping () -> Bool) { self.isCancelled = isCancelled }
}
