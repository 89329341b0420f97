public import CPatchbay

/// What became of an event.
@frozen
public struct Outcome: Sendable {
    @usableFromInline let kind: Int32
    @usableFromInline var flags: UInt32 = 0
    @usableFromInline var code: Int32 = 0
    @usableFromInline var retryAfterNanoseconds: UInt64 = 0
    @usableFromInline var details: Details?

    /// Everything that costs memory; absent in the outcomes that a fast handler returns.
    @usableFromInline
    final class Details: Sendable {
        let reason: String
        let detail: JSON?
        let reply: [UInt8]
        let replyContentType: String

        init(reason: String, detail: JSON? = nil, reply: [UInt8] = [], replyContentType: String = "") {
            self.reason = reason
            self.detail = detail
            self.reply = reply
            self.replyContentType = replyContentType
        }
    }

    @inlinable
    init(kind: Int32, details: Details? = nil) {
        self.kind = kind
        self.details = details
    }

    private init(kind: Int32, reason: String, code: Int32, detail: JSON?) {
        self.kind = kind
        self.code = code
        details = reason.isEmpty && detail == nil ? nil : Details(reason: reason, detail: detail)
    }

    /// Handled: what was emitted and stored is committed.
    @inlinable public static var done: Outcome { Outcome(kind: Int32(PATCHBAY_DONE)) }
    /// Not for this handler: settled without effect.
    @inlinable public static var skip: Outcome { Outcome(kind: Int32(PATCHBAY_SKIP)) }
    /// Gave up because the host cancelled the call.
    @inlinable public static var cancelled: Outcome { Outcome(kind: Int32(PATCHBAY_CANCELLED)) }

    /// Handled, with an answer for whoever waits.
    public static func done(reply: JSON) -> Outcome {
        .done(reply: Array(reply.description.utf8), contentType: "application/json")
    }

    /// Handled, with an answer in any format for whoever waits.
    public static func done(reply: [UInt8], contentType: String) -> Outcome {
        Outcome(
            kind: Int32(PATCHBAY_DONE), details: Details(reason: "", reply: reply, replyContentType: contentType))
    }

    /// Failed for now. Tried again when the route's policy says so, or `after` that time; `.zero` means at once.
    ///
    /// `reason` starts with a short, stable class, such as `card_declined` or `timeout: no answer in 3 s`: the part
    /// before a ':' is what policies match. `detail` goes to whoever inspects the dead letter.
    public static func retry(
        _ reason: String = "", after: Duration? = nil, code: Int32 = 0, detail: JSON? = nil
    ) -> Outcome {
        var outcome = Outcome(kind: Int32(PATCHBAY_RETRY), reason: reason, code: code, detail: detail)
        outcome.retryAfterNanoseconds = after.map { max(1, $0.nanoseconds) } ?? 0
        return outcome
    }

    /// Failed for good: no further attempt, the event becomes a dead letter.
    public static func fail(_ reason: String, code: Int32 = 0, detail: JSON? = nil) -> Outcome {
        Outcome(kind: Int32(PATCHBAY_FAIL), reason: reason, code: code, detail: detail)
    }

    /// The event itself is bad: as `fail`, and the circuit breaker does not count it.
    public static func reject(_ reason: String, code: Int32 = 0, detail: JSON? = nil) -> Outcome {
        var outcome = Outcome.fail(reason, code: code, detail: detail)
        outcome.flags = UInt32(PATCHBAY_R_SPARE_BREAKER)
        return outcome
    }

    /// Refused for lack of capacity: costs no attempt and is offered again.
    public static func busy(_ reason: String = "", after: Duration? = nil) -> Outcome {
        var outcome = Outcome(kind: Int32(PATCHBAY_BUSY), reason: reason, code: 0, detail: nil)
        outcome.retryAfterNanoseconds = after.map { max(1, $0.nanoseconds) } ?? 0
        return outcome
    }

    /// What an error that leaves a handler means: `JSONError` rejects, `CancellationError` gives up, a `Fault` that
    /// another attempt cannot mend fails, every other one is tried again with its description as the reason.
    init(throwing error: any Error) {
        switch error {
        case let error as JSONError: self = .reject("invalid: \(error)")
        case is CancellationError: self = .cancelled
        case let fault as Fault where fault.code == .cancelled: self = .cancelled
        case let fault as Fault where !fault.isTransient: self = .fail(fault.description, code: Int32(fault.status))
        default: self = .retry(String(describing: error))
        }
    }

    /// Whether returning PATCHBAY_OK says all.
    var isPlainDone: Bool { kind == Int32(PATCHBAY_DONE) && details == nil }

    /// Lends the result to the host for the duration of `body`.
    func withResult(_ body: (UnsafePointer<patchbay_result>) -> patchbay_status) -> patchbay_status {
        var result = patchbay_result()
        result.size = UInt32(MemoryLayout<patchbay_result>.size)
        result.outcome = kind
        result.flags = flags
        result.code = code
        result.retry_after_ns = retryAfterNanoseconds
        guard let details else { return body(&result) }
        return details.reason.withText { reason in
            (details.detail?.description ?? "").withText { detail in
                details.replyContentType.withText { contentType in
                    details.reply.withUnsafeBytes { reply in
                        result.reason = reason
                        result.detail_json = detail
                        result.reply_content_type = contentType
                        result.reply = patchbay_str(
                            ptr: reply.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(reply.count))
                        return body(&result)
                    }
                }
            }
        }
    }
}

extension Duration {
    /// Whole nanoseconds, 0 for a negative duration and at most `UInt64.max`.
    var nanoseconds: UInt64 {
        // Up to nine seconds without a 128-bit division.
        if let small = Int64(exactly: attoseconds) { return UInt64(max(0, small)) / 1_000_000_000 }
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
        return overflow || carried ? .max : sum
    }
}
