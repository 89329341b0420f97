package import PatchbayEvents

/// The log in memory: nothing survives the process, and what is retained is what is pending.
package struct MemoryLog: EventLog {
    package private(set) var usage: LogUsage

    /// `boundBytes` is `log.bytes`. A quarter of it is the reserve for what handlers emit; at least 17 MiB, so that all
    /// that one call may emit finds room.
    package init(boundBytes: Int) {
        usage = LogUsage(boundBytes: boundBytes, reserveBytes: max(17 << 20, boundBytes / 4))
    }

    package mutating func append(_ batch: EventBatch, from origin: AppendOrigin) throws(LogError) {
        switch origin {
        case .source where usage.isFull, .handler where usage.isReserveFull:
            throw LogError(.full, "\(usage.retainedBytes) bytes are pending, the bound is \(usage.boundBytes)")
        default: break
        }
        batch.firstPosition = usage.nextPosition
        usage.nextPosition += UInt64(batch.count)
        usage.retainedBytes += batch.byteCount
        usage.retainedEvents += batch.count
    }

    package mutating func retain(copies batch: EventBatch) {
        usage.retainedBytes += batch.byteCount
        usage.retainedEvents += batch.count
    }

    package mutating func release(_ batch: EventBatch) {
        usage.retainedBytes -= batch.byteCount
        usage.retainedEvents -= batch.count
    }
}
