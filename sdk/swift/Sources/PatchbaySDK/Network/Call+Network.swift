import CPatchbay
import Glibc
import Synchronization

extension Call {
    /// Sends a request and waits for the response, whatever its status. Throws `Fault` where there is none, and
    /// `ServiceError` where the host does not send it.
    ///
    /// Holds the calling thread: for a `Handler` that is `"blocking": true`.
    public func send(_ request: HTTPRequest) throws -> HTTPResponse {
        try HTTPResponse(waiting { try start(request, $0) })
    }

    /// The same for an `AsyncHandler`, without holding a thread.
    public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try HTTPResponse(await suspending { try start(request, $0) })
    }

    /// Sends a mail and waits until the server has taken it on. Throws `Fault` where it has not, and `ServiceError` where
    /// the host does not send it.
    ///
    /// Holds the calling thread: for a `Handler` that is `"blocking": true`.
    public func send(_ mail: Mail) throws {
        try waiting { try start(mail, $0) }.check()
    }

    /// The same for an `AsyncHandler`, without holding a thread.
    public func send(_ mail: Mail) async throws {
        try await suspending { try start(mail, $0) }.check()
    }

    // MARK: Private

    private func start(_ request: HTTPRequest, _ receiver: Receiver) throws(ServiceError) {
        guard let http = services.pointee.http else { throw .missing("http.send") }
        let status = request.method.withText { method in
            request.url.withText { url in
                withPairs(request.headers.map { ($0.name, $0.value) }) { headers, count in
                    request.body.withUnsafeBufferPointer { body in
                        var wire = patchbay_http_request()
                        wire.size = UInt32(MemoryLayout<patchbay_http_request>.size)
                        wire.method = method
                        wire.url = url
                        wire.headers = headers
                        wire.header_count = count
                        wire.body = body.baseAddress
                        wire.body_len = UInt64(body.count)
                        wire.timeout_ns = request.timeout.nanoseconds
                        wire.response_max = UInt64(max(1, request.responseBytesMax))
                        return receiver.lend { http.pointee.send(services.pointee.host, id, &wire, answered, $0) }
                    }
                }
            }
        }
        try ServiceError.check(status, "http.send")
    }

    private func start(_ mail: Mail, _ receiver: Receiver) throws(ServiceError) {
        guard let service = services.pointee.mail else { throw .missing("mail.send") }
        var wire = patchbay_mail_message()
        wire.size = UInt32(MemoryLayout<patchbay_mail_message>.size)
        wire.flags = mail.encryption == .whereOffered ? UInt32(PATCHBAY_MAIL_TLS_OPTIONAL) : 0
        wire.timeout_ns = mail.timeout.nanoseconds
        // Server, user, password, sender; then recipients: lent as one.
        let texts = [(mail.url, mail.login?.user ?? ""), (mail.login?.password ?? "", mail.from)]
        let status = withPairs(texts + mail.recipients.map { ($0, "") }) { pairs, count in
            guard let pairs else { return patchbay_status(PATCHBAY_E_ARG) }
            wire.server = pairs[0].key
            wire.user = pairs[0].value
            wire.password = pairs[1].key
            wire.from = pairs[1].value
            let recipients = (2..<Int(count)).map { pairs[$0].key }
            return recipients.withUnsafeBufferPointer { recipients in
                mail.content.withUnsafeBufferPointer { content in
                    wire.recipients = recipients.baseAddress
                    wire.recipient_count = UInt64(recipients.count)
                    wire.content = content.baseAddress
                    wire.content_len = UInt64(content.count)
                    return receiver.lend { service.pointee.send(services.pointee.host, id, &wire, answered, $0) }
                }
            }
        }
        try ServiceError.check(status, "mail.send")
    }

    private func waiting(_ start: (Receiver) throws -> Void) throws -> Answer {
        let semaphore = Semaphore()
        let answer = Mutex<Answer?>(nil)
        let receiver = Receiver { arrived in
            answer.withLock { $0 = arrived }
            semaphore.signal()
        }
        try start(receiver)
        semaphore.wait()
        return answer.withLock { $0 } ?? Answer()
    }

    private func suspending(_ start: (Receiver) throws -> Void) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try start(Receiver { continuation.resume(returning: $0) })
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// An answer, copied.
private struct Answer: Sendable {
    var fault: Fault?
    var status = 0
    var headers: [HTTPRequest.Header] = []
    var body: [UInt8] = []
    var retryAfter: Duration?

    init() {}

    init(_ answer: patchbay_answer) {
        status = Int(answer.status)
        if answer.fault != 0 {
            fault = Fault(
                Fault.Code(rawValue: answer.fault), status: status, message: String(answer.message),
                isUnsent: answer.flags & UInt32(PATCHBAY_ANSWER_UNSENT) != 0)
        }
        headers = UnsafeBufferPointer(start: answer.headers, count: Int(answer.header_count)).map {
            (String($0.key), String($0.value))
        }
        body = Array(UnsafeBufferPointer(start: answer.body, count: Int(answer.body_len)))
        if answer.retry_after_ns > 0 { retryAfter = .nanoseconds(answer.retry_after_ns) }
    }

    func check() throws(Fault) {
        if let fault { throw fault }
    }
}

extension HTTPResponse {
    fileprivate init(_ answer: Answer) throws(Fault) {
        try answer.check()
        self.init(
            status: answer.status, headers: answer.headers, body: answer.body, retryAfter: answer.retryAfter)
    }
}

/// Who gets an answer; kept alive by the host from the moment it takes the request until it has answered.
private final class Receiver: Sendable {
    private let receive: @Sendable (Answer) -> Void

    init(_ receive: @escaping @Sendable (Answer) -> Void) { self.receive = receive }

    /// Lends itself to the host as the context of one answer; taken back when the host refuses.
    func lend(_ body: (UnsafeMutableRawPointer) -> patchbay_status) -> patchbay_status {
        let lent = Unmanaged.passRetained(self)
        let status = body(lent.toOpaque())
        if status < 0 { lent.release() }
        return status
    }

    static func answer(_ context: UnsafeMutableRawPointer, _ answer: patchbay_answer) {
        Unmanaged<Receiver>.fromOpaque(context).takeRetainedValue().receive(Answer(answer))
    }
}

private let answered: patchbay_answered = { context, answer in
    guard let context, let answer else { return }
    Receiver.answer(context, answer.pointee)
}

/// Lets one thread wait for another.
///
/// Invariant behind the unchecked conformance: the memory is made in `init` and freed in `deinit`, when nobody waits.
private final class Semaphore: @unchecked Sendable {
    private let place: UnsafeMutablePointer<sem_t>

    init() {
        place = .allocate(capacity: 1)
        sem_init(place, 0, 0)
    }

    deinit {
        sem_destroy(place)
        place.deallocate()
    }

    func signal() { sem_post(place) }

    func wait() {
        while sem_wait(place) != 0 {}
    }
}
