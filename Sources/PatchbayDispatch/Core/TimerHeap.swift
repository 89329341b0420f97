/// What waits for a time, earliest first; equal times in the order they were set.
struct TimerHeap {
    enum Subject: Equatable {
        case delivery(Link)
        case lane(Int)
        case breaker(UInt32)
    }

    private struct Entry {
        var due: UInt64
        var sequence: UInt64
        var subject: Subject

        func isBefore(_ other: Entry) -> Bool { due != other.due ? due < other.due : sequence < other.sequence }
    }

    private var entries: [Entry] = []
    private var sequence: UInt64 = 0

    var count: Int { entries.count }
    /// `nil` when nothing waits.
    var earliest: UInt64? { entries.first?.due }

    mutating func add(_ subject: Subject, due: UInt64) {
        sequence += 1
        entries.append(Entry(due: due, sequence: sequence, subject: subject))
        var child = entries.count - 1
        while child > 0, entries[child].isBefore(entries[(child - 1) / 2]) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The earliest subject that is due; `nil` when none is.
    mutating func popDue(_ now: UInt64) -> Subject? {
        guard let first = entries.first, first.due <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return first.subject
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].isBefore(entries[least]) { least = child }
            }
            if least == parent { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
