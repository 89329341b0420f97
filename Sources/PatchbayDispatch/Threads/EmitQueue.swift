import PatchbayEvents

/// Events that wait to come in again: at once, or at a time. What they hold counts against the room for emits.
struct EmitQueue {
    /// In the order in which they came.
    private var arriving: [Reentry] = []
    /// Older than `arriving`; the oldest last, so that what is taken gives its memory back at once.
    private var leaving: [Reentry] = []
    /// Latest first, so that what is due is at the end.
    private var delayed: [(due: UInt64, reentry: Reentry)] = []
    private let room: ByteRoom

    init(room: ByteRoom) { self.room = room }

    var isEmpty: Bool { hasNoneReady && delayed.isEmpty }
    /// Unix nanoseconds; 0 when something is ready, `nil` when nothing waits.
    var earliest: UInt64? { hasNoneReady ? delayed.last?.due : 0 }
    /// Everything that waits, for the report of what is pending.
    var all: [Reentry] { leaving.reversed() + arriving + delayed.reversed().map(\.reentry) }

    /// What is to come in at a time, in Unix nanoseconds.
    var delayedEvents: [(due: UInt64, event: Event)] { delayed.map { ($0.due, $0.reentry.event) } }

    mutating func add(_ reentry: Reentry, notBefore: UInt64, unixNow: UInt64) {
        room.settle(reentry.byteCount)
        guard notBefore > unixNow else {
            arriving.append(reentry)
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

    /// Oldest first: at most `max`, and no more once they have `bytesMax`.
    mutating func takeDue(_ unixNow: UInt64, max: Int, bytesMax: Int) -> [Reentry] {
        while let last = delayed.last, last.due <= unixNow {
            arriving.append(last.reentry)
            delayed.removeLast()
        }
        var due: [Reentry] = []
        var bytes = 0
        while due.count < max, bytes < bytesMax, let next = takeOldest() {
            bytes += next.byteCount
            due.append(next)
        }
        room.settle(-bytes)
        return due
    }

    private var hasNoneReady: Bool { arriving.isEmpty && leaving.isEmpty }

    private mutating func takeOldest() -> Reentry? {
        if leaving.isEmpty {
            leaving = arriving.reversed()
            arriving = []
        }
        return leaving.popLast()
    }
}

extension Reentry {
    /// What it holds in memory, about.
    var byteCount: Int { EmittedEvent(event: event, notBefore: 0).heldByteCount }
}
