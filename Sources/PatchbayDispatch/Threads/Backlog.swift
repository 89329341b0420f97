import PatchbayLog

/// Deliveries of one handler that are in the log and not in memory: the part of the log between its lanes' cursors and
/// the end. Oldest first.
struct Backlog {
    private var frames: [PendingEvents] = []
    private var taken = 0
    /// Deliveries in all.
    private(set) var count = 0
    /// Of these deliveries' events in the log, about.
    private(set) var byteCount = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ frame: PendingEvents) {
        guard !frame.events.isEmpty else { return }
        frames.append(frame)
        count += frame.events.count
        byteCount += frame.byteCount
    }

    /// The oldest frame; it is not in here any more.
    mutating func popFirst() -> PendingEvents? {
        guard taken < frames.count else { return nil }
        let frame = frames[taken]
        taken += 1
        count -= frame.events.count
        byteCount -= frame.byteCount
        if taken == frames.count {
            frames.removeAll()
            taken = 0
        } else if taken > 4096, taken > frames.count / 2 {
            frames.removeFirst(taken)
            taken = 0
        }
        return frame
    }

    /// Puts back what could not be read.
    mutating func putBack(_ frame: PendingEvents) {
        count += frame.events.count
        byteCount += frame.byteCount
        if taken > 0 {
            taken -= 1
            frames[taken] = frame
        } else {
            frames.insert(frame, at: 0)
        }
    }
}

extension PendingEvents {
    /// The events' part of their frame.
    fileprivate var byteCount: Int { Int(location.length) * events.count / max(1, eventCount) }
}
