/// What happens later, earliest first; what is due at the same time comes by rank.
struct Timeline<Action> {
    private struct Entry {
        var due: UInt64
        var rank: UInt64
        var action: Action

        static func < (a: Entry, b: Entry) -> Bool { (a.due, a.rank) < (b.due, b.rank) }
    }

    /// A binary heap.
    private var entries: [Entry] = []

    /// When the first is due; `nil` when there is none.
    var earliest: UInt64? { entries.first?.due }

    /// - Parameter rank: different for each.
    mutating func add(_ action: Action, due: UInt64, rank: UInt64) {
        entries.append(Entry(due: due, rank: rank, action: action))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The first, if it is due at `now`.
    mutating func popDue(_ now: UInt64) -> Action? {
        guard let first = entries.first, first.due <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && entries[child] < entries[least]
            {
                least = child
            }
            guard least != parent else { return first.action }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
