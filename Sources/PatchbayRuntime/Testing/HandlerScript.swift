import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents

/// What scripted handlers do, attempt by attempt.
struct HandlerScript {
    /// What one attempt does.
    struct Play {
        var outcome: Configuration.Test.Step.Outcome
        var reason: String
        /// Nanoseconds; 0 leaves it to the policy.
        var retryAfter: UInt64
        var code: Int32
        /// Nanoseconds until it ends; `.max` is never.
        var takes: UInt64
        /// Index of the injection whose events it emits when it is done.
        var emitter: Int?
    }

    fileprivate struct Part {
        let injection: Configuration.Test.Injection
        /// Attempts up to the end of each step.
        let ends: [Int]
        var played = 0
        var playedByEvent: [Int: Int] = [:]
    }

    private var parts: [Part]
    /// Of each handler; those of one event come first.
    private var order: [String: [Int]] = [:]

    init(_ injections: [Configuration.Test.Injection]) {
        parts = injections.map { injection in
            var end = 0
            return Part(
                injection: injection,
                ends: injection.fail.map { step in
                    end += step.times
                    return end
                })
        }
        for (index, injection) in injections.enumerated() { order[injection.handler, default: []].append(index) }
        for (handler, list) in order {
            order[handler] =
                list.filter { injections[$0].event != nil } + list.filter { injections[$0].event == nil }
        }
    }

    /// What the next attempt of `handler` does; `nil` when nothing is said of it.
    ///
    /// - Parameters:
    ///   - event: its number and id.
    ///   - time: nanoseconds since the test's beginning.
    mutating func next(_ handler: String, event: (number: Int, id: String), time: UInt64) -> Play? {
        for index in order[handler] ?? [] {
            let injection = parts[index].injection
            if let id = injection.event, id != event.id { continue }
            if let between = injection.between, !between.contains(.nanoseconds(Int64(clamping: time))) { continue }
            let step = parts[index].step(event.number)
            return Play(step, takes: injection.takes, emitter: injection.emits.items.isEmpty ? nil : index)
        }
        return nil
    }
}

extension HandlerScript.Part {
    mutating func step(_ event: Int) -> Configuration.Test.Step {
        var position: Int
        if injection.perEvent {
            position = playedByEvent[event, default: 0]
            playedByEvent[event] = position + 1
        } else {
            position = played
            played += 1
        }
        if injection.repeats, let last = ends.last { position %= last }
        guard let last = ends.last, position < last else { return injection.then }
        // The first step that ends behind the position.
        var (lower, upper) = (0, ends.count - 1)
        while lower < upper {
            let middle = (lower + upper) / 2
            if ends[middle] > position { upper = middle } else { lower = middle + 1 }
        }
        return injection.fail[lower]
    }
}

extension HandlerScript.Play {
    init(_ step: Configuration.Test.Step, takes: Duration, emitter: Int?) {
        outcome = step.outcome
        reason = step.reason.isEmpty ? "\(step.outcome.rawValue): scripted" : step.reason
        retryAfter = step.retryAfter.nanosecondsForClock
        code = Int32(clamping: step.code)
        self.takes =
            step.outcome == .timeout || step.outcome == .hang
            ? .max : (step.takes ?? takes).nanosecondsForClock
        self.emitter = emitter
    }

    static let succeeds = HandlerScript.Play(Configuration.Test.Step(.ok), takes: .zero, emitter: nil)

    /// As the core hears of it; with `cancelled` for one that was asked to end.
    var settled: SettledCall {
        var details = ResultDetails(reason: reason)
        details.retryAfter = retryAfter
        details.code = code
        let kind: OutcomeKind
        switch outcome {
        case .ok: return SettledCall(kind: .done)
        case .skip: kind = .skip
        case .transient: kind = .retry
        case .permanent: kind = .fail
        case .reject:
            kind = .fail
            details.sparesBreaker = true
        case .busy: kind = .busy
        case .timeout, .hang: kind = .cancelled
        }
        var settled = SettledCall(kind: kind)
        settled.details = details
        return settled
    }
}
