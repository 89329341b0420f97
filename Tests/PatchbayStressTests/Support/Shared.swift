import Synchronization

extension Atomic where Value: AtomicRepresentable & Sendable {
    /// An atomic that threads can share.
    final class Box: Sendable {
        let value: Atomic<Value>
        init(_ initial: consuming Value) { value = Atomic(initial) }
    }
}

/// What went wrong, in words; only the first few, so that a broken structure does not fill the memory.
final class Problems: Sendable {
    private let texts = Guarded<[String]>([])

    func add(_ text: @autoclosure () -> String) {
        texts.withLock { if $0.count < 10 { $0.append(text()) } }
    }

    func check(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { add(text()) }
    }

    var all: [String] { texts.withLock { $0 } }
}

/// How often each of a range of numbers was seen.
final class Tally: Sendable {
    private let counts: Guarded<[UInt8]>
    init(count: Int) { counts = Guarded(Array(repeating: 0, count: count)) }
    func add(_ number: Int) { counts.withLock { $0[number] &+= 1 } }
    var sum: Int { counts.withLock { $0.reduce(0) { $0 + Int($1) } } }
    var isOneEach: Bool { counts.withLock { $0.allSatisfy { $0 == 1 } } }
    var isOneAtMost: Bool { counts.withLock { $0.allSatisfy { $0 <= 1 } } }
}
