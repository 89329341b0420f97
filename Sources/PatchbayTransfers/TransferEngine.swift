import CPatchbaySystem
import PatchbayEvents
package import PatchbayTelemetry
import Synchronization

/// Carries the requests and mails of all modules on one thread, `pb-transfers`, which starts with the first of them.
///
/// `submit` from any thread. Answers come on the engine's thread, which has nothing to do but carry: whoever gets one
/// copies what it needs and returns.
package final class TransferEngine: Sendable {
    package typealias Completion = @Sendable (TransferAnswer) -> Void

    /// Why a transfer is not taken.
    package enum Refusal: Error, Sendable { case tooMany, stopped, noThread }

    /// A transfer and who waits for it.
    struct Submission: Sendable {
        let transfer: Transfer
        let submitted: UInt64
        let completion: Completion
    }

    private struct Mailbox {
        var submitted: [Submission] = []
        var isStopping = false
        var thread: OwnThread?
        var loop: TransferLoop?
    }

    /// Transfers that are taken and not answered, at most.
    package let openMax: Int
    private let ways: ConnectionWays
    private let metrics: MetricsRegistry
    private let mailbox = Mutex(Mailbox())
    private let open = Atomic<Int>(0)

    package init(_ ways: ConnectionWays = ConnectionWays(), metrics: MetricsRegistry, openMax: Int = 10_000) {
        self.ways = ways
        self.metrics = metrics
        self.openMax = openMax
    }

    /// Takes a transfer on; `completion` is called once.
    package func submit(_ transfer: Transfer, _ completion: @escaping Completion) throws(Refusal) {
        guard open.wrappingAdd(1, ordering: .relaxed).newValue <= openMax else {
            open.wrappingSubtract(1, ordering: .relaxed)
            throw .tooMany
        }
        let submission = Submission(transfer: transfer, submitted: pbs_now(), completion: completion)
        let refusal = mailbox.withLock { mailbox -> Refusal? in
            guard !mailbox.isStopping else { return .stopped }
            guard mailbox.thread != nil || start(&mailbox) else { return .noThread }
            mailbox.submitted.append(submission)
            mailbox.loop?.wake()
            return nil
        }
        if let refusal {
            open.wrappingSubtract(1, ordering: .relaxed)
            throw refusal
        }
    }

    /// Ends everything that is under way or waits with `cancelled`, takes nothing more, and waits for the thread's end.
    package func stop() {
        let thread = mailbox.withLock { mailbox -> OwnThread? in
            mailbox.isStopping = true
            mailbox.loop?.wake()
            defer { mailbox.thread = nil }
            return mailbox.thread
        }
        thread?.join()
    }

    private func start(_ mailbox: inout Mailbox) -> Bool {
        guard let loop = TransferLoop() else { return false }
        do throws(ThreadError) {
            mailbox.thread = try OwnThread("pb-transfers") { [self] in
                var run = TransferRun(loop: loop, ways: ways, metrics: metrics)
                while step(&run) {}
            }
        } catch {
            return false
        }
        mailbox.loop = loop
        return true
    }

    /// One turn of the thread; false: it is to end.
    private func step(_ run: inout TransferRun) -> Bool {
        let (submitted, isStopping) = mailbox.withLock { mailbox in
            defer { mailbox.submitted = [] }
            return (mailbox.submitted, mailbox.isStopping)
        }
        for submission in submitted { run.admit(submission) }
        if isStopping {
            run.cancelAll()
            settle(&run)
            // The loop outlives the thread in whoever holds it; its connections close with it.
            mailbox.withLock { $0.loop = nil }
            return false
        }
        run.advance()
        settle(&run)
        run.wait()
        return true
    }

    /// Answers what is over.
    private func settle(_ run: inout TransferRun) {
        for (completion, answer) in run.takeAnswered() {
            open.wrappingSubtract(1, ordering: .relaxed)
            completion(answer)
        }
    }
}
