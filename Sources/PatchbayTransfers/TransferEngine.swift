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

    /// Transfers that are taken and not answered, at most, and bytes of what they send.
    package let openMax: Int
    package let openBytesMax: Int
    private let ways: ConnectionWays
    private let metrics: MetricsRegistry
    private let mailbox = Mutex(Mailbox())
    private let open = Atomic<Int>(0)
    /// Of the bodies of those.
    private let openBytes = Atomic<Int>(0)
    /// Held while one of those who stop it waits for the thread's end.
    private let ending = Mutex<OwnThread?>(nil)

    package init(
        _ ways: ConnectionWays = ConnectionWays(), metrics: MetricsRegistry, openMax: Int = 10_000,
        openBytesMax: Int = 256 << 20
    ) {
        self.ways = ways
        self.metrics = metrics
        self.openMax = openMax
        self.openBytesMax = openBytesMax
    }

    /// Takes a transfer on; `completion` is called once.
    package func submit(_ transfer: Transfer, _ completion: @escaping Completion) throws(Refusal) {
        let bytes = transfer.byteCount
        let places = open.wrappingAdd(1, ordering: .relaxed).newValue
        guard openBytes.wrappingAdd(bytes, ordering: .relaxed).newValue <= openBytesMax, places <= openMax else {
            release(bytes)
            throw .tooMany
        }
        let submission = Submission(transfer: transfer, submitted: pbs_now()) { [self] answer in
            release(bytes)
            completion(answer)
        }
        let refusal = mailbox.withLock { mailbox -> Refusal? in
            guard !mailbox.isStopping else { return .stopped }
            guard mailbox.thread != nil || start(&mailbox) else { return .noThread }
            mailbox.submitted.append(submission)
            mailbox.loop?.wake()
            return nil
        }
        if let refusal {
            release(bytes)
            throw refusal
        }
    }

    /// Ends everything that is under way or waits with `cancelled`, takes nothing more, and returns when the last answer
    /// has been given.
    package func stop() {
        ending.withLock { ending in
            ending = mailbox.withLock { mailbox -> OwnThread? in
                mailbox.isStopping = true
                mailbox.loop?.wake()
                defer { mailbox.thread = nil }
                return mailbox.thread
            }
            ending?.join()
            ending = nil
        }
    }

    private func release(_ bytes: Int) {
        open.wrappingSubtract(1, ordering: .relaxed)
        openBytes.wrappingSubtract(bytes, ordering: .relaxed)
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
        for (completion, answer) in run.takeAnswered() { completion(answer) }
    }
}
