import Synchronization

/// A bounded queue of finished spans: many threads push without ever waiting, one thread takes.
///
/// A full queue refuses the newest span. Each cell's `turn` tells whose it is: equal to the ticket, the producer's;
/// one more, the consumer's.
///
/// - Source: Vyukov, "Bounded MPMC queue"
final class SpanQueue: @unchecked Sendable {
    // Invariant: a cell of `spans` is written only by the producer that won its ticket and read only by the one
    // consumer, in the order that its `turn` publishes; `head` belongs to the consumer.
    let capacity: Int
    private let mask: UInt
    private let turns: UnsafeMutablePointer<Atomic<UInt>>
    private let spans: UnsafeMutablePointer<Span>
    private let tail = Atomic<UInt>(0)
    private var head: UInt = 0
    /// The ticket at which a producer shall ring; set by the consumer before it sleeps.
    private let wakeAt = Atomic<UInt>(.max)

    /// - Parameter capacity: spans at most, rounded up to a power of two.
    init(capacity: Int) {
        var size = 2
        while size < capacity { size *= 2 }
        self.capacity = size
        mask = UInt(size - 1)
        turns = .allocate(capacity: size)
        spans = .allocate(capacity: size)
        for index in 0..<size { (turns + index).initialize(to: Atomic(UInt(index))) }
    }

    deinit {
        while pop() != nil {}
        turns.deinitialize(count: capacity)
        turns.deallocate()
        spans.deallocate()
    }

    enum Push {
        case taken, full
        /// Taken, and the consumer waits for just this one.
        case wakes
    }

    /// Any thread; a few atomic operations, no wait.
    func push(_ span: consuming Span) -> Push {
        var ticket = tail.load(ordering: .relaxed)
        while true {
            let turn = turns[Int(ticket & mask)].load(ordering: .acquiring)
            let lead = Int(bitPattern: turn &- ticket)
            if lead < 0 { return .full }
            if lead > 0 {
                ticket = tail.load(ordering: .relaxed)
                continue
            }
            let (won, seen) = tail.weakCompareExchange(expected: ticket, desired: ticket &+ 1, ordering: .relaxed)
            if won { break }
            ticket = seen
        }
        (spans + Int(ticket & mask)).initialize(to: span)
        turns[Int(ticket & mask)].store(ticket &+ 1, ordering: .sequentiallyConsistent)
        return wakeAt.load(ordering: .sequentiallyConsistent) == ticket ? .wakes : .taken
    }

    /// The oldest published span. Consumer only.
    func pop() -> Span? {
        let cell = Int(head & mask)
        guard turns[cell].load(ordering: .acquiring) == head &+ 1 else { return nil }
        let span = (spans + cell).move()
        turns[cell].store(head &+ UInt(capacity), ordering: .releasing)
        head &+= 1
        return span
    }

    /// Asks the producer of the `count`th span from now to ring; false when that span is here already. Consumer only.
    func armWake(after count: Int) -> Bool {
        let target = head &+ UInt(count) &- 1
        wakeAt.store(target, ordering: .sequentiallyConsistent)
        return turns[Int(target & mask)].load(ordering: .sequentiallyConsistent) != target &+ 1
    }

    /// Producers need not ring any more. Consumer only.
    func disarmWake() { wakeAt.store(.max, ordering: .relaxed) }
}
