import CPatchbay
import PatchbayEvents
import Testing

@testable import PatchbayModules

/// Regressions: what open calls have buffered counts against the bounds, not only what is committed.
@Suite(.inlineAndFromWorker) struct `bounds of buffered effects` {
    private static let value = [UInt8](repeating: 7, count: 1 << 20)

    private func put(_ bench: ModuleBench, _ call: patchbay_call, _ key: String, _ bytes: Int) throws
        -> patchbay_status
    {
        let state = try bench.service(HostServiceID.state, patchbay_state.self)
        return state.put(bench.host, call, lasting(key), Self.value, UInt64(bytes), StateRevision.any, 0)
    }

    private func draft(_ bytes: Int) -> patchbay_draft {
        var draft = patchbay_draft()
        draft.size = UInt32(MemoryLayout<patchbay_draft>.size)
        draft.type = lasting("t")
        draft.datacontenttype = lasting("text/plain")
        let text = lasting(String(repeating: "x", count: bytes))
        draft.data = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
        draft.data_len = text.len
        return draft
    }

    @Test func `one call writes at most 16 MiB of state, however much the store may hold`() throws {
        let bench = ModuleBench(stateBytes: 256 << 20)
        let call = bench.open()
        let statuses = try (0..<20).map { try put(bench, call, "k\($0)", 1 << 20) }
        #expect(statuses == Array(repeating: .ok, count: 15) + Array(repeating: .limit, count: 5))
        #expect(bench.commit(bench.settle(call)) == .committed)
        #expect(bench.state.bytes < 16 << 20)
    }

    @Test func `calls that are open together do not write more than the store may hold`() throws {
        let bench = ModuleBench(stateBytes: 100)
        let (a, b) = (bench.open(), bench.open())
        #expect(try put(bench, a, "a", 59) == .ok)
        #expect(try put(bench, b, "b", 59) == .limit)
        #expect(try put(bench, b, "b", 39) == .ok)
        #expect(try put(bench, a, "a", 60) == .limit)
        for call in [a, b] { #expect(bench.commit(bench.settle(call)) == .committed) }
        #expect(bench.state.bytes == 100)
        let next = bench.open()
        let state = try bench.service(HostServiceID.state, patchbay_state.self)
        #expect(try put(bench, next, "c", 1) == .limit)
        #expect(state.del(bench.host, next, lasting("a"), StateRevision.any) == .ok)
        #expect(bench.commit(bench.settle(next)) == .committed)
        #expect(bench.state.bytes == 40)
    }

    @Test func `values that have expired make room in a full store`() throws {
        let bench = ModuleBench(stateBytes: 100)
        let state = try bench.service(HostServiceID.state, patchbay_state.self)
        let first = bench.open()
        let bytes = [UInt8](repeating: 1, count: 90)
        #expect(state.put(bench.host, first, lasting("old"), bytes, 90, StateRevision.any, 1) == .ok)
        #expect(bench.commit(bench.settle(first)) == .committed)
        #expect(bench.state.bytes == 93)
        bench.clock.advance(1)
        let next = bench.open()
        #expect(try put(bench, next, "new", 90) == .ok)
        #expect(bench.commit(bench.settle(next)) == .committed)
        #expect(bench.state.bytes == 93)
    }

    @Test func `a call that is not done, or that rewrites a key, gives its room back`() throws {
        let bench = ModuleBench(stateBytes: 100)
        let failing = bench.open()
        #expect(try put(bench, failing, "k", 99) == .ok)
        #expect(bench.commit(bench.settle(failing, .retry)) == .committed)
        let call = bench.open()
        #expect(try put(bench, call, "k", 99) == .ok)
        #expect(try put(bench, call, "k", 9) == .ok)
        #expect(try put(bench, call, "l", 89) == .ok)
        #expect(bench.commit(bench.settle(call)) == .committed)
        #expect(bench.state.bytes == 100)
    }

    @Test func `state, emits and timers of a call share one bound in bytes`() throws {
        var limits = HostEnvironment.Limits()
        limits.effectBytesPerCall = 1000
        let bench = ModuleBench(limits: limits)
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let timer = try bench.service(HostServiceID.timer, patchbay_timer.self)
        let call = bench.open()
        var event = draft(250)
        #expect(try put(bench, call, "k", 299) == .ok)
        #expect(emit.add(bench.host, call, &event) == .ok)
        event.not_before_ns = 5
        #expect(timer.set(bench.host, call, lasting("t"), &event) == .ok)
        event.not_before_ns = 0
        #expect(emit.add(bench.host, call, &event) == .limit)
        #expect(try put(bench, call, "l", 299) == .limit)
        let effects = try #require(bench.settle(call).effects)
        #expect(effects.stateWrites.count == 1 && effects.emits.count == 1 && effects.timers.count == 1)
    }

    @Test func `what open calls had emitted did not count against the log`() throws {
        let bench = ModuleBench()
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let room = bench.calls.emitRoom
        room.limit(to: 10_000)
        var event = draft(1000)
        let calls = (0..<3).map { _ in bench.open() }
        // Ten thousand bytes have room for six such events, whichever calls they are of.
        let statuses = (0..<9).map { emit.add(bench.host, calls[$0 % 3], &event) }
        #expect(statuses.filter { $0 == .ok }.count == 6 && statuses.suffix(3).allSatisfy { $0 == .limit })
        #expect(room.bytes > 6 * 1000 && room.bytes <= 10_000)
        // What ends with another outcome than done, and what the host gives up on, gives its room back.
        #expect(bench.settle(calls[0], .retry).effects?.emits.count == 2)
        #expect(bench.calls.close(Int(bench.hostCall(calls[1]) & 0xFF_FFFF)))
        #expect(room.bytes < 4000)
        #expect(emit.add(bench.host, calls[2], &event) == .ok)
        #expect(bench.settle(calls[2]).effects?.emits.count == 3)
        #expect(room.bytes == 0)
    }

    @Test func `emit answers limit while the log has no room for handlers`() throws {
        let bench = ModuleBench()
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let call = bench.open()
        var event = draft(1)
        bench.calls.emitRoom.limit(to: 0)
        #expect(emit.add(bench.host, call, &event) == .limit)
        bench.calls.emitRoom.limit(to: 1000)
        #expect(emit.add(bench.host, call, &event) == .ok)
        #expect(bench.settle(call).effects?.emits.count == 1)
    }
}
