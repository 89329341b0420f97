import Glibc
import PatchbayEvents

/// What the way a command ended means for its call.
struct CommandOutcome: Equatable {
    var kind: OutcomeKind
    var details: ResultDetails

    init(_ kind: OutcomeKind, _ details: ResultDetails = ResultDetails()) {
        self.kind = kind
        self.details = details
    }

    /// By exit status: 0 is done, 65 (EX_DATAERR) a permanent failure that is the event's, 75 (EX_TEMPFAIL) and all
    /// others are tried again. `codes` says otherwise, status by status.
    ///
    /// - Source: sysexits.h
    init(_ end: OwnProcess.End, codes: [Int32: OutcomeKind], reason: String) {
        switch end {
        case .exited(let status):
            let kind = codes[status] ?? Self.usual(status)
            var details = ResultDetails(
                reason: kind == .done ? "" : "exit status \(status)" + (reason.isEmpty ? "" : ": \(reason)"))
            details.code = status
            details.sparesBreaker = kind == .fail
            self.init(kind, details)
        case .signalled(let number):
            var details = ResultDetails(reason: "ended by signal \(number) (\(String(cString: strsignal(number))))")
            details.code = 128 + number
            self.init(.retry, details)
        }
    }

    private static func usual(_ status: Int32) -> OutcomeKind {
        switch status {
        case 0: .done
        case 65: .fail
        default: .retry
        }
    }

    /// By a line that a long-lived command answers: `{"outcome": "done|retry|fail|skip|busy", "reason": …, "code": …,
    /// "retryAfterMs": …}`; `nil` when it is something else.
    init?(answer line: ArraySlice<UInt8>) {
        do {
            guard case .map(let answer) = try JSONReader().value(Array(line)) else { throw CommandAnswerError() }
            guard case .string(let name)? = answer["outcome"], let kind = Self.names[name] else {
                throw CommandAnswerError()
            }
            var details = ResultDetails()
            if case .string(let reason)? = answer["reason"] { details.reason = reason }
            if case .int(let code)? = answer["code"] { details.code = Int32(clamping: code) }
            if case .int(let milliseconds)? = answer["retryAfterMs"], milliseconds > 0 {
                details.retryAfter = UInt64(min(milliseconds, 31_536_000_000)) * 1_000_000
            }
            details.sparesBreaker = kind == .fail
            self.init(kind, details)
        } catch {
            return nil
        }
    }

    /// For a line that is no answer.
    init(wrongAnswer line: ArraySlice<UInt8>) {
        let text = String(decoding: line.prefix(200), as: UTF8.self)
        self.init(
            .retry,
            ResultDetails(
                reason: "the command answered '\(text)', not {\"outcome\": \"done\"} or retry, fail, skip, busy"))
    }

    static let names: [String: OutcomeKind] = [
        "done": .done, "retry": .retry, "fail": .fail, "skip": .skip, "busy": .busy,
    ]
}

private struct CommandAnswerError: Error {}
