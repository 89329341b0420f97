import CPatchbay
import PatchbayEvents
import Synchronization

/// What services answered when a call was recorded, for a rerun: found by service and arguments, each in its order. A
/// request that is made more often than it was gets the last answer again. [any thread]
package final class RecordedAnswers: Sendable {
    private struct Key: Hashable {
        let function: String
        let arguments: [UInt8]
    }

    private struct State {
        /// Places in `answers` that were not given yet, by request.
        var waiting: [Key: ArraySlice<Int>] = [:]
        /// The place that was given last.
        var last: [Key: Int] = [:]
        /// Numbers of requests to be answered later, by place.
        var numbers: [Key: ArraySlice<UInt64>] = [:]
    }

    /// What a handler was told when it asked whether to end.
    struct Cancellation {
        /// After it had been told no so often.
        var polls: UInt64
        var reason: Int32
    }

    /// `nil`: it was never told to.
    let cancellation: Cancellation?
    private let answers: [Value]
    /// By the number of the request.
    private let later: [UInt64: Value]
    private let state: Mutex<State>

    package init(_ recording: RecordedCall) {
        var answers: [Value] = []
        var later: [UInt64: Value] = [:]
        var state = State()
        var cancellation: Cancellation?
        for entry in recording.entries {
            let answer = entry.member("answer") ?? .null
            if let number = entry.number("answerTo") {
                later[number] = answer
                continue
            }
            guard let function = entry.text("call") else { continue }
            if function == "cancelled" {
                cancellation = Cancellation(
                    polls: answer.number("polls") ?? 0, reason: Int32(truncatingIfNeeded: answer.number("reason") ?? 1))
                continue
            }
            // What the call saw of its own writing is its own matter in the rerun, too.
            guard answer.member("own") == nil else { continue }
            let key = Self.key(function, entry.member("with") ?? .null)
            if let number = entry.number("number") {
                state.numbers[key, default: []].append(number)
                continue
            }
            state.waiting[key, default: []].append(answers.count)
            answers.append(answer)
        }
        self.answers = answers
        self.later = later
        self.cancellation = cancellation
        self.state = Mutex(state)
    }

    private static func key(_ function: String, _ arguments: Value) -> Key {
        Key(function: function, arguments: arguments.json)
    }

    /// Hands the next answer to `take` until one fits; `nil`: none does.
    func answer(
        to function: String, _ arguments: Value, _ take: (Value) -> patchbay_status?
    ) -> patchbay_status? {
        let key = Self.key(function, arguments)
        while let place = state.withLock({ $0.waiting[key]?.popFirst() }) {
            state.withLock { $0.last[key] = place }
            if let status = take(answers[place]) { return status }
        }
        return state.withLock { $0.last[key] }.flatMap { take(answers[$0]) }
    }

    /// The answer that came later to a request, which is not given more often than it was; `nil`: there is none.
    func laterAnswer(to function: String, _ arguments: Value) -> Value? {
        let key = Self.key(function, arguments)
        return state.withLock { $0.numbers[key]?.popFirst() }.flatMap { later[$0] }
    }

    /// What the handler's keys held before the call, as far as it looked: key, value and revision.
    package var stateBefore: [(key: String, value: [UInt8], revision: UInt64)] {
        var seen: Set<String> = []
        return state.withLock { state in
            state.waiting.compactMap { key, places in
                guard key.function == "state.get", let name = Self.stateKey(key.arguments) else { return nil }
                for place in places {
                    let answer = answers[place]
                    guard let value = RecordedValue.bytes(of: answer.member("value")),
                        let revision = answer.number("revision"), seen.insert(name).inserted
                    else { continue }
                    return (name, value, revision)
                }
                return nil
            }
        }
    }

    private static func stateKey(_ arguments: [UInt8]) -> String? {
        do throws(CloudEventsError) {
            return try JSONReader().value(arguments).text("key")
        } catch {
            preconditionFailure("JSON of our own does not read: \(error)")
        }
    }
}
