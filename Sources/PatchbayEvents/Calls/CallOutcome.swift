package import CPatchbay

/// What came of one call, as the handler said it.
package enum OutcomeKind: UInt8, Sendable, CaseIterable {
    case done = 1
    case retry = 2
    /// Permanent.
    case fail = 3
    case skip = 4
    case cancelled = 5
    /// Shed by the handler; costs no attempt.
    case busy = 6
    /// Not the handler's word: the call was never started and goes back to its lane, uncharged.
    case unstarted = 7

    package init(abi: Int32) {
        // 0 and what later minors may add are no outcome of ours: retry, as the header says of a zeroed result.
        self =
            UInt8(exactly: abi).flatMap(OutcomeKind.init(rawValue:)).flatMap { $0 == .unstarted ? nil : $0 } ?? .retry
    }

    package var name: String {
        switch self {
        case .done: "done"
        case .retry: "retry"
        case .fail: "fail"
        case .skip: "skip"
        case .cancelled: "cancelled"
        case .busy: "busy"
        case .unstarted: "unstarted"
        }
    }
}

/// The parts of a result beyond its kind; absent for a plain `done`.
package struct ResultDetails: Sendable, Equatable {
    package var code: Int32 = 0
    /// `PATCHBAY_R_SPARE_BREAKER`: the fault is the event's.
    package var sparesBreaker = false
    /// Nanoseconds; 0 leaves it to the policy, 1 is at once.
    package var retryAfter: UInt64 = 0
    package var reason = ""
    /// JSON text, or empty.
    package var detail: [UInt8] = []
    package var reply: [UInt8] = []
    package var replyContentType = ""

    package init() {}
    package init(reason: String) { self.reason = reason }

    /// Copies what a result holds, field by field as far as its size says.
    package init(_ result: UnsafePointer<patchbay_result>) {
        let size = Int(result.pointee.size)
        func has<T>(_ field: KeyPath<patchbay_result, T>) -> Bool {
            guard let offset = MemoryLayout<patchbay_result>.offset(of: field) else { return false }
            return size >= offset + MemoryLayout<T>.size
        }
        if has(\.flags) { sparesBreaker = result.pointee.flags & UInt32(PATCHBAY_R_SPARE_BREAKER) != 0 }
        if has(\.code) { code = result.pointee.code }
        if has(\.retry_after_ns) { retryAfter = result.pointee.retry_after_ns }
        if has(\.reason) { reason = String(result.pointee.reason) }
        if has(\.detail_json) { detail = [UInt8](result.pointee.detail_json) }
        if has(\.reply) { reply = [UInt8](result.pointee.reply) }
        if has(\.reply_content_type) { replyContentType = String(result.pointee.reply_content_type) }
    }
}

extension String {
    /// Copies the text; bytes that are not UTF-8 become U+FFFD.
    package init(_ text: patchbay_str) {
        self = String(decoding: text.bytes, as: UTF8.self)
    }
}

extension Array where Element == UInt8 {
    package init(_ text: patchbay_str) { self = Array(text.bytes) }
}

extension patchbay_str {
    /// The bytes where they lie; empty for a null pointer.
    package var bytes: UnsafeBufferPointer<UInt8> {
        guard let ptr, len > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        return ptr.withMemoryRebound(to: UInt8.self, capacity: Int(len)) {
            UnsafeBufferPointer(start: $0, count: Int(len))
        }
    }

    /// The same as raw bytes.
    package var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(len)) }
}
