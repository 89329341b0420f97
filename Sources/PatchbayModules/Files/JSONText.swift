import PatchbayEvents
import Synchronization

/// JSON from and for modules, on any thread: readers are kept and lent.
enum JSONText {
    /// Invariant: one thread has it at a time, since it is taken out of the pool to be used.
    private struct Lent: @unchecked Sendable {
        let reader: JSONReader
    }

    private static let poolMax = 16
    private static let pool = Mutex<[Lent]>([])

    static func parse(_ text: [UInt8]) throws(CloudEventsError) -> Value {
        let lent = take()
        defer { giveBack(lent) }
        return try lent.reader.value(text)
    }

    static func text(of value: Value) -> String { String(decoding: value.json, as: UTF8.self) }

    private static func take() -> Lent { pool.withLock { $0.popLast() } ?? Lent(reader: JSONReader()) }

    private static func giveBack(_ lent: Lent) {
        pool.withLock { if $0.count < poolMax { $0.append(lent) } }
    }
}
