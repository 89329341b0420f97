import CPatchbay
import Logging
import PatchbayEvents
import PatchbayTransfers

/// `patchbay.http` of calls that are watched.
enum TappedHTTP {
    private static let plain = HTTPService.table

    static var table: patchbay_http {
        var table = plain
        table.send = { host, call, request, answered, receiver in
            guard let (tape, context) = CallTap.tape(host, call), let request, let answered else {
                return TappedHTTP.plain.send(host, call, request, answered, receiver)
            }
            return TappedNetwork.send(
                "http.send", { () throws(ServiceRefusal) in try TappedHTTP.arguments(request) }, tape, context,
                answered,
                receiver
            ) { TappedHTTP.plain.send(host, call, request, $0, $1) }
        }
        return table
    }

    private static func arguments(
        _ wire: UnsafePointer<patchbay_http_request>
    ) throws(ServiceRefusal) -> [(String, Value)] {
        let request = try HTTPService.request(wire)
        return [
            ("method", .string(request.method)), ("url", .string(request.url)),
            ("headers", TappedNetwork.headers(request.headers)), ("body", RecordedValue.bytes(request.body)),
        ]
    }
}

/// `patchbay.mail` of calls that are watched.
enum TappedMail {
    private static let plain = MailService.table

    static var table: patchbay_mail {
        var table = plain
        table.send = { host, call, message, answered, receiver in
            guard let (tape, context) = CallTap.tape(host, call), let message, let answered else {
                return TappedMail.plain.send(host, call, message, answered, receiver)
            }
            return TappedNetwork.send(
                "mail.send", { () throws(ServiceRefusal) in try TappedMail.arguments(message) }, tape, context,
                answered,
                receiver
            ) { TappedMail.plain.send(host, call, message, $0, $1) }
        }
        return table
    }

    /// Without the password.
    private static func arguments(
        _ wire: UnsafePointer<patchbay_mail_message>
    ) throws(ServiceRefusal) -> [(String, Value)] {
        let mail = try MailService.mail(wire)
        return [
            ("server", .string(mail.url)), ("user", .string(mail.user)), ("from", .string(mail.from)),
            ("recipients", .list(mail.recipients.map { .string($0) })), ("content", RecordedValue.bytes(mail.content)),
        ]
    }
}

/// Requests whose answers come later.
enum TappedNetwork {
    /// Headers whose values are never written down.
    private static let secretHeaders: Set<String> = [
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token",
    ]

    static func headers(_ headers: [(name: String, value: String)]) -> Value {
        .list(
            headers.map { header in
                let isSecret = secretHeaders.contains(header.name.lowercased())
                return .list([
                    .string(header.name), .string(isSecret ? RecordedValue.redacted : header.value),
                ])
            })
    }

    static func send(
        _ function: String, _ read: () throws(ServiceRefusal) -> [(String, Value)], _ tape: CallTape,
        _ context: HostContext,
        _ answered: @escaping patchbay_answered, _ receiver: UnsafeMutableRawPointer?,
        real: (@escaping patchbay_answered, UnsafeMutableRawPointer?) -> patchbay_status
    ) -> patchbay_status {
        let arguments: [(String, Value)]
        do throws(ServiceRefusal) {
            arguments = try read()
        } catch {
            arguments = [("malformed", RecordedValue.status(error.status))]
        }
        let request = tape.redacted(.object(arguments))
        let found = tape.answers?.laterAnswer(to: function, request)
        let isMissing = tape.answers != nil && found == nil
        let number = tape.send(function, request, isUnanswered: isMissing)
        let waiting = AwaitedAnswer(tape: tape, number: number, answered: answered, receiver: receiver)
        guard tape.answers != nil else {
            let box = Unmanaged.passRetained(waiting)
            let status = real({ box, answer in AwaitedAnswer.take(box, answer) }, box.toOpaque())
            if status < 0 {
                box.release()
                tape.answered(number, .object([("refused", RecordedValue.status(status))]))
            }
            return status
        }
        if let refused = found?.member("refused") {
            tape.answered(number, .object([("refused", refused)]))
            return RecordedValue.status(of: refused)
        }
        let missing = TransferAnswer(.denied, "the recording has no answer to this request")
        waiting.deliver(found.map(AwaitedAnswer.answer) ?? missing, context)
        return .ok
    }
}

