import Synchronization

/// Bytes that may be taken up to a bound, by those who hold room for what they will store and by what is stored.
package final class ByteRoom: Sendable {
    private let bound: Atomic<Int>
    private let taken = Atomic<Int>(0)

    package init(bytesMax: Int) { bound = Atomic(bytesMax) }

    package var bytesMax: Int { bound.load(ordering: .relaxed) }

    /// Moves the bound; what is taken beyond it stays so. [any thread]
    package func limit(to bytesMax: Int) { bound.store(bytesMax, ordering: .relaxed) }

    /// What is taken at this moment.
    package var bytes: Int { taken.load(ordering: .relaxed) }

    /// Takes `bytes` unless that is past the bound; whether it did. Negative bytes are given back. [any thread]
    package func take(_ bytes: Int) -> Bool {
        var before = taken.load(ordering: .relaxed)
        while bytes <= 0 || before + bytes <= bytesMax {
            let result = taken.weakCompareExchange(expected: before, desired: before + bytes, ordering: .relaxed)
            if result.exchanged { return true }
            before = result.original
        }
        return false
    }

    /// Counts what is stored under room that is still held: for a moment it is counted twice. [any thread]
    package func settle(_ bytes: Int) { taken.add(bytes, ordering: .relaxed) }

    /// Room held for one call, given back when the hold goes.
    package final class Hold: Sendable {
        private let room: ByteRoom
        private let held = Atomic<Int>(0)

        package init(_ room: ByteRoom) { self.room = room }

        deinit { room.settle(-bytes) }

        package var bytes: Int { held.load(ordering: .relaxed) }

        /// Holds `change` more, or fewer; false, and nothing changed, when there is no room. [one thread at a time]
        package func resize(by change: Int) -> Bool {
            guard room.take(change) else { return false }
            held.add(change, ordering: .relaxed)
            return true
        }
    }
}
