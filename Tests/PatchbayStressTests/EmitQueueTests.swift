import PatchbayEvents
import PatchbayResilience
import Testing

@testable import PatchbayDispatch

/// The queue is the dispatcher's alone, so it is held against a model; what many threads emit into it is in
/// `DispatcherStressTests`.
@Suite struct EmitQueueStressTests {
    @Test(arguments: UInt64(0)..<20)
    func `events come out once, not before their time, and in the order of their times`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let room = ByteRoom(bytesMax: 1 << 30)
        var queue = EmitQueue(room: room)
        var now: UInt64 = 1_000
        var added = 0
        /// In the order of adding.
        var delayed: [(due: UInt64, id: Int)] = []
        var ready: [Int] = []
        for _ in 0..<600 {
            switch random.upTo(3) {
            case 0: now += random.upTo(40)
            case 1:
                let due = random.upTo(2) == 0 ? 0 : now + random.upTo(100)
                queue.add(Self.reentry(added, bytes: Int(random.upTo(50))), notBefore: due, unixNow: now)
                if due > now { delayed.append((due, added)) } else { ready.append(added) }
                added += 1
            case 2:
                let inTime = delayed.filter { $0.due <= now }.sorted { ($0.due, $0.id) < ($1.due, $1.id) }
                ready += inTime.map(\.id)
                delayed.removeAll { $0.due <= now }
                let most = Int(random.upTo(6))
                let taken = queue.takeDue(now, max: most, bytesMax: .max).map(Self.number)
                #expect(taken == Array(ready.prefix(most)))
                ready.removeFirst(taken.count)
            default:
                let left = delayed.sorted { ($0.due, $0.id) < ($1.due, $1.id) }
                #expect(queue.earliest == (ready.isEmpty ? left.first?.due : 0))
                #expect(queue.all.map(Self.number) == ready + left.map(\.id))
                #expect(queue.isEmpty == (ready.isEmpty && left.isEmpty))
            }
        }
        let rest = queue.takeDue(.max, max: .max, bytesMax: .max).map(Self.number)
        #expect(Set(rest) == Set(ready + delayed.map(\.id)) && rest.count == ready.count + delayed.count)
        #expect(queue.isEmpty && queue.earliest == nil)
        #expect(room.take(room.bytesMax), "all room is given back")
    }

    @Test func `a long queue comes out in order while more is added`() {
        let room = ByteRoom(bytesMax: 1 << 30)
        var queue = EmitQueue(room: room)
        var added = 0
        func add(_ count: Int) {
            for number in added..<added + count {
                queue.add(Self.reentry(number, bytes: 1), notBefore: 0, unixNow: 1)
            }
            added += count
        }
        add(12_000)
        var taken: [Int] = []
        while !queue.isEmpty {
            taken += queue.takeDue(1, max: 256, bytesMax: .max).map(Self.number)
            if taken.count < 6_000 { add(100) }
        }
        #expect(taken == Array(0..<added))
        #expect(room.take(room.bytesMax), "all room is given back")
    }

    private static func reentry(_ number: Int, bytes: Int) -> Reentry {
        Reentry(
            event: Event(id: "\(number)", source: "/s", type: "t", data: [UInt8](repeating: 0, count: bytes)))
    }

    private static func number(_ reentry: Reentry) -> Int { Int(reentry.event.id) ?? -2 }
}
