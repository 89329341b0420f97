package import Synchronization

/// A bounded queue of words between one producer and one consumer thread.
package final class SingleConsumerRing: Sendable {
    private let head = PaddedCounter()
    private let tail = PaddedCounter()
    private let mask: UInt64
    // Invariant: an element is written by the producer before `tail` passes it, read by the consumer before `head` does.
    private nonisolated(unsafe) let elements: UnsafeMutablePointer<UInt>

    /// Room for `capacity` words, rounded up to a power of two.
    package init(capacity: Int) {
        let size = max(2, capacity).roundedUpToPowerOfTwo
        mask = UInt64(size - 1)
        elements = .allocate(capacity: size)
        elements.initialize(repeating: 0, count: size)
    }

    deinit { elements.deallocate() }

    package var isEmpty: Bool { head.value.load(ordering: .relaxed) == tail.value.load(ordering: .acquiring) }
    package var isFull: Bool { tail.value.load(ordering: .relaxed) &- head.value.load(ordering: .acquiring) > mask }

    /// False when full. [producer]
    package func push(_ word: UInt) -> Bool {
        let position = tail.value.load(ordering: .relaxed)
        guard position &- head.value.load(ordering: .acquiring) <= mask else { return false }
        elements[Int(position & mask)] = word
        tail.value.store(position &+ 1, ordering: .releasing)
        return true
    }

    /// `nil` when empty. [consumer]
    package func pop() -> UInt? {
        let position = head.value.load(ordering: .relaxed)
        guard position != tail.value.load(ordering: .acquiring) else { return nil }
        let word = elements[Int(position & mask)]
        head.value.store(position &+ 1, ordering: .releasing)
        return word
    }
}

/// A bounded queue of call indices from one producer to any number of workers.
///
/// A worker takes one call at a time, so a call that blocks holds up nothing behind it.
package final class WorkRing: Sendable {
    private let head = PaddedCounter()
    private let tail = PaddedCounter()
    private let mask: UInt64
    // Invariant: elements are atomics; a worker that reads one too late loses the exchange on `head` and reads again.
    private nonisolated(unsafe) let elements: UnsafeMutablePointer<Atomic<UInt32>>

    package init(capacity: Int) {
        let size = max(2, capacity).roundedUpToPowerOfTwo
        mask = UInt64(size - 1)
        elements = .allocate(capacity: size)
        for index in 0..<size { (elements + index).initialize(to: Atomic(0)) }
    }

    deinit { elements.deallocate() }

    package var isEmpty: Bool { head.value.load(ordering: .acquiring) == tail.value.load(ordering: .acquiring) }
    /// Calls taken since the start.
    package var taken: UInt64 { head.value.load(ordering: .acquiring) }
    package var count: Int {
        Int(tail.value.load(ordering: .acquiring) &- head.value.load(ordering: .acquiring))
    }

    /// False when full. [producer]
    package func push(_ call: UInt32) -> Bool {
        let position = tail.value.load(ordering: .relaxed)
        guard position &- head.value.load(ordering: .acquiring) <= mask else { return false }
        elements[Int(position & mask)].store(call, ordering: .relaxed)
        tail.value.store(position &+ 1, ordering: .releasing)
        return true
    }

    /// `nil` when empty. [any worker]
    package func take() -> UInt32? {
        var position = head.value.load(ordering: .acquiring)
        while position != tail.value.load(ordering: .acquiring) {
            let call = elements[Int(position & mask)].load(ordering: .relaxed)
            let result = head.value.weakCompareExchange(
                expected: position, desired: position &+ 1, successOrdering: .acquiringAndReleasing,
                failureOrdering: .acquiring)
            if result.exchanged { return call }
            position = result.original
        }
        return nil
    }
}

/// A counter that shares its cache line with nothing.
package final class PaddedCounter: Sendable {
    package let before: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    package let value = Atomic<UInt64>(0)
    package let after: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    package init() {}
}

extension Int {
    var roundedUpToPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
