import Synchronization

/// A bounded queue of finished spans: many threads push without ever waiting, one thread takes.
///
/// A ring takes them; each cell's `turn` tells whose it is: equal to the ticket, the producer's; one more, the
/// consumer's. What finds the ring full goes to the backlog, until the consumer has caught up, so a burst costs memory
/// only while it lasts. A full backlog refuses the newest span.
///
/// - Source: Vyukov, "Bounded MPMC queue"
final class SpanQueue: @unchecked Sendable {
    // Invariant: a cell of `spans` is written only by the producer that won its ticket and read only by the one
    // consumer, in the order that its `turn` publishes; `head` and `taken` belong to the consumer.
    let capacity: Int
    private let mask: UInt
    private let turns: UnsafeMutablePointer<Atomic<UInt>>
    private let spans: UnsafeMutablePointer<Span>
    private let tail = Atomic<UInt>(0)
    private var head: UInt = 0
    /// The ticket at which a producer shall ring; set by the consumer before it sleeps.
    private let wakeAt = Atomic<UInt>(.max)
    private let backlog: Mutex<SpanBacklog>
    /// Producers pass the ring by.
    private let hasBacklog = Atomic<Bool>(false)
    /// From the backlog, older than anything in the ring; newest first.
    private var taken: [Span] = []

    /// - Parameters:
    ///   - capacity: spans in the ring at most, rounded up to a power of two.
    ///   - backlogBytesMax: memory of the spans beyond that at most.
    init(capacity: Int, backlogBytesMax: Int = 0) {
        backlog = Mutex(SpanBacklog(bytesMax: backlogBytesMax))
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

    /// Any thread; a few atomic operations, and behind a full ring a lock that is held for one append.
    func push(_ span: consuming Span) -> Push {
        if hasBacklog.load(ordering: .sequentiallyConsistent) { return pushToBacklog(span) }
        var ticket = tail.load(ordering: .relaxed)
        while true {
            let turn = turns[Int(ticket & mask)].load(ordering: .acquiring)
            let lead = Int(bitPattern: turn &- ticket)
            if lead < 0 { return pushToBacklog(span) }
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
        if let span = taken.popLast() { return span }
        let cell = Int(head & mask)
        guard turns[cell].load(ordering: .acquiring) == head &+ 1 else { return popBacklog() }
        let span = (spans + cell).move()
        turns[cell].store(head &+ UInt(capacity), ordering: .releasing)
        head &+= 1
        return span
    }

    /// Asks the producer of the `count`th span from now to ring; false when that span is here already. Consumer only.
    func armWake(after count: Int) -> Bool {
        // Who begins a backlog after this rings.
        guard !hasBacklog.load(ordering: .sequentiallyConsistent) else { return false }
        let target = head &+ UInt(count) &- 1
        wakeAt.store(target, ordering: .sequentiallyConsistent)
        return turns[Int(target & mask)].load(ordering: .sequentiallyConsistent) != target &+ 1
    }

    /// Producers need not ring any more. Consumer only.
    func disarmWake() { wakeAt.store(.max, ordering: .relaxed) }

    private func pushToBacklog(_ span: consuming Span) -> Push {
        let span = span
        return backlog.withLock { backlog in
            guard backlog.append(span) else { return .full }
            let begins = !hasBacklog.load(ordering: .relaxed)
            if begins { hasBacklog.store(true, ordering: .sequentiallyConsistent) }
            return begins ? .wakes : .taken
        }
    }

    /// A thread's spans stay in order: the backlog is touched when every ticket of the ring before it is taken, and is
    /// over when it is empty.
    private func popBacklog() -> Span? {
        guard hasBacklog.load(ordering: .sequentiallyConsistent), tail.load(ordering: .sequentiallyConsistent) == head
        else { return nil }
        taken = backlog.withLock { backlog in
            let chunk = backlog.takeFirst()
            if backlog.isEmpty { hasBacklog.store(false, ordering: .sequentiallyConsistent) }
            return chunk
        }
        taken.reverse()
        return taken.popLast()
    }
}

/// Spans beyond a ring, in chunks, so that taking some is a matter of a pointer; bounded by their memory.
struct SpanBacklog {
    private static let chunkSpans = 1_024
    private let bytesMax: Int
    private var bytes = 0
    private var chunks: [(spans: [Span], bytes: Int)] = []

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var isEmpty: Bool { chunks.isEmpty }

    /// False when there is no room.
    mutating func append(_ span: Span) -> Bool {
        let size = span.byteEstimate
        guard bytes + size <= bytesMax else { return false }
        if chunks.isEmpty || chunks[chunks.count - 1].spans.count == Self.chunkSpans {
            chunks.append(([], 0))
            chunks[chunks.count - 1].spans.reserveCapacity(Self.chunkSpans)
        }
        chunks[chunks.count - 1].spans.append(span)
        chunks[chunks.count - 1].bytes += size
        bytes += size
        return true
    }

    /// The oldest chunk; empty when there is none.
    mutating func takeFirst() -> [Span] {
        guard !chunks.isEmpty else { return [] }
        let chunk = chunks.removeFirst()
        bytes -= chunk.bytes
        return chunk.spans
    }
}

extension Span {
    /// About the memory that it takes.
    var byteEstimate: Int {
        var bytes = MemoryLayout<Span>.stride + name.utf8.count + traceState.utf8.count
        func add(_ attributes: [Attribute]) {
            bytes += attributes.count * MemoryLayout<Attribute>.stride
            for attribute in attributes {
                if case .string(let text) = attribute.value { bytes += text.utf8.count }
                if case .array(let values) = attribute.value { bytes += values.count * 64 }
            }
        }
        add(attributes)
        for event in events {
            bytes += MemoryLayout<Event>.stride + event.name.utf8.count
            add(event.attributes)
        }
        for link in links {
            bytes += MemoryLayout<Link>.stride
            add(link.attributes)
        }
        return bytes
    }
}
