package import PatchbayEvents
import Synchronization

/// The bounded hand-over between one source's thread and the dispatcher, with the way back for spent batches.
///
/// When the ring is full the source waits: that, and the log's bound behind it, is the backpressure. [one source
/// thread, one dispatcher thread]
package final class IntakePort: Sendable {
    /// Batches under way at most.
    package static let depth = 8

    let incoming = SingleConsumerRing(capacity: depth)
    /// Spent batches that are kept for the next ones; more would only hold memory.
    private let returning = SingleConsumerRing(capacity: 16)
    private let toSource = Doorbell()
    private let toDispatcher: Doorbell
    private let ended = Atomic<Bool>(false)
    private let stopped = Atomic<Bool>(false)
    private let offered = Atomic<UInt64>(0)
    private let appended = Atomic<UInt64>(0)
    /// Offered when nobody took batches any more.
    private let leftovers = Mutex<[EventBatch]>([])

    init(doorbell: Doorbell) { toDispatcher = doorbell }

    // MARK: Source

    /// Hands a batch over, waiting for room. False when the dispatcher has stopped taking: the batch is kept for
    /// `unread`, so what a source has counted as accepted is never lost.
    package func offer(_ batch: EventBatch) -> Bool {
        let word = UInt(bitPattern: Unmanaged.passRetained(batch).toOpaque())
        while !stopped.load(ordering: .acquiring) {
            if incoming.push(word) {
                offered.wrappingAdd(1, ordering: .relaxed)
                toDispatcher.ring()
                return true
            }
            toSource.wait(timeout: 0) { !incoming.isFull || stopped.load(ordering: .acquiring) }
        }
        let batch = Self.batch(word).takeRetainedValue()
        leftovers.withLock { $0.append(batch) }
        return false
    }

    /// A spent batch to fill again; `nil` when there is none.
    package func recycled() -> EventBatch? { returning.pop().map { Self.batch($0).takeRetainedValue() } }

    /// Waits until the log has taken everything offered so far: those events are accepted. False when the dispatcher
    /// has stopped before.
    package func waitForAppend() -> Bool {
        let wanted = offered.load(ordering: .relaxed)
        func isDone() -> Bool { appended.load(ordering: .acquiring) >= wanted }
        while !isDone() {
            if stopped.load(ordering: .acquiring) { return isDone() }
            toSource.wait(timeout: 0) { isDone() || stopped.load(ordering: .acquiring) }
        }
        return true
    }

    /// No more batches will come.
    package func end() {
        ended.store(true, ordering: .releasing)
        toDispatcher.ring()
    }

    // MARK: Dispatcher

    var isExhausted: Bool { ended.load(ordering: .acquiring) && incoming.isEmpty }
    var hasBatches: Bool { !incoming.isEmpty }

    func take() -> EventBatch? {
        guard let word = incoming.pop() else { return nil }
        toSource.ring()
        return Self.batch(word).takeRetainedValue()
    }

    func accepted() {
        appended.wrappingAdd(1, ordering: .releasing)
        toSource.ring()
    }

    /// Gives a spent batch back, or lets it go when the source has enough.
    func giveBack(_ batch: EventBatch) {
        let word = Unmanaged.passRetained(batch)
        if !returning.push(UInt(bitPattern: word.toOpaque())) { word.release() }
    }

    /// What was offered and never taken, oldest first. Once the source's thread and the dispatcher's have ended.
    package func unread() -> [EventBatch] {
        var batches: [EventBatch] = []
        while let batch = take() { batches.append(batch) }
        return batches + leftovers.withLock { $0 }
    }

    /// Ends every wait of the source.
    func stop() {
        stopped.store(true, ordering: .releasing)
        toSource.ring()
    }

    private static func batch(_ word: UInt) -> Unmanaged<EventBatch> {
        guard let pointer = UnsafeRawPointer(bitPattern: word) else { preconditionFailure("a null batch in a ring") }
        return Unmanaged.fromOpaque(pointer)
    }
}
