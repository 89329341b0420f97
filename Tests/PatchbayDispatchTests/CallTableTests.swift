import CPatchbay
import PatchbayEvents
import Synchronization
import Testing

@Suite struct CallTableTests {
    private let table = CallTable(capacity: 64, doorbell: Doorbell())

    private func message() -> String { "said so" }

    @Test func `returning OK completes the call as done`() {
        let call = table.arm(1)
        #expect(table.returned(1, call, .ok, message: message))
        let settled = table.settle(1)
        #expect(settled.kind == .done && !settled.wasPending && settled.details == nil)
    }

    @Test func `a negative status is a retry with the thread's message, and not asynchronous`() {
        let call = table.arm(1)
        #expect(table.returned(1, call, .internalError, message: message))
        let settled = table.settle(1)
        #expect(settled.kind == .retry && settled.details?.reason == "said so" && !settled.wasPending)
    }

    @Test func `a completion after the return posts the call once`() {
        let call = table.arm(3)
        #expect(!table.returned(3, call, .pending, message: message))
        #expect(!table.hasForeign)
        #expect(table.complete(call, .skip, ResultDetails(reason: "not mine")) == .ok)
        #expect(table.takeForeign() == 4 && table.next[3] == 0)
        let settled = table.settle(3)
        #expect(settled.kind == .skip && settled.wasPending && settled.details?.reason == "not mine")
        #expect(table.complete(call, nil) == .stale)
        #expect(!table.hasForeign)
    }

    @Test func `a completion before the return leaves the posting to the worker`() {
        let call = table.arm(3)
        #expect(table.complete(call, nil) == .ok)
        #expect(table.complete(call, nil) == .stale)
        #expect(!table.hasForeign)
        #expect(table.returned(3, call, .internalError, message: message))
        #expect(table.settle(3).kind == .done)
    }

    @Test func `stale and invented calls touch nothing`() {
        let first = table.arm(2)
        #expect(table.returned(2, first, .ok, message: message))
        _ = table.settle(2)
        let second = table.arm(2)
        #expect(table.complete(first, nil) == .stale)
        #expect(table.complete(second &+ 1 << 24, nil) == .stale)
        #expect(table.complete(second | 0xFF_FFFF, nil) == .stale)
        #expect(table.complete(0, nil) == .stale)
        #expect(table.withEffects(first) { _ in true } == nil)
        #expect(table.withOpenEvent(first) { _ in true } == nil)
        #expect(table.isCancelled(first) && !table.isCancelled(second))
        #expect(table.complete(second, nil) == .ok)
    }

    @Test func `a closed call answers its late completion with stale and posts it`() {
        let call = table.arm(5)
        #expect(!table.returned(5, call, .pending, message: message))
        #expect(table.requestCancel(5) && table.isCancelled(call))
        #expect(table.close(5) && !table.close(5))
        #expect(!table.hasForeign)
        #expect(table.complete(call, nil) == .stale)
        #expect(table.takeForeign() == 6)
        #expect(table.settle(5).wasClosed)
    }

    @Test func `a closed call that returns late is the worker's to post`() {
        let call = table.arm(5)
        #expect(table.close(5))
        #expect(table.returned(5, call, .ok, message: message))
        #expect(table.settle(5).wasClosed)
    }

    @Test func `a second late completion posts nothing and leaves the slot's next call alone`() {
        let call = table.arm(5)
        #expect(!table.returned(5, call, .pending, message: message))
        #expect(table.close(5))
        #expect(table.complete(call, nil) == .stale)
        #expect(table.complete(call, nil) == .stale)
        #expect(table.takeForeign() == 6 && table.next[5] == 0)
        _ = table.settle(5)
        let next = table.arm(5)
        #expect(table.complete(call, nil) == .stale)
        #expect(!table.returned(5, next, .pending, message: message))
        #expect(table.complete(next, nil) == .ok)
        #expect(table.takeForeign() == 6)
    }

    @Test func `effects come back with the outcome and not with the slot's next call`() {
        let call = table.arm(7)
        let write = StateWrite(key: "k", value: [1], expectedRevision: 0, timeToLive: 0)
        #expect(table.withEffects(call) { $0.stateWrites.append(write) } != nil)
        #expect(table.complete(call, nil) == .ok)
        #expect(table.withEffects(call) { _ in true } == nil)
        #expect(table.returned(7, call, .ok, message: message))
        #expect(table.settle(7).effects?.stateWrites.map(\.key) == ["k"])
        _ = table.arm(7)
        #expect(table.settle(7).effects == nil)
    }

    @Test func `a given back call settles as unstarted`() {
        _ = table.arm(9)
        table.giveBack(9)
        #expect(table.settle(9).kind == .unstarted)
    }

    @Test func `a result of unknown outcome, or of zeroes, is a retry`() {
        for outcome in [Int32(0), 7, 99, -1] {
            let call = table.arm(4)
            var result = patchbay_result()
            result.size = UInt32(MemoryLayout<patchbay_result>.size)
            result.outcome = outcome
            #expect(table.complete(call, &result) == .ok)
            #expect(table.returned(4, call, .ok, message: message))
            #expect(table.settle(4).kind == .retry)
        }
        var short = patchbay_result()
        short.size = 4
        #expect(table.complete(table.arm(4), &short) == .badArgument)
    }

    @Test func `stop cancels every open call`() {
        let call = table.arm(6)
        #expect(!table.isCancelled(call))
        table.stop()
        #expect(table.isCancelled(call))
    }
}
