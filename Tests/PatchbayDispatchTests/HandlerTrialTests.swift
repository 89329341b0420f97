import CPatchbay
import PatchbayEvents
import Synchronization
import Testing

@testable import PatchbayDispatch

/// A handler that is called with one event at a time, outside of any dispatch.
@Suite struct `a handler's trial` {
    private static let patience: UInt64 = 60_000_000_000

    /// What the handler is to do next, and the calls that it has kept.
    private final class Script: Sendable {
        let calls: CallTable
        let bell = Doorbell()
        let kept = Mutex<[patchbay_call]>([])
        let isOpen = Atomic<Bool>(false)
        let step = Mutex("ok")
        init() { calls = CallTable(capacity: 16, doorbell: bell) }

        var handler: Handler {
            Handler(name: "test.handler") { call, event in
                switch self.step.withLock({ $0 }) {
                case "fail": return self.calls.complete(call, .fail, ResultDetails(reason: "card: no funds"))
                case "error": return .internalError
                case "keep":
                    self.kept.withLock { $0.append(call) }
                    return .pending
                case "stay":
                    while !self.isOpen.load(ordering: .acquiring) {}
                    return .ok
                default: return String(event.pointee.id) == "1" ? .ok : .badArgument
                }
            }
        }
    }

    private func trial(_ script: Script) throws -> HandlerTrial {
        try HandlerTrial(script.handler, table: script.calls, completed: script.bell, route: "all")
    }

    private var batch: EventBatch { BatchMaker().batch([Given("1")]) }

    @Test func `says what the handler said, at once or from another thread`() throws {
        let script = Script()
        let trial = try trial(script)
        let batch = batch
        #expect(trial.call(batch, event: 0, timeout: Self.patience, grace: 0).end == .said(.done))
        script.step.withLock { $0 = "fail" }
        let failed = trial.call(batch, event: 0, timeout: Self.patience, grace: 0)
        #expect(failed.end == .said(.fail) && failed.details?.reason == "card: no funds")
        script.step.withLock { $0 = "error" }
        #expect(trial.call(batch, event: 0, timeout: Self.patience, grace: 0).end == .said(.retry))
        script.step.withLock { $0 = "keep" }
        let other = try OwnThread("completes") {
            while true {
                guard let call = script.kept.withLock({ $0.popLast() }) else { continue }
                _ = script.calls.complete(call, .skip, nil)
                return
            }
        }
        #expect(trial.call(batch, event: 0, timeout: Self.patience, grace: 0).end == .said(.skip))
        other.join()
        trial.end()
    }

    @Test func `a call that is late is left behind, and its completion harms no later one`() throws {
        let batch = batch
        // A handler's thread that gets no time within the timeout seems stuck: then with more of it.
        var script = Script()
        var trial = try trial(script)
        for timeout: UInt64 in [10_000_000, 1_000_000_000, 30_000_000_000] {
            script = Script()
            trial = try self.trial(script)
            script.step.withLock { $0 = "keep" }
            let end = trial.call(batch, event: 0, timeout: timeout, grace: 1_000_000).end
            if end == .late { break }
            #expect(end == .stuck && timeout < 30_000_000_000)
        }
        let late = try #require(script.kept.withLock { $0.popLast() })
        #expect(script.calls.complete(late, .fail, nil) == .stale)
        script.step.withLock { $0 = "ok" }
        for _ in 0..<20 {
            #expect(trial.call(batch, event: 0, timeout: Self.patience, grace: 0).end == .said(.done))
        }
        trial.end()
    }

    @Test func `a handler that does not return is given up`() throws {
        let script = Script()
        let trial = try trial(script)
        script.step.withLock { $0 = "stay" }
        #expect(trial.call(batch, event: 0, timeout: 1_000_000, grace: 1_000_000).end == .stuck)
        trial.end()
        script.isOpen.store(true, ordering: .releasing)
    }
}
