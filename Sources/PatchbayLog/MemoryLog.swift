package import PatchbayEvents

/// The log in memory: nothing survives the process, and what is retained is what is pending.
package struct MemoryLog: EventLog {
    package private(set) var usage: LogUsage
    package let numbers = LogNumbers(routes: [], handlers: [])
    /// Submitted and not taken back, oldest first.
    private var committed: [LogSubmission] = []
    private var taken = 0
    private var spare: [LogSubmission] = []

    /// `boundBytes` is `log.bytes`. A quarter of it is the reserve for what handlers emit; at least 17 MiB, so that all
    /// that one call may emit finds room.
    package init(boundBytes: Int) {
        usage = LogUsage(boundBytes: boundBytes, reserveBytes: max(17 << 20, boundBytes / 4))
    }

    package var isDurable: Bool { false }
    package var takesSources: Bool { !usage.isFull }
    package var isBroken: Bool { false }
    package var drift: String? { nil }
    package var wantsCheckpoint: Bool { false }
    package var hasCommitted: Bool { taken < committed.count }
    package var isBusy: Bool { hasCommitted }

    package mutating func makeSubmission() -> LogSubmission { spare.popLast() ?? LogSubmission() }

    package mutating func submit(_ submission: LogSubmission, from origin: AppendOrigin) throws(LogError) {
        switch origin {
        case .source where usage.isFull, .handler where usage.isReserveFull:
            throw LogError(.full, "\(usage.retainedBytes) bytes are pending, the bound is \(usage.boundBytes)")
        default: break
        }
        for batch in submission.batches {
            batch.place(at: usage.nextPosition)
            usage.nextPosition += UInt64(batch.count)
            usage.add(batch)
        }
        committed.append(submission)
    }

    package mutating func takeCommitted() -> LogSubmission? {
        guard hasCommitted else {
            if taken > 0 {
                committed.removeAll(keepingCapacity: true)
                taken = 0
            }
            return nil
        }
        taken += 1
        return committed[taken - 1]
    }

    package mutating func recycle(_ submission: LogSubmission) {
        submission.reset()
        if spare.count < 16 { spare.append(submission) }
    }

    package mutating func retain(copies batch: EventBatch) { usage.add(batch) }
    package mutating func release(_ batch: EventBatch) { usage.remove(batch) }
}
