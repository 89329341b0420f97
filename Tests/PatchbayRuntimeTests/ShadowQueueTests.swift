import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

@Suite struct ShadowQueueTests {
    private func call(_ bytes: Int = 10) -> ShadowedCall {
        ShadowedCall(
            event: [UInt8](repeating: 0x20, count: bytes), outcome: "done", nanoseconds: 0, stateBefore: [:])
    }

    @Test func `what is beyond the bound is dropped and counted`() {
        var queue = ShadowQueue()
        var taken = 0
        for _ in 0..<2_000 where queue.expect() {
            queue.add(call())
            taken += 1
        }
        let (sampled, dropped, waiting) = (queue.sampled, queue.dropped, queue.waiting)
        #expect(taken == 1_024 && sampled == 2_000 && dropped == 976 && waiting == 1_024)
        while queue.next() != nil { queue.finished() }
        let (tried, left) = (queue.tried, queue.waiting)
        #expect(tried == 1_024 && left == 0)
        let hasRoom = queue.expect()
        #expect(hasRoom)
    }

    @Test func `large events are bounded by their bytes`() {
        var queue = ShadowQueue()
        for _ in 0..<100 where queue.expect() { queue.add(call(1 << 20)) }
        let (waiting, dropped) = (queue.waiting, queue.dropped)
        #expect(waiting == 16 && dropped == 84)
        _ = queue.next()
        queue.finished()
        let hasRoom = queue.expect()
        #expect(hasRoom)
    }

    @Test func `a call that is given up while it is tried is dropped, and its end counts no more`() {
        var queue = ShadowQueue()
        _ = queue.expect()
        queue.add(call())
        queue.abandon()
        let before = queue.dropped
        _ = queue.next()
        queue.abandon()
        queue.finished()
        let (tried, dropped, waiting) = (queue.tried, queue.dropped, queue.waiting)
        #expect(before == 0 && tried == 0 && dropped == 1 && waiting == 0)
    }

    @Test func `what is promised counts, and a closed queue takes nothing`() {
        var queue = ShadowQueue()
        for _ in 0..<1_024 { _ = queue.expect() }
        let isFull = !queue.expect()
        #expect(isFull)
        queue.add(call())
        queue.close()
        queue.add(call())
        let takes = queue.expect()
        #expect(!takes)
        for _ in 0..<1_022 { queue.add(call()) }
        let (sampled, dropped, waiting) = (queue.sampled, queue.dropped, queue.waiting)
        #expect(sampled == 1_026 && dropped == 1_026 && waiting == 0)
        let next = queue.next()
        #expect(next == nil)
    }
}
