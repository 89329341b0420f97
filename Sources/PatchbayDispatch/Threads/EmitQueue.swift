import PatchbayEvents

/// Events that wait to come in again: at once, or at a time.
struct EmitQueue {
    private var ready: [Reentry] = []
    /// How many of `ready` are taken already.
    private var taken = 0
    /// Latest first, so that what is due is at the end.
    private var delayed: [(due: UInt64, reentry: Reentry)] = []

    /// What the events hold, roughly.
    private(set) var bytes = 0

    var isEmpty: Bool { taken == ready.count && delayed.isEmpty }
    /// Unix nanoseconds; 0 when something is ready, `nil` when nothing waits.
    var earliest: UInt64? { taken == ready.count ? delayed.last?.due : 0 }
    /// Everything that waits, for the report of what is pending.
    var all: [Reentry] { ready[taken...] + delayed.reversed().map(\.reentry) }

    mutating func add(_ reentry: Reentry, notBefore: UInt64, unixNow: UInt64) {
        bytes += Self.bytes(reentry)
        guard notBefore > unixNow else {
            ready.append(reentry)
            return
        }
        var lower = 0
        var upper = delayed.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if delayed[middle].due > notBefore { lower = middle + 1 } else { upper = middle }
        }
        delayed.insert((notBefore, reentry), at: lower)
    }

    /// At most `max`, oldest first.
    mutating func takeDue(_ unixNow: UInt64, max: Int) -> [Reentry] {
        while let last = delayed.last, last.due <= unixNow {
            ready.append(last.reentry)
            delayed.removeLast()
        }
        let end = min(ready.count, taken + max)
        let due = Array(ready[taken..<end])
        for reentry in due { bytes -= Self.bytes(reentry) }
        taken = end
        if taken == ready.count {
            ready.removeAll()
            taken = 0
        } else if taken > 4096, taken > ready.count / 2 {
            ready.removeFirst(taken)
            taken = 0
        }
        return due
    }

    private static func bytes(_ reentry: Reentry) -> Int { 512 + (reentry.event.data?.count ?? 0) }
}
