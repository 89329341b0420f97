package import CPatchbay
import CPatchbaySystem
import PatchbayEvents
import PatchbayTelemetry
package import PatchbayTransfers

/// What `patchbay.http/1`, `patchbay.mail/1` and `builtin.http` have in common: whether a transfer may be made for a
/// call, its span, and its way to the engine.
package enum NetworkService {
    static let usualTimeout: UInt64 = 30_000_000_000

    /// What is needed of the call that a transfer is for.
    private struct CallView {
        let isMuted: Bool
        /// Monotonic nanoseconds.
        let deadline: UInt64
        /// `nil` when the event is not sampled.
        let trace: TraceContext?
        let tracestate: String
    }

    /// Sends something for an open call. What is malformed, what `network` does not grant (`nil` grants everything) and
    /// what is for an event of a muted replay, or for a shadow, is answered at once, with a fault. `timeout` in nanoseconds, 0 being the
    /// usual one; the call's deadline ends it, too. [any]
    package static func send(
        _ content: Transfer.Content, for call: patchbay_call, timeout: UInt64, network: NetworkGrant?,
        _ environment: HostEnvironment, _ completion: @escaping TransferEngine.Completion
    ) throws(ServiceRefusal) {
        if environment.shadow != nil {
            return completion(TransferAnswer(.denied, "the call is a shadow's, which has no effects outside"))
        }
        guard let engine = environment.transfers else { throw .unsupported }
        let view = try view(of: call, environment, timeout: timeout)
        if view.isMuted {
            return completion(TransferAnswer(.denied, "the call is of a muted replay, which has no effects outside"))
        }
        var transfer: Transfer
        do throws(TransferError) {
            transfer = try Transfer(content, deadline: view.deadline)
        } catch {
            return completion(TransferAnswer(.request, error.description))
        }
        do throws(TransferError) {
            try network?.check(transfer.service)
        } catch {
            return completion(TransferAnswer(.denied, error.description))
        }
        let span = begin(transfer, call, view, environment)
        // A trace goes on in the service from the exchange's span, or else from the call's.
        transfer.carryOn(environment.spans.context(of: span) ?? view.trace, view.tracestate)
        do throws(TransferEngine.Refusal) {
            try engine.submit(transfer) { answer in
                finish(span, answer, environment)
                completion(answer)
            }
        } catch {
            environment.spans.end(span, ok: false, now: environment.unixNow())
            throw error == .stopped ? .badState : .limit
        }
    }

    /// The same for a module's handler, which is not destroyed before it has its answer.
    static func send(
        _ content: Transfer.Content, for call: patchbay_call, timeout: UInt64, of context: HostContext,
        _ answered: @escaping patchbay_answered, _ receiver: UnsafeMutableRawPointer?
    ) throws(ServiceRefusal) {
        let completion = completion(answered, receiver)
        context.answers.begin()
        do throws(ServiceRefusal) {
            try send(content, for: call, timeout: timeout, network: context.network, context.environment) { answer in
                completion(answer)
                context.answers.end()
            }
        } catch {
            context.answers.end()
            throw error
        }
    }

    /// Hands an answer to a module, and calls it once.
    private static func completion(
        _ answered: @escaping patchbay_answered, _ receiver: UnsafeMutableRawPointer?
    ) -> TransferEngine.Completion {
        // Invariant: the module's own pointer, which it says is good for the one call of `answered`.
        nonisolated(unsafe) let receiver = receiver
        return { answer in lend(answer) { answered(receiver, $0) } }
    }

    // MARK: Private

    private static func view(
        of call: patchbay_call, _ environment: HostEnvironment, timeout: UInt64
    ) throws(ServiceRefusal) -> CallView {
        let (end, overflow) = pbs_now().addingReportingOverflow(timeout == 0 ? usualTimeout : timeout)
        let view = environment.calls.withOpenEvent(call) { event -> CallView in
            let event = event.pointee
            let isMuted = ForeignText.pairs(event.ext, event.ext_count, max: .max).contains {
                $0.key.bytes.elementsEqual(ReplayMark.muted.utf8)
            }
            let deadline = min(overflow ? .max : end, event.deadline_ns == 0 ? .max : event.deadline_ns)
            return CallView(
                isMuted: isMuted, deadline: deadline,
                trace: TraceContext(traceparent: UnsafeRawBufferPointer(event.traceparent.bytes)),
                tracestate: String(event.tracestate))
        }
        guard let view else { throw .stale }
        return view
    }

    /// A span of the exchange below the call's own, as OpenTelemetry names it; 0: nothing is recorded. Path, query and
    /// headers may hold secrets and are left out.
    private static func begin(
        _ transfer: Transfer, _ call: patchbay_call, _ view: CallView, _ environment: HostEnvironment
    ) -> patchbay_span {
        guard let trace = view.trace else { return 0 }
        var attributes = [Attribute("server.address", .string(transfer.service.host))]
        if let port = Int64(transfer.service.port) { attributes.append(Attribute("server.port", .int(port))) }
        var name = "SMTP"
        if case .http(let request) = transfer.content {
            name = request.method
            attributes.append(Attribute("http.request.method", .string(request.method)))
        }
        let span = environment.spans.begin(
            call: call, context: trace, parent: 0, name: name, kind: .client, now: environment.unixNow())
        for attribute in attributes { environment.spans.setAttribute(span, attribute) }
        return span
    }

    private static func finish(_ span: patchbay_span, _ answer: TransferAnswer, _ environment: HostEnvironment) {
        guard span != 0 else { return }
        if let fault = answer.fault {
            environment.spans.setAttribute(span, Attribute("error.type", .string(fault.name)))
        } else if answer.status >= 400 {
            environment.spans.setAttribute(span, Attribute("error.type", .string("\(answer.status)")))
        }
        if answer.status > 0, answer.fault == nil {
            environment.spans.setAttribute(span, Attribute("http.response.status_code", .int(Int64(answer.status))))
        }
        environment.spans.end(span, ok: answer.fault == nil && answer.status < 400, now: environment.unixNow())
    }

    /// Lends an answer to a module for one call.
    static func lend(_ answer: TransferAnswer, _ body: (UnsafePointer<patchbay_answer>) -> Void) {
        var wire = patchbay_answer()
        wire.size = UInt32(MemoryLayout<patchbay_answer>.size)
        wire.fault = answer.fault?.rawValue ?? 0
        wire.status = Int32(clamping: answer.status)
        wire.retry_after_ns = answer.retryAfter
        if answer.isUnsent { wire.flags |= UInt32(PATCHBAY_ANSWER_UNSENT) }
        if answer.isReused { wire.flags |= UInt32(PATCHBAY_ANSWER_REUSED) }
        // The message, then names and values, one after another.
        let texts = [answer.message] + answer.headers.flatMap { [$0.name, $0.value] }
        let bytes = texts.flatMap { Array($0.utf8) }
        bytes.withUnsafeBytes { raw in
            var offset = 0
            let lent = texts.map { text in
                defer { offset += text.utf8.count }
                return patchbay_str(
                    ptr: raw.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) },
                    len: UInt64(text.utf8.count))
            }
            wire.message = lent[0]
            let headers = stride(from: 1, to: lent.count, by: 2).map {
                patchbay_kv(key: lent[$0], value: lent[$0 + 1])
            }
            headers.withUnsafeBufferPointer { headers in
                answer.body.withUnsafeBufferPointer { content in
                    wire.headers = headers.baseAddress
                    wire.header_count = UInt64(headers.count)
                    wire.body = content.baseAddress
                    wire.body_len = UInt64(content.count)
                    body(&wire)
                }
            }
        }
    }
}
