import PatchbayEvents
import Synchronization

/// Questions to the ledger, answered by the thread that has it.
final class LedgerQuestions: Sendable {
    typealias Question = @Sendable (_ ledger: Ledger?) -> Void

    private struct State {
        var waiting: [Question] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let isAsked = Atomic<Bool>(false)

    /// Whether one waits. [writer]
    var isEmpty: Bool { !isAsked.load(ordering: .acquiring) }

    /// False when nobody answers any more. [any thread]
    func add(_ question: @escaping Question) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.waiting.append(question)
            isAsked.store(true, ordering: .releasing)
            return true
        }
    }

    /// Answers what waits. [writer]
    func answer(_ ledger: Ledger) {
        for question in take(closing: false) { question(ledger) }
    }

    /// Whoever waits gets no answer, and nobody does from here on. [writer]
    func close() {
        for question in take(closing: true) { question(nil) }
    }

    private func take(closing: Bool) -> [Question] {
        state.withLock { state in
            state.isClosed = state.isClosed || closing
            isAsked.store(false, ordering: .relaxed)
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}

extension LogWriter {
    /// What the ledger says of everything that is committed, between two groups and on the writer's thread; `nil` when
    /// the writer has ended. Waits while the disk refuses what is written. [any thread but the dispatcher's]
    package func ask<Answer: Sendable>(_ question: @escaping @Sendable (Ledger) -> Answer) -> Answer? {
        let reply = LedgerReply<Answer>()
        let isAsked = questions.add { ledger in reply.give(ledger.map { question($0) }) }
        guard isAsked else { return nil }
        bell.ring()
        return reply.wait()
    }
}

/// One answer, and the wait for it.
private final class LedgerReply<Answer: Sendable>: Sendable {
    private let given = Mutex<Answer??>(nil)
    private let bell = Doorbell()

    func give(_ answer: Answer?) {
        given.withLock { $0 = .some(answer) }
        bell.ring()
    }

    func wait() -> Answer? {
        while true {
            if let answer = given.withLock({ $0 }) { return answer }
            bell.wait(timeout: 0) { given.withLock { $0 != nil } }
        }
    }
}
