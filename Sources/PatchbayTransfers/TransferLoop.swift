import CPatchbaySystem
import Glibc

/// libcurl's loop, and transfers as it takes them. [the engine's thread; `wake` any]
///
/// Invariant behind the unchecked conformance: the pointer is written in `init`, and all but `wake`, which libcurl allows
/// from any thread, is called by the engine's thread alone.
final class TransferLoop: @unchecked Sendable {
    private let loop: OpaquePointer

    /// `nil` when memory is short.
    init?() {
        guard let loop = pbx_loop_new() else { return nil }
        self.loop = loop
    }

    deinit { pbx_loop_free(loop) }

    func wake() { pbx_wake(loop) }

    /// Moves what can be moved.
    func perform() { pbx_perform(loop) }

    /// Waits for at most so many milliseconds.
    func poll(milliseconds: Int32) { pbx_poll(loop, milliseconds) }

    /// Begins a transfer of `timeout` nanoseconds; `nil` when libcurl does not take it.
    func begin(_ transfer: Transfer, _ tag: UInt64, way: ConnectionWay, timeout: UInt64) -> OpaquePointer? {
        let texts = Texts()
        var wire = pbh_way()
        wire.connect_timeout_ms = UInt32(clamping: way.connectTimeout / 1_000_000)
        wire.timeout_ms = UInt32(clamping: max(1, timeout / 1_000_000))
        wire.idle_s = UInt32(clamping: max(1, way.pool.idleTimeout / 1_000_000_000))
        wire.ca_file = way.caFile.isEmpty ? nil : texts.add(way.caFile)
        switch transfer.content {
        case .http(let request): return begin(request, tag, wire, texts)
        case .mail(let mail): return begin(mail, tag, wire, texts)
        }
    }

    private func begin(_ request: Transfer.Request, _ tag: UInt64, _ way: pbh_way, _ texts: Texts) -> OpaquePointer? {
        let headers = request.headers.map { texts.add($0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)") }
        var wire = pbh_request()
        wire.method = texts.add(request.method)
        wire.url = texts.add(request.url)
        wire.target = request.target.isEmpty ? nil : texts.add(request.target)
        wire.response_bytes_max = request.responseBytesMax
        wire.way = way
        return headers.withUnsafeBufferPointer { headers in
            wire.headers = headers.baseAddress
            wire.header_count = headers.count
            return request.body.withUnsafeBufferPointer { body in
                // POST and PUT say that they have no body, too (RFC 9110, 8.6).
                if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
                    wire.body = body.baseAddress
                    wire.body_len = body.count
                }
                return pbx_request(loop, &wire, tag)
            }
        }
    }

    private func begin(_ mail: Transfer.Mail, _ tag: UInt64, _ way: pbh_way, _ texts: Texts) -> OpaquePointer? {
        let recipients = mail.recipients.map { texts.add($0) }
        var wire = pbh_mail()
        wire.url = texts.add(mail.url)
        if !mail.user.isEmpty {
            wire.user = texts.add(mail.user)
            wire.password = texts.add(mail.password)
        }
        wire.from = texts.add(mail.from)
        wire.tls_optional = mail.isTLSOptional ? 1 : 0
        wire.way = way
        return recipients.withUnsafeBufferPointer { recipients in
            wire.recipients = recipients.baseAddress
            wire.recipient_count = recipients.count
            return mail.content.withUnsafeBufferPointer { content in
                wire.content = content.baseAddress
                wire.content_len = content.count
                return pbx_mail(loop, &wire, tag)
            }
        }
    }

    /// Ends one that is under way.
    func cancel(_ transfer: OpaquePointer) { pbx_cancel(loop, transfer) }

    /// The next one that is over, and what came of it.
    func next() -> (tag: UInt64, answer: TransferAnswer)? {
        var tag: UInt64 = 0
        var outcome = pbh_outcome()
        guard let transfer = pbx_next(loop, &tag, &outcome) else { return nil }
        defer { pbx_release(loop, transfer) }
        return (tag, TransferAnswer(outcome))
    }
}

/// Zero-terminated copies of texts, for as long as this lives.
private final class Texts {
    private var copies: [UnsafeMutablePointer<CChar>] = []

    deinit { for copy in copies { free(copy) } }

    func add(_ text: String) -> UnsafePointer<CChar>? {
        guard let copy = strdup(text) else { return nil }
        copies.append(copy)
        return UnsafePointer(copy)
    }
}
