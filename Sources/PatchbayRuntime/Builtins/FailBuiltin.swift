import CPatchbay
import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// `builtin.fail`: fails as it is told, for trying policies out.
///
/// `config` is `{script: [transient, ok, …], repeat: false, retryAfter: 5s}`: each attempt plays the next entry, and
/// after the last one everything is `ok`, or the script begins again. Entries: `ok`, `transient`, `permanent`, `busy`,
/// `skip`, `timeout` (never completes). Without a script every attempt is `transient`.
final class FailBuiltin: Sendable {
    enum Step: String, Sendable, CaseIterable {
        case ok, transient, permanent, busy, skip, timeout
    }

    private let script: [Step]
    private let repeats: Bool
    private let retryAfter: UInt64
    private let calls: CallTable
    private let position = Atomic<Int>(0)

    init(script: [Step], repeats: Bool, retryAfter: UInt64, calls: CallTable) {
        self.script = script
        self.repeats = repeats
        self.retryAfter = retryAfter
        self.calls = calls
    }

    func handler(name: String) -> Handler {
        Handler(name: name) { call, _ in self.play(call) }
    }

    private func play(_ call: patchbay_call) -> patchbay_status {
        let step = next()
        var details = ResultDetails(reason: "\(step.rawValue): scripted by builtin.fail")
        details.retryAfter = retryAfter
        switch step {
        case .ok: return .ok
        case .transient: return calls.complete(call, .retry, details)
        case .permanent: return calls.complete(call, .fail, details)
        case .busy: return calls.complete(call, .busy, details)
        case .skip: return calls.complete(call, .skip, details)
        case .timeout: return .pending
        }
    }

    private func next() -> Step {
        let index = position.wrappingAdd(1, ordering: .relaxed).oldValue
        if script.isEmpty { return .transient }
        if index < script.count { return script[index] }
        return repeats ? script[index % script.count] : .ok
    }
}
