import PatchbayDispatch

/// How far a long run is: what a line of progress says, from two looks at its counts. A value; the time comes in.
package struct RunProgress: Sendable, Equatable {
    /// Events that came in.
    package private(set) var events: UInt64 = 0
    /// Deliveries that ended, one way or the other.
    package private(set) var settled: UInt64 = 0
    package private(set) var pending: UInt64 = 0
    package private(set) var retries: UInt64 = 0
    package private(set) var dead: UInt64 = 0
    /// Deliveries settled a second, since the look before; `nil` at the first.
    package private(set) var rate: Double?
    /// Of the whole, 0 to 1; `nil` where nobody knows how large the input is.
    package private(set) var share: Double?
    /// Nanoseconds since the first look.
    package private(set) var elapsed: UInt64 = 0

    private var began: UInt64?
    private var lookedAt: UInt64 = 0

    package init() {}

    /// Takes what a run says of itself at `now`, in monotonic nanoseconds.
    package mutating func look(at report: RunReport, now: UInt64) {
        let counts = report.status.counts
        let ended = counts.done + counts.skipped + counts.dead
        look(
            events: report.accepted, settled: ended, pending: counts.pending, retries: counts.retries,
            dead: report.dead, input: report.input, now: now)
    }

    mutating func look(
        events: UInt64, settled: UInt64, pending: UInt64, retries: UInt64, dead: UInt64, input: InputExtent?,
        now: UInt64
    ) {
        if began != nil, now > lookedAt {
            rate = Double(settled - min(settled, self.settled)) * 1e9 / Double(now - lookedAt)
        }
        let first = began ?? now
        (began, lookedAt, elapsed) = (first, now, now - min(now, first))
        (self.events, self.settled, self.pending, self.retries, self.dead) = (events, settled, pending, retries, dead)
        // What is read and not settled has to be waited for, too.
        let ofRead = settled + pending == 0 ? 1 : Double(settled) / Double(settled + pending)
        share = input.map { $0.share * ofRead }
    }

    /// Nanoseconds until the end, if it goes on as it did on average; `nil` while that is a guess.
    package var remaining: UInt64? { share.flatMap { Self.remaining(share: $0, elapsed: elapsed) } }

    /// The same of any work of which a share is done.
    package static func remaining(share: Double, elapsed: UInt64) -> UInt64? {
        guard share >= 0.01, elapsed >= 1_000_000_000 else { return nil }
        return UInt64(Double(elapsed) * max(0, 1 - share) / share)
    }
}

/// How much of an input has been read.
package struct InputExtent: Sendable, Equatable {
    /// In any unit; at most `all`.
    package var read: UInt64
    package var all: UInt64

    package init(read: UInt64, all: UInt64) {
        self.read = min(read, all)
        self.all = all
    }

    /// 0 to 1; an empty input has been read.
    package var share: Double { all == 0 ? 1 : Double(read) / Double(all) }

    /// Of several inputs together; `nil` when one of them is unknown, or there is none.
    static func sum(_ extents: [InputExtent?]) -> InputExtent? {
        guard !extents.isEmpty else { return nil }
        var sum = InputExtent(read: 0, all: 0)
        for extent in extents {
            guard let extent else { return nil }
            sum = InputExtent(read: sum.read + extent.read, all: sum.all + extent.all)
        }
        return sum
    }
}
