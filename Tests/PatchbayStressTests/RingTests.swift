import Glibc
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@Suite struct RingStressTests {
    private static let words = 20_000

    @Test func `a ring hands every word over once and in order`() throws {
        let ring = SingleConsumerRing(capacity: 8)
        let toConsumer = Doorbell()
        let toProducer = Doorbell()
        let count = UInt(Self.words)
        let producer = try OwnThread("producer") {
            for word in 1...count {
                while !ring.push(word) { toProducer.wait(timeout: 0) { !ring.isFull } }
                toConsumer.ring()
            }
        }
        let problems = Problems()
        var next: UInt = 1
        while next <= count {
            guard let word = ring.pop() else {
                toConsumer.wait(spins: next % 3 == 0 ? 0 : 50, timeout: 0) { !ring.isEmpty }
                continue
            }
            toProducer.ring()
            problems.check(word == next, "\(word) came for \(next)")
            next += 1
        }
        producer.join()
        #expect(problems.all == [])
        #expect(ring.isEmpty && ring.pop() == nil)
    }

    /// What a word points at was written by the producer without atomics: the ring alone makes it visible, and the
    /// way back makes it the producer's again.
    @Test func `a ring hands over what its words stand for, and back`() throws {
        let there = SingleConsumerRing(capacity: 4)
        let back = SingleConsumerRing(capacity: 4)
        let count = UInt64(Self.words / 4)
        let cells = ReservedArray<UInt64>(capacity: 4)
        nonisolated(unsafe) let base = cells.base
        let producer = try OwnThread("producer") {
            var free: [UInt] = [0, 1, 2, 3]
            for number in 1...count {
                while free.isEmpty { if let word = back.pop() { free.append(word) } else { sched_yield() } }
                let cell = free.removeLast()
                (base + Int(cell)).pointee = number
                while !there.push(cell) { sched_yield() }
            }
        }
        let problems = Problems()
        for number in 1...count {
            var word = there.pop()
            while word == nil {
                sched_yield()
                word = there.pop()
            }
            let cell = Int(word ?? 0)
            problems.check((base + cell).pointee == number, "\((base + cell).pointee) came for \(number)")
            (base + cell).pointee = 0
            while !back.push(UInt(cell)) { sched_yield() }
        }
        producer.join()
        #expect(problems.all == [])
    }

    @Test func `a work ring gives every call to exactly one worker, to each in order`() throws {
        let ring = WorkRing(capacity: 16)
        let seen = Tally(count: Self.words)
        let problems = Problems()
        let ended = Atomic<Bool>.Box(false)
        let workers = try (0..<3).map { number in
            try OwnThread("taker\(number)") {
                var last = -1
                while true {
                    if let call = ring.take() {
                        problems.check(Int(call) > last, "\(call) came after \(last)")
                        last = Int(call)
                        seen.add(last)
                    } else if ended.value.load(ordering: .acquiring), ring.isEmpty {
                        return
                    } else {
                        sched_yield()
                    }
                }
            }
        }
        for call in 0..<Self.words { while !ring.push(UInt32(call)) { sched_yield() } }
        ended.value.store(true, ordering: .releasing)
        for worker in workers { worker.join() }
        #expect(problems.all == [])
        #expect(seen.isOneEach && ring.taken == UInt64(Self.words) && ring.count == 0)
    }
}

@Suite struct DoorbellStressTests {
    private static let rounds = 8_000

    @Test func `a doorbell never leaves its consumer asleep on work`() throws {
        let bell = Doorbell()
        let work = Atomic<Int>.Box(0)
        let ringers = try (0..<2).map { number in
            try OwnThread("ringer\(number)") {
                for _ in 0..<Self.rounds {
                    work.value.wrappingAdd(1, ordering: .releasing)
                    bell.ring()
                }
            }
        }
        // Without a limit: a lost wake-up hangs the test.
        var taken = 0
        while taken < Self.rounds * 2 {
            bell.wait(spins: taken % 2, timeout: 0) { work.value.load(ordering: .relaxed) > 0 }
            taken += work.value.exchange(0, ordering: .acquiring)
        }
        for ringer in ringers { ringer.join() }
        #expect(taken == Self.rounds * 2)
    }

    /// As sources and the dispatcher do it: a ring for each producer, one bell for the consumer, one for each way back.
    @Test func `one consumer serves the rings of several producers by one bell`() throws {
        let producers = 3
        let count = UInt(Self.rounds)
        let bell = Doorbell()
        let rings = (0..<producers).map { _ in SingleConsumerRing(capacity: 4) }
        let bells = (0..<producers).map { _ in Doorbell() }
        let threads = try (0..<producers).map { number in
            try OwnThread("producer\(number)") {
                for word in 1...count {
                    while !rings[number].push(word) {
                        bells[number].wait(spins: 0, timeout: 0) { !rings[number].isFull }
                    }
                    bell.ring()
                }
            }
        }
        let problems = Problems()
        var last = [UInt](repeating: 0, count: producers)
        while last.contains(where: { $0 < count }) {
            bell.wait(spins: 0, timeout: 0) { rings.contains { !$0.isEmpty } }
            for (number, ring) in rings.enumerated() {
                while let word = ring.pop() {
                    bells[number].ring()
                    problems.check(word == last[number] + 1, "producer \(number): \(word) came after \(last[number])")
                    last[number] = word
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(problems.all == [])
    }
}
