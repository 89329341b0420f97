import Synchronization

/// What came in by one source: received = refused + accepted, and some of the accepted are dropped. Written by the
/// source's thread, read by any.
final class IntakeCounters: Sendable {
    final class Count: Sendable {
        private let value = Atomic<UInt64>(0)
        func add(_ amount: UInt64) { if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) } }
        var current: UInt64 { value.load(ordering: .relaxed) }
    }

    let name: String
    let received = Count()
    let refused = Count()
    let accepted = Count()
    /// Accepted, and no route took it, and `unmatched` is `drop`.
    let dropped = Count()

    init(name: String) { self.name = name }
}
