package import PatchbayEvents
import Synchronization

/// A timer whose time has come.
package struct FiredTimer: Sendable {
    /// Whose: the event goes to this handler and no other.
    package let scope: HandlerScope
    package let key: String
    /// Carries the extension attribute `timerkey`.
    package let event: EmittedEvent

    package init(scope: HandlerScope, key: String, event: EmittedEvent) {
        self.scope = scope
        self.key = key
        self.event = event
    }
}

/// The timers that handlers have set, in memory. Changes and firing are the dispatcher's; questions any thread's.
package final class TimerStore: Sendable {
    private struct Key: Hashable {
        let scope: HandlerScope
        let key: String
    }

    private struct Due: Comparable {
        let time: UInt64
        /// Order of setting, and what tells a replaced timer from the present one.
        let number: UInt64
        let key: Key

        static func < (a: Due, b: Due) -> Bool { (a.time, a.number) < (b.time, b.number) }
        static func == (a: Due, b: Due) -> Bool { a.number == b.number }
    }

    private struct Contents {
        var timers: [Key: (number: UInt64, event: EmittedEvent)] = [:]
        /// A binary heap, earliest first; replaced and cancelled timers stay until they surface.
        var heap: [Due] = []
        var number: UInt64 = 0
    }

    /// Timers that may be set at once.
    package let countMax: Int
    private let contents = Mutex(Contents())

    package init(countMax: Int = 1_000_000) { self.countMax = countMax }

    package var count: Int { contents.withLock { $0.timers.count } }

    /// Applies what a call asked for, in its order. [dispatcher]
    package func commit(_ changes: [TimerChange], of scope: HandlerScope) {
        contents.withLock { contents in
            for change in changes {
                switch change {
                case .set(let id, let event):
                    let key = Key(scope: scope, key: id)
                    contents.number += 1
                    contents.timers[key] = (contents.number, event)
                    Self.push(Due(time: event.notBefore, number: contents.number, key: key), &contents.heap)
                case .cancel(let id):
                    contents.timers[Key(scope: scope, key: id)] = nil
                }
            }
            Self.compact(&contents)
        }
    }

    /// When the next timer fires, Unix nanoseconds; `nil` when none is set. [dispatcher]
    package var next: UInt64? {
        contents.withLock { contents in
            Self.dropDead(&contents)
            return contents.heap.first?.time
        }
    }

    /// Takes out the timers that are due at `now` (Unix nanoseconds), earliest first, at most `max`. [dispatcher]
    package func takeDue(now: UInt64, max: Int = .max) -> [FiredTimer] {
        contents.withLock { contents in
            var fired: [FiredTimer] = []
            while fired.count < max {
                Self.dropDead(&contents)
                guard let due = contents.heap.first, due.time <= now else { break }
                Self.pop(&contents.heap)
                guard let timer = contents.timers.removeValue(forKey: due.key) else { continue }
                fired.append(FiredTimer(scope: due.key.scope, key: due.key.key, event: timer.event))
            }
            return fired
        }
    }

    /// All timers that are set, for `pending.jsonl`; in no order.
    package func takeAll() -> [FiredTimer] {
        contents.withLock { contents in
            let all = contents.timers.map { FiredTimer(scope: $0.key.scope, key: $0.key.key, event: $0.value.event) }
            contents = Contents()
            return all
        }
    }

    /// All timers that are set, in no order; they stay set.
    package func all() -> [FiredTimer] {
        contents.withLock { contents in
            contents.timers.map { FiredTimer(scope: $0.key.scope, key: $0.key.key, event: $0.value.event) }
        }
    }

    func isSet(_ key: String, of scope: HandlerScope) -> Bool {
        contents.withLock { $0.timers[Key(scope: scope, key: key)] != nil }
    }

    private static func dropDead(_ contents: inout Contents) {
        while let due = contents.heap.first, contents.timers[due.key]?.number != due.number { pop(&contents.heap) }
    }

    /// Keeps the heap within twice the timers that are set.
    private static func compact(_ contents: inout Contents) {
        guard contents.heap.count > 2 * contents.timers.count + 64 else { return }
        contents.heap = contents.heap.filter { contents.timers[$0.key]?.number == $0.number }
        // A sorted array is a heap.
        contents.heap.sort()
    }

    private static func push(_ due: Due, _ heap: inout [Due]) {
        heap.append(due)
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private static func pop(_ heap: inout [Due]) {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < heap.count else { return }
            let least = left + 1 < heap.count && heap[left + 1] < heap[left] ? left + 1 : left
            guard heap[least] < heap[index] else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
