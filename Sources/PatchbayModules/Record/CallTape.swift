import CPatchbay
import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// What one call asks of the host, as it asks: each request with its answer and when it came, then what came of the
/// call. In a rerun, what was recorded answers in the place of the services. [any thread]
package final class CallTape: Sendable {
    /// What a rerun does with a request that the recording has no answer to.
    enum Unmatched {
        /// The service itself answers, on what the rerun has.
        case real
        /// It is as if it had been done.
        case accept
        /// It is refused, and told as unanswered.
        case refuse(patchbay_status)
    }

    private struct State {
        /// Requests that are answered later, so far.
        var sent: UInt64 = 0
        /// How often the handler asked whether it should end, and was told no.
        var polls: UInt64 = 0
        var isCancelled = false
        var isOver = false
    }

    private let sink: any TapeSink
    private let redact: @Sendable (String) -> String
    /// Monotonic nanoseconds.
    private let started = pbs_now()
    private let state = Mutex(State())
    /// Whether its outcome is known; held while the call is completed.
    private let isDecided = Mutex(false)
    /// `nil` while a call is recorded.
    let answers: RecordedAnswers?

    /// - Parameter redact: takes secrets out of what is written down.
    package init(
        to sink: any TapeSink, answers: RecordedAnswers? = nil, redact: @escaping @Sendable (String) -> String = { $0 }
    ) {
        self.sink = sink
        self.answers = answers
        self.redact = redact
    }

    // MARK: Requests

    /// Makes a request of a service and notes it.
    ///
    /// - Parameters:
    ///   - read: what it is made with, read as the service reads it and with the same bounds; a request that the
    ///     service refuses for what it is made with is noted as malformed.
    ///   - isLocal: in a rerun, what was recorded as done is done by the service, too, so that the call sees it.
    ///   - isOwn: in a rerun, the call's own doing decides the answer, so the service gives it.
    ///   - shown: what is noted of a request that is not malformed, and not compared word for word.
    ///   - real: the service.
    ///   - answer: what it answered, beside its status.
    ///   - replay: hands a recorded answer over; `nil`: it does not fit, and a later one may.
    func perform(
        _ function: String, _ read: () throws(ServiceRefusal) -> [(String, Value)], isLocal: Bool = false,
        isOwn: Bool = false, unmatched: Unmatched, beside shown: () -> [(String, Value)] = { [] },
        real: () -> patchbay_status,
        answer: (patchbay_status) -> [(String, Value)] = { _ in [] },
        replay: (Value) -> patchbay_status? = { RecordedValue.status(of: $0.member("status")) }
    ) -> patchbay_status {
        let at = pbs_now() - started
        let (arguments, beside, isMalformed): ([(String, Value)], [(String, Value)], Bool)
        do throws(ServiceRefusal) {
            (arguments, beside, isMalformed) = (try read(), shown(), false)
        } catch {
            (arguments, beside, isMalformed) = ([("malformed", RecordedValue.status(error.status))], [], true)
        }
        let request = redacted(.object(arguments))
        let status: patchbay_status
        var isAnswered = true
        // What is malformed the service refuses itself, in a rerun, too.
        if let answers, !isOwn, !isMalformed {
            if let recorded = answers.answer(to: function, request, replay) {
                status = recorded
                if isLocal, recorded == .ok { _ = real() }
            } else {
                switch unmatched {
                case .real:
                    status = real()
                    isAnswered = status >= 0
                case .accept: status = .ok
                case .refuse(let refusal):
                    status = refusal
                    isAnswered = false
                }
            }
        } else {
            status = real()
        }
        var entry: [(String, Value)] = [("call", .string(function)), ("at", RecordedValue.number(at))]
        entry.append(("with", request))
        entry += beside
        entry.append(("answer", .object([("status", RecordedValue.status(status))] + answer(status))))
        if !isAnswered { entry.append(("unanswered", .bool(true))) }
        write(.object(entry))
        return status
    }

    /// Notes a request whose answer comes later, before it is sent; the number that the answer is to name.
    func send(_ function: String, _ request: Value, isUnanswered: Bool) -> UInt64 {
        let number = state.withLock { state in
            state.sent += 1
            return state.sent
        }
        var entry: [(String, Value)] = [
            ("call", .string(function)), ("at", RecordedValue.number(pbs_now() - started)), ("with", request),
            ("number", RecordedValue.number(number)),
        ]
        if isUnanswered { entry.append(("unanswered", .bool(true))) }
        write(.object(entry))
        return number
    }

    /// Notes an answer that came later.
    func answered(_ number: UInt64, _ answer: Value) {
        write(
            .object([
                ("answerTo", RecordedValue.number(number)), ("at", RecordedValue.number(pbs_now() - started)),
                ("answer", answer),
            ]))
    }

    /// Arguments as they may be written down.
    func redacted(_ value: Value) -> Value { value.mappingText(redact) }

    // MARK: End

    /// Whether the call should end: the host's word, or the recording's after as many questions.
    func cancelled(_ real: () -> Int32) -> Int32 {
        let reason: Int32
        if let answers {
            let polls = state.withLock { $0.polls }
            reason = answers.cancellation.map { polls >= $0.polls ? $0.reason : 0 } ?? 0
        } else {
            reason = real()
        }
        let isFirst: UInt64? = state.withLock { state in
            guard reason != 0 else {
                state.polls += 1
                return nil
            }
            defer { state.isCancelled = true }
            return state.isCancelled ? nil : state.polls
        }
        if let isFirst { noteCancellation(reason, after: isFirst) }
        return reason
    }

    private func noteCancellation(_ reason: Int32, after polls: UInt64) {
        write(
            .object([
                ("call", .string("cancelled")), ("at", RecordedValue.number(pbs_now() - started)),
                ("answer", .object([("polls", RecordedValue.number(polls)), ("reason", .int(Int64(reason)))])),
            ]))
    }

    /// The host told the handler to end the call.
    func cancel(_ why: Int32) {
        write(
            .object([
                ("cancel", .int(Int64(why))), ("at", RecordedValue.number(pbs_now() - started)),
            ]))
    }

    /// Completes the call and notes what came of it, one completion at a time, so that a second one finds the word of
    /// the first. `decided` is told before that is written. `isLate`: the host ends it since it did not end in time.
    func completing(
        _ kind: OutcomeKind, _ details: ResultDetails?, by who: String, isLate: Bool,
        _ complete: () -> patchbay_status, decided: () -> Void
    ) -> patchbay_status {
        isDecided.withLock { isDecided in
            let status = complete()
            guard !isDecided, status == .ok || status == .stale else { return status }
            isDecided = true
            decided()
            // Nobody else has completed it: the host has closed it.
            if status == .ok && !isLate { end(kind, details, by: who) } else { endLate() }
            return status
        }
    }

    /// The host has closed the call, which did not end in time.
    func endLate() { end(.cancelled, nil, by: "host", beside: [("late", .bool(true))]) }

    /// What came of the call. `who` is `handler`; or `host`, or `worker` by its death, where
    /// it ended the call in its place.
    private func end(
        _ kind: OutcomeKind, _ details: ResultDetails?, by who: String, beside: [(String, Value)] = []
    ) {
        let at = pbs_now() - started
        let isFirst = state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        guard isFirst else { return }
        var outcome: [(String, Value)] = [
            ("outcome", .string(kind.name)), ("at", RecordedValue.number(at)), ("by", .string(who)),
        ]
        outcome += beside
        if let details {
            if details.code != 0 { outcome.append(("code", .int(Int64(details.code)))) }
            if !details.reason.isEmpty { outcome.append(("reason", .string(details.reason))) }
            if details.sparesBreaker { outcome.append(("sparesBreaker", .bool(true))) }
            if details.retryAfter != 0 {
                outcome.append(("retryAfterNanoseconds", RecordedValue.number(details.retryAfter)))
            }
            if !details.detail.isEmpty { outcome.append(("detail", RecordedValue.bytes(details.detail))) }
            if !details.reply.isEmpty {
                outcome.append(("reply", RecordedValue.bytes(details.reply)))
                outcome.append(("replyContentType", .string(details.replyContentType)))
            }
        }
        sink.end(redacted(.object(outcome)), kind)
    }

    /// What comes after the outcome is of no call any more.
    private func write(_ entry: Value) {
        guard !state.withLock({ $0.isOver }) else { return }
        sink.write(entry)
    }
}
