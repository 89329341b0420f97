import PatchbayEvents
import PatchbayLog

/// The log as the dispatcher sees it, with the oracle and the source looking on.
final class WatchedLog: EventLog, @unchecked Sendable {
    // Invariant: a simulation has one thread.
    private var log: FileLog
    private let world: World
    private let source: Source
    private let mutation: Mutation?
    /// Submitted and not heard of again, oldest first.
    private(set) var underWay: [LogSubmission] = []

    init(_ log: FileLog, _ world: World, _ source: Source, _ mutation: Mutation?) {
        self.log = log
        self.world = world
        self.source = source
        self.mutation = mutation
    }

    var isDurable: Bool { log.isDurable }
    var takesSources: Bool { log.takesSources }
    var hasCommitted: Bool { log.hasCommitted }
    var isBusy: Bool { log.isBusy }
    var isBroken: Bool { log.isBroken }
    var drift: String? { log.drift }
    var wantsCheckpoint: Bool { log.wantsCheckpoint }
    var numbers: LogNumbers { log.numbers }
    var usage: LogUsage { log.usage }

    func makeSubmission() -> LogSubmission { log.makeSubmission() }
    func recycle(_ submission: LogSubmission) { log.recycle(submission) }
    func retain(copies batch: EventBatch) { log.retain(copies: batch) }
    func release(_ batch: EventBatch) { log.release(batch) }

    func submit(_ submission: LogSubmission, from origin: AppendOrigin) throws(LogError) {
        var behind: LogSubmission?
        switch mutation {
        case .forgetsWhatHappened where origin == .handler: forget(submission)
        case .emitsInAnotherFrame where origin == .handler && !submission.batches.isEmpty:
            let other = log.makeSubmission()
            swap(&other.batches, &submission.batches)
            behind = other
        default: break
        }
        try log.submit(submission, from: origin)
        underWay.append(submission)
        if let behind { try submit(behind, from: origin) }
    }

    /// Leaves out what is written, and keeps what the dispatcher waits for.
    private func forget(_ submission: LogSubmission) {
        let (buried, retries) = (submission.journal.buried, submission.journal.retries)
        submission.journal = LogJournal()
        submission.journal.buried = buried
        submission.journal.retries = retries
    }

    func takeCommitted() -> LogSubmission? {
        guard let submission = log.takeCommitted() else { return nil }
        precondition(underWay.first === submission, "the log gives back what it was given, in order")
        underWay.removeFirst()
        world.commit(submission)
        for batch in submission.batches where batch.source >= 0 { source.acknowledge(batch) }
        return submission
    }
}
