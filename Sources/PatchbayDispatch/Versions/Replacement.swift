import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// A change of code while calls are under way: what starts from then on runs the new handlers, what is open ends in the
/// old ones. [any thread]
package final class Replacement: Sendable {
    /// How it goes.
    package struct Progress: Sendable, Equatable {
        /// Calls of the code before that are still open.
        package var openBefore = 0
        /// The last of them has ended: nothing calls the code before any more.
        package var isRetired = false
        /// The dispatcher has ended; what is open stays so.
        package var isOver = false
        /// What became of the calls of the code before, in the ten to twenty seconds before the change; with a share,
        /// since then.
        package var before = CodeCounts()
        /// The same of the new code, so far.
        package var since = CodeCounts()
    }

    private enum Stage {
        case waiting
        case applied
        case refused(String)
    }

    private struct State {
        var stage = Stage.waiting
        var progress = Progress()
        var isWatched = true
    }

    /// What is to become of calls.
    enum Kind: Sendable {
        /// All of them run the new handlers.
        case all
        /// So many of 10,000 do; the rest goes on as before. The old code is not retired by it.
        case share(UInt32)
        /// All run what another one gave a share to, or none.
        case conclude(Replacement, promotes: Bool)
    }

    let handlers: [Handler]
    let kind: Kind
    private let state = Mutex(State())
    /// Rung at every step; whoever asked waits for it.
    private let bell: Doorbell
    /// Rung when the code before is not called any more, or never will be known to be.
    private let retired = Doorbell()

    init(_ handlers: [Handler], _ kind: Kind = .all, bell: Doorbell) {
        self.handlers = handlers
        self.kind = kind
        self.bell = bell
    }

    package var progress: Progress { state.withLock { $0.progress } }

    /// Waits until the code before is not called any more, the dispatcher has ended, or it is `until` (monotonic
    /// nanoseconds). [one thread]
    package func waitUntilRetired(until: UInt64) -> Progress {
        while true {
            let progress = progress
            let now = pbs_now()
            guard !progress.isRetired, !progress.isOver, now < until else { return progress }
            retired.wait(timeout: min(until - now, 1_000_000_000)) { self.progress.isRetired || self.progress.isOver }
        }
    }

    /// Nobody asks for the new code's counts any more.
    package func unwatch() { state.withLock { $0.isWatched = false } }

    // MARK: Dispatcher

    var isWatched: Bool { state.withLock { $0.isWatched } }

    func update(_ progress: Progress) {
        state.withLock { $0.progress = progress }
        bell.ring()
        if progress.isRetired { retired.ring() }
    }

    func applied(_ progress: Progress) {
        state.withLock {
            $0.stage = .applied
            $0.progress = progress
        }
        bell.ring()
    }

    func refuse(_ reason: String) {
        state.withLock { $0.stage = .refused(reason) }
        bell.ring()
    }

    func end() {
        state.withLock {
            $0.progress.isOver = true
            if case .waiting = $0.stage { $0.stage = .refused("the host ends") }
        }
        bell.ring()
        retired.ring()
    }

    // MARK: Whoever asks

    /// Waits until it is done.
    func waitUntilApplied() throws(ReplacementError) {
        while true {
            switch state.withLock({ $0.stage }) {
            case .applied: return
            case .refused(let reason): throw ReplacementError(message: reason)
            case .waiting: bell.wait(timeout: 0) { !isWaiting }
            }
        }
    }

    private var isWaiting: Bool { state.withLock { if case .waiting = $0.stage { true } else { false } } }
}

/// Why the dispatcher goes on with the code that it has.
package struct ReplacementError: Error, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}

/// The way of changes of code to the dispatcher: any thread offers, the dispatcher takes.
final class ReplacementPort: Sendable {
    private struct State {
        var offered: [Replacement] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    /// All that the dispatcher looks at while nobody changes anything.
    private let waiting = Atomic<Bool>(false)

    var isWaiting: Bool { waiting.load(ordering: .relaxed) }

    /// They are taken together.
    func offer(_ replacements: [Replacement]) {
        let isTaken = state.withLock { state in
            guard !state.isStopped else { return false }
            state.offered += replacements
            return true
        }
        if isTaken {
            waiting.store(true, ordering: .releasing)
        } else {
            for replacement in replacements { replacement.end() }
        }
    }

    func takeAll() -> [Replacement] {
        waiting.store(false, ordering: .relaxed)
        return state.withLock { state in
            defer { state.offered = [] }
            return state.offered
        }
    }

    func stop() {
        let left = state.withLock { state in
            state.isStopped = true
            defer { state.offered = [] }
            return state.offered
        }
        for replacement in left { replacement.end() }
    }
}
