import Glibc
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@testable import PatchbayDispatch

@Suite struct IntakePortStressTests {
    private static let batches: UInt64 = 2_000

    /// Several sources offer recycled batches to one dispatcher: each comes through once and in order, with what its
    /// source wrote into it, and is nobody else's meanwhile.
    @Test func `batches of several sources come through once, in order, and are used again`() throws {
        let bell = Doorbell()
        let ports = (0..<3).map { _ in IntakePort(doorbell: bell) }
        let made = Atomic<Int>.Box(0)
        let problems = Problems()
        let sources = try ports.indices.map { number in
            try OwnThread("source\(number)") {
                let port = ports[number]
                var random = SeededRandom(seed: UInt64(number))
                for sequence in 1...Self.batches {
                    let batch = port.recycled() ?? Self.batch(number, counting: made)
                    problems.check(batch.source == number, "a batch went back to another source")
                    Self.write(sequence, into: batch)
                    problems.check(port.offer(batch), "a batch was not taken before the stop")
                    if random.upTo(63) == 0 {
                        problems.check(port.waitForAppend(), "an append was not waited for")
                    }
                }
                port.end()
            }
        }
        var last = [UInt64](repeating: 0, count: ports.count)
        var kept: [EventBatch] = []
        var random = SeededRandom(seed: 11)
        while !ports.allSatisfy(\.isExhausted) {
            bell.wait(spins: 10, timeout: 0) { ports.contains { $0.hasBatches } || ports.allSatisfy(\.isExhausted) }
            for (number, port) in ports.enumerated() {
                guard let batch = port.take() else { continue }
                problems.check(Self.isWhole(batch), "a batch is not as it was offered")
                problems.check(
                    batch.receivedAt == last[number] + 1, "\(batch.receivedAt) came after \(last[number]) of \(number)")
                last[number] = batch.receivedAt
                port.accepted()
                kept.append(batch)
            }
            // What is pending is kept for a while, as the log does.
            while let batch = kept.last, kept.count > 12 || random.upTo(1) == 0 {
                problems.check(Self.isWhole(batch), "a batch was changed while it was the dispatcher's")
                ports[batch.source].giveBack(batch)
                kept.removeLast()
            }
        }
        for source in sources { source.join() }
        #expect(problems.all == [])
        #expect(last == [Self.batches, Self.batches, Self.batches])
        #expect(made.value.load(ordering: .relaxed) < 200, "batches are used again")
    }

    @Test func `a stop loses no batch that was offered`() throws {
        for seed in UInt64(0)..<200 {
            let bell = Doorbell()
            let port = IntakePort(doorbell: bell)
            var random = SeededRandom(seed: seed)
            let stopsAfter = random.upTo(40)
            let offered = Atomic<UInt64>.Box(0)
            let accepted = Atomic<UInt64>.Box(0)
            let source = try OwnThread("source") {
                for sequence in UInt64(1)...50 {
                    let batch = EventBatch(source: 0, textCapacity: 16)
                    Self.write(sequence, into: batch)
                    offered.value.store(sequence, ordering: .relaxed)
                    guard port.offer(batch) else { break }
                    accepted.value.store(sequence, ordering: .relaxed)
                }
                _ = port.waitForAppend()
            }
            var taken: [UInt64] = []
            while taken.count < stopsAfter {
                if let batch = port.take() {
                    taken.append(batch.receivedAt)
                    port.accepted()
                } else {
                    sched_yield()
                }
            }
            port.stop()
            source.join()
            let left = port.unread()
            let all = offered.value.load(ordering: .relaxed)
            #expect(taken + left.map(\.receivedAt) == Array(1...max(1, all)).filter { $0 <= all }, "seed \(seed)")
            #expect(left.allSatisfy(Self.isWhole), "seed \(seed)")
            #expect(accepted.value.load(ordering: .relaxed) >= all - 1, "seed \(seed)")
        }
    }

    private static func batch(_ source: Int, counting made: Atomic<Int>.Box) -> EventBatch {
        made.value.wrappingAdd(1, ordering: .relaxed)
        return EventBatch(source: source, textCapacity: 16)
    }

    private static func write(_ sequence: UInt64, into batch: EventBatch) {
        batch.reset()
        batch.receivedAt = sequence
        batch.textCount = 16
        for index in 0..<16 { (batch.text + index).pointee = CChar(truncatingIfNeeded: sequence &+ UInt64(index)) }
    }

    private static func isWhole(_ batch: EventBatch) -> Bool {
        batch.textCount == 16
            && (0..<16).allSatisfy {
                batch.text[$0] == CChar(truncatingIfNeeded: batch.receivedAt &+ UInt64($0))
            }
    }
}
