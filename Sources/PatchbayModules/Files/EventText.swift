import PatchbayEvents
import Synchronization

/// Whether an event is one by the rules that hold for events that come in: what handlers emit goes the same way, and
/// once their outcome is written it is too late to refuse it.
enum EventText {
    /// Invariant: one thread has it at a time, since it is taken out of the pool to be used.
    private struct Lent: @unchecked Sendable {
        let codec: CloudEventsCodec
        let nesting: Int
    }

    private static let poolMax = 16
    private static let pool = Mutex<[Lent]>([])

    /// The id may be missing: then the host derives one.
    static func isValid(_ event: Event, limits: HostEnvironment.Limits) -> Bool {
        var event = event
        if event.id.isEmpty { event.id = "derived" }
        let lent =
            pool.withLock { pool in
                pool.lastIndex { $0.nesting == limits.nesting }.map { pool.remove(at: $0) }
            }
            ?? Lent(
                codec: CloudEventsCodec(eventBytes: 1 << 30, nesting: limits.nesting), nesting: limits.nesting)
        defer { pool.withLock { if $0.count < poolMax { $0.append(lent) } } }
        do {
            _ = try lent.codec.event(event.json)
            return true
        } catch {
            return false
        }
    }
}
