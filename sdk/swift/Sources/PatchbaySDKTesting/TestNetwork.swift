import CPatchbay
import PatchbaySDK
import Synchronization

func testHTTPTable() -> patchbay_http {
    patchbay_http(
        size: UInt32(MemoryLayout<patchbay_http>.size), reserved: 0,
        send: { host, call, request, answered, context in
            guard let request, let answered, request.pointee.url.len > 0 else { return patchbay_status(PATCHBAY_E_ARG) }
            let sent = HTTPRequest(request.pointee)
            return answer(host, call, answered, context) { journal in
                guard let service = journal.service else { return nil }
                journal.requests.append(sent)
                return { try service(sent) }
            }
        })
}

func testMailTable() -> patchbay_mail {
    patchbay_mail(
        size: UInt32(MemoryLayout<patchbay_mail>.size), reserved: 0,
        send: { host, call, message, answered, context in
            guard let message, let answered, message.pointee.recipient_count > 0 else {
                return patchbay_status(PATCHBAY_E_ARG)
            }
            let sent = Mail(message.pointee)
            return answer(host, call, answered, context) { journal in
                guard let server = journal.mailServer else { return nil }
                journal.mails.append(sent)
                return {
                    try server(sent)
                    return HTTPResponse(status: 250)
                }
            }
        })
}

/// Asks the test's own service, which `prepare` looks up, and answers the handler, or refuses it.
private func answer(
    _ host: HostPointer?, _ call: patchbay_call, _ answered: patchbay_answered, _ context: UnsafeMutableRawPointer?,
    _ prepare: @Sendable (inout TestJournal) -> (@Sendable () throws -> HTTPResponse)?
) -> patchbay_status {
    let core = TestCore.of(host)
    guard core.journal.withLock({ $0.open[call] != nil }) else { return patchbay_status(PATCHBAY_E_STALE) }
    guard let service = core.journal.withLock({ prepare(&$0) }) else { return patchbay_status(PATCHBAY_E_UNSUPPORTED) }
    do {
        deliver(try service(), to: answered, context)
    } catch let error as ServiceError {
        return error.code.rawValue
    } catch {
        let fault = error as? Fault ?? Fault(.broken, message: String(describing: error))
        deliver(HTTPResponse(status: fault.status), fault, to: answered, context)
    }
    return patchbay_status(PATCHBAY_OK)
}

private func deliver(
    _ response: HTTPResponse, _ fault: Fault? = nil, to answered: patchbay_answered, _ context: UnsafeMutableRawPointer?
) {
    var answer = patchbay_answer()
    answer.size = UInt32(MemoryLayout<patchbay_answer>.size)
    answer.status = Int32(response.status)
    answer.fault = fault?.code.rawValue ?? 0
    answer.flags = fault?.isUnsent == true ? UInt32(PATCHBAY_ANSWER_UNSENT) : 0
    if let wait = response.retryAfter {
        let (seconds, attoseconds) = wait.components
        answer.retry_after_ns = UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
    }
    // Texts one after another: the message, then names and values.
    let texts = [fault?.message ?? ""] + response.headers.flatMap { [$0.name, $0.value] }
    let bytes = texts.flatMap { Array($0.utf8) }
    bytes.withUnsafeBytes { raw in
        var offset = 0
        let lent = texts.map { text in
            defer { offset += text.utf8.count }
            return patchbay_str(
                ptr: raw.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) },
                len: UInt64(text.utf8.count))
        }
        let headers = stride(from: 1, to: lent.count, by: 2).map { patchbay_kv(key: lent[$0], value: lent[$0 + 1]) }
        answer.message = lent[0]
        headers.withUnsafeBufferPointer { headers in
            response.body.withUnsafeBufferPointer { body in
                answer.headers = headers.baseAddress
                answer.header_count = UInt64(headers.count)
                answer.body = body.baseAddress
                answer.body_len = UInt64(body.count)
                answered(context, &answer)
            }
        }
    }
}

extension HTTPRequest {
    fileprivate init(_ request: patchbay_http_request) {
        let headers = UnsafeBufferPointer(start: request.headers, count: Int(request.header_count)).map {
            (name: String($0.key), value: String($0.value))
        }
        self.init(
            String(request.method), String(request.url), headers: headers,
            body: Array(UnsafeBufferPointer(start: request.body, count: Int(request.body_len))))
        timeout = .nanoseconds(request.timeout_ns)
        responseBytesMax = Int(request.response_max)
    }
}

extension Mail {
    fileprivate init(_ message: patchbay_mail_message) {
        let url = String(message.server)
        let scheme = url.prefix { $0 != ":" }
        self.init(
            server: String(url.dropFirst(scheme.count + 3)), from: String(message.from),
            recipients: UnsafeBufferPointer(start: message.recipients, count: Int(message.recipient_count)).map {
                String($0)
            },
            content: Array(UnsafeBufferPointer(start: message.content, count: Int(message.content_len))))
        let isOptional = message.flags & UInt32(PATCHBAY_MAIL_TLS_OPTIONAL) != 0
        encryption = scheme == "smtps" ? .fromTheStart : isOptional ? .whereOffered : .required
        login = message.user.len > 0 ? (String(message.user), String(message.password)) : nil
        timeout = .nanoseconds(message.timeout_ns)
    }
}
