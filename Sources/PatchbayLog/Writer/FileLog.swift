package import PatchbayEvents

/// The log in files, as the dispatcher sees it; `LogWriter` has the thread.
package struct FileLog: EventLog {
    package let writer: LogWriter
    package let numbers: LogNumbers
    private var spare: [LogSubmission] = []
    private var outstanding = 0

    /// `memoryBytes` bounds the events that are held in memory at a time; how much may be pending is the disk's matter.
    package init(_ writer: LogWriter, memoryBytes: Int) {
        self.writer = writer
        numbers = writer.numbers
        usage = LogUsage(boundBytes: memoryBytes, reserveBytes: max(17 << 20, memoryBytes / 4))
    }

    package var isDurable: Bool { true }
    package var isBroken: Bool { writer.isBroken }
    package var drift: String? { writer.status.drift }
    package var wantsCheckpoint: Bool { writer.wantsCheckpoint }
    /// Sources leave half of the writer's queue to what has to be recorded of deliveries.
    package var takesSources: Bool { outstanding < writer.depth / 2 && !usage.isFull }
    package var hasCommitted: Bool { writer.hasCommitted }
    package var isBusy: Bool { outstanding > 0 }
    package private(set) var usage: LogUsage

    package mutating func makeSubmission() -> LogSubmission { spare.popLast() ?? LogSubmission() }

    package mutating func submit(_ submission: LogSubmission, from origin: AppendOrigin) throws(LogError) {
        let hasRoom = origin == .source ? takesSources : outstanding < writer.depth
        guard hasRoom, writer.submit(submission) else {
            throw LogError(.full, "the disk is \(outstanding) writes behind")
        }
        outstanding += 1
        for batch in submission.batches { usage.add(batch) }
    }

    package mutating func takeCommitted() -> LogSubmission? {
        guard let submission = writer.takeCommitted() else { return nil }
        outstanding -= 1
        if let last = submission.batches.last { usage.nextPosition = last.firstPosition + UInt64(last.count) }
        return submission
    }

    package mutating func recycle(_ submission: LogSubmission) {
        submission.reset()
        if spare.count < 32 { spare.append(submission) }
    }

    package mutating func retain(copies batch: EventBatch) { usage.add(batch) }
    package mutating func release(_ batch: EventBatch) { usage.remove(batch) }
}