/// A request of a watched call that has no answer yet.
private final class AwaitedAnswer: Sendable {
    private let tape: CallTape
    private let number: UInt64
    private let answered: patchbay_answered
    // Invariant: the module's own pointer, which it says is good for the one call of `answered`.
    private nonisolated(unsafe) let receiver: UnsafeMutableRawPointer?

    init(
        tape: CallTape, number: UInt64, answered: @escaping patchbay_answered, receiver: UnsafeMutableRawPointer?
    ) {
        self.tape = tape
        self.number = number
        self.answered = answered
        self.receiver = receiver
    }

    /// Notes an answer and hands it on.
    static func take(_ box: UnsafeMutableRawPointer?, _ answer: UnsafePointer<patchbay_answer>?) {
        guard let box, let answer else { return }
        let waiting = Unmanaged<AwaitedAnswer>.fromOpaque(box).takeRetainedValue()
        waiting.tape.answered(waiting.number, value(answer.pointee))
        waiting.answered(waiting.receiver, answer)
    }

    /// Hands a recorded answer over, on a thread of its own, as the host does.
    func deliver(_ answer: TransferAnswer, _ context: HostContext) {
        context.answers.begin()
        do throws(ThreadError) {
            try OwnThread("pb-answer") { [self] in
                NetworkService.lend(answer) { wire in
                    tape.answered(number, Self.value(wire.pointee))
                    answered(receiver, wire)
                }
                context.answers.end()
            }.detach()
        } catch {
            context.logger.error("\(error)")
            context.answers.end()
        }
    }

    // MARK: Values

    private static func value(_ wire: patchbay_answer) -> Value {
        var members: [(String, Value)] = [
            ("status", .int(Int64(wire.status))), ("fault", .int(Int64(wire.fault))),
            ("flags", .int(Int64(wire.flags))),
        ]
        if wire.header_count > 0 {
            let headers = ForeignText.pairs(wire.headers, wire.header_count, max: .max)
            members.append(("headers", TappedNetwork.headers(headers.map { (String($0.key), String($0.value)) })))
        }
        if wire.body_len > 0 {
            let body = UnsafeBufferPointer(start: wire.body, count: Int(wire.body_len))
            members.append(("body", RecordedValue.bytes(body)))
        }
        if wire.retry_after_ns > 0 {
            members.append(("retryAfterNanoseconds", RecordedValue.number(wire.retry_after_ns)))
        }
        if wire.message.len > 0 { members.append(("message", RecordedValue.text(wire.message))) }
        return .object(members)
    }

    static func answer(_ value: Value) -> TransferAnswer {
        let fault = value.number("fault").flatMap { TransferAnswer.Fault(rawValue: Int32(truncatingIfNeeded: $0)) }
        var answer = TransferAnswer(fault ?? .broken, value.text("message") ?? "")
        answer.fault = fault
        answer.status = Int(value.number("status") ?? 0)
        let flags = UInt32(truncatingIfNeeded: value.number("flags") ?? 0)
        answer.isUnsent = flags & UInt32(PATCHBAY_ANSWER_UNSENT) != 0
        answer.isReused = flags & UInt32(PATCHBAY_ANSWER_REUSED) != 0
        answer.headers = value.list("headers").compactMap { header in
            guard case .list(let pair) = header, pair.count == 2, case .string(let name) = pair[0],
                case .string(let value) = pair[1]
            else { return nil }
            return (name, value)
        }
        answer.body = RecordedValue.bytes(of: value.member("body")) ?? []
        answer.retryAfter = value.number("retryAfterNanoseconds") ?? 0
        return answer
    }
}
