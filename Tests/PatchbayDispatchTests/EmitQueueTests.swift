import PatchbayEvents
import Testing

@testable import PatchbayDispatch

/// What handlers have emitted and the log has not taken yet.
@Suite struct EmitQueueTests {
    private func reentry(_ id: Int, bytes: Int = 1000) -> Reentry {
        var event = Event(id: String(id), source: "/s", type: "t")
        event.data = [UInt8](repeating: 0x31, count: bytes)
        return Reentry(event: event)
    }

    private func taken(_ queue: inout EmitQueue, at now: UInt64 = 0, max: Int = 256, bytesMax: Int = .max) -> [String] {
        queue.takeDue(now, max: max, bytesMax: bytesMax).map(\.event.id)
    }

    @Test func `what waits takes room until it is taken, delayed or not`() {
        let room = ByteRoom(bytesMax: 1 << 20)
        var queue = EmitQueue(room: room)
        for id in 0..<10 { queue.add(reentry(id), notBefore: id < 5 ? 0 : UInt64(100 - id), unixNow: 10) }
        #expect(room.bytes > 10 * 1000 && queue.earliest == 0 && queue.all.count == 10)
        #expect(taken(&queue, at: 10) == ["0", "1", "2", "3", "4"])
        #expect(room.bytes > 5 * 1000 && room.bytes < 10 * 1000 && queue.earliest == 91)
        #expect(taken(&queue, at: 93) == ["9", "8", "7"] && queue.all.map(\.event.id) == ["6", "5"])
        #expect(taken(&queue, at: 100) == ["6", "5"] && queue.isEmpty && room.bytes == 0)
    }

    @Test func `large events came in again by the hundred at once`() {
        var queue = EmitQueue(room: ByteRoom(bytesMax: .max))
        for id in 0..<6 { queue.add(reentry(id, bytes: 400_000), notBefore: 0, unixNow: 0) }
        #expect(taken(&queue, bytesMax: 1 << 20) == ["0", "1", "2"])
        // One larger than the bound comes alone, and order holds across turns and arrivals.
        queue.add(reentry(6), notBefore: 0, unixNow: 0)
        #expect(taken(&queue, bytesMax: 1) == ["3"])
        #expect(taken(&queue, max: 2) == ["4", "5"] && taken(&queue) == ["6"] && queue.isEmpty)
    }
}
