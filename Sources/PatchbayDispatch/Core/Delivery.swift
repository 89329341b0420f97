package import PatchbayEvents

/// An index into the core's tables, 0 being none.
typealias Link = UInt32

/// One loaded delivery. Lives in the core's table and belongs to the dispatcher alone.
struct Delivery: BitwiseCopyable {
    enum State: UInt8 {
        case free = 0
        /// In its lane's ready list.
        case ready
        /// Behind another delivery of its ordering key.
        case waitingForKey
        /// Until a time: a retry's, that of a handler that shed it, or that of its rate limit.
        case waitingForTime
        /// Until its last failure is recorded.
        case waitingForRecord
        /// For a permit of its key.
        case waitingForShare
        /// In its retry budget's list.
        case waitingForBudget
        /// In its breaker's list.
        case waitingForBreaker
        /// Behind another delivery of its rate limit's key.
        case waitingForTurn
        /// Given back by a worker; goes to the front of its lane's ready list.
        case returned
        case inFlight
        /// Given up; its dead letter is being written.
        case dying
    }

    var keyHash: UInt64 = 0
    var rateKeyHash: UInt64 = 0
    /// Monotonic nanoseconds when the first attempt started; 0 before.
    var firstStart: UInt64 = 0
    /// Since when it waits for the host, in monotonic nanoseconds: ready, refused by a gate, or in a worker's queue.
    /// 0 while it waits for a retry's time, which is the policy's doing.
    var readySince: UInt64 = 0
    /// Waits since the first attempt that the host caused, in nanoseconds.
    var hostWaits: UInt64 = 0
    /// Nanoseconds waited before the last retry.
    var previousDelay: UInt64 = 0
    /// Span id of the last attempt, if its event is sampled.
    var lastSpan: UInt64 = 0
    /// What happened so far, once something failed.
    var history: Unmanaged<AttemptHistory>?
    var batch: Link = 0
    var event: UInt32 = 0
    var next: Link = 0
    var binding: UInt32 = 0
    /// Charged attempts.
    var attempts: UInt32 = 0
    var breakerGeneration: UInt32 = 0
    var route: UInt16 = 0
    var lane: UInt16 = 0
    var priority: UInt8 = 0
    var state = State.free
    /// It is the one delivery of its key that may run.
    var holdsKey = false
    /// It counts in its lane's loaded deliveries.
    var isLoaded = false
    /// Its wait keeps a permit.
    var holdsPermit = false
    /// The attempt under way was let through by the retry budget.
    var holdsBudget = false
    /// It counts in its key's permits.
    var holdsShare = false
    /// It is the one delivery of its rate limit's key that asks the limit.
    var holdsTurn = false
}

/// The failed attempts of a delivery, for its dead letter. Only failures allocate one.
package final class AttemptHistory: @unchecked Sendable {
    // Invariant: written by the dispatcher until the delivery dies; read by whoever writes the dead letter afterwards.

    package typealias Attempt = PastAttempt

    /// Oldest first; of more than 100 the first 50 and the last 50 are kept.
    package private(set) var attempts: [Attempt] = []
    package private(set) var left = 0

    package init() {}

    package func add(_ attempt: Attempt) {
        if attempts.count >= 100 {
            attempts.remove(at: 50)
            left += 1
        }
        attempts.append(attempt)
    }
}

/// A singly linked list of deliveries through `Delivery.next`.
struct DeliveryList: BitwiseCopyable {
    private(set) var head: Link = 0
    private(set) var tail: Link = 0

    var isEmpty: Bool { head == 0 }

    mutating func append(_ node: Link, _ table: UnsafeMutablePointer<Delivery>) {
        table[Int(node)].next = 0
        if tail == 0 { head = node } else { table[Int(tail)].next = node }
        tail = node
    }

    mutating func prepend(_ node: Link, _ table: UnsafeMutablePointer<Delivery>) {
        table[Int(node)].next = head
        head = node
        if tail == 0 { tail = node }
    }

    mutating func popFirst(_ table: UnsafeMutablePointer<Delivery>) -> Link {
        let node = head
        guard node != 0 else { return 0 }
        head = table[Int(node)].next
        if head == 0 { tail = 0 }
        return node
    }
}
