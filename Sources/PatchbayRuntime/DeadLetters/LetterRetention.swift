import PatchbayLog

/// Which dead letters have been kept for as long as their route keeps them. A value; time comes in.
///
/// Letters are told of in the order in which they died, so each route's are a queue. It takes about 24 bytes for each
/// kept letter of a route that does not keep its letters for ever.
struct LetterRetention: Sendable {
    private struct Queue {
        /// Nanoseconds.
        var age: UInt64
        var letters: [(id: LetterID, diedAt: UInt64)] = []
        var first = 0

        var dueAt: UInt64? { first < letters.count ? letters[first].diedAt &+ age : nil }
    }

    private var queues: [String: Queue]
    /// The last letter that was told of.
    private(set) var seen: LetterID?

    /// - Parameter ages: by route, in nanoseconds; 0 keeps for ever.
    init(_ ages: [String: UInt64]) { queues = ages.filter { $0.value > 0 }.mapValues { Queue(age: $0) } }

    /// Whether any route lets letters go.
    var isOn: Bool { !queues.isEmpty }

    /// A kept letter, behind all that were told of before. `diedAt` is Unix nanoseconds.
    mutating func add(_ id: LetterID, route: String, diedAt: UInt64) {
        seen = id
        queues[route]?.letters.append((id, diedAt))
    }

    /// A letter that cannot be read, and stays.
    mutating func pass(_ id: LetterID) { seen = id }

    /// Letters whose time is over; they are forgotten here. An operator may have taken some of them.
    mutating func takeExpired(unixNow: UInt64, max: Int) -> [LetterID] {
        var expired: [LetterID] = []
        for route in queues.keys.sorted() {
            guard var queue = queues[route] else { continue }
            while expired.count < max, let due = queue.dueAt, due <= unixNow {
                expired.append(queue.letters[queue.first].id)
                queue.first += 1
            }
            if queue.first > 1_024, queue.first > queue.letters.count / 2 {
                queue.letters.removeFirst(queue.first)
                queue.first = 0
            }
            queues[route] = queue
        }
        return expired
    }
}
