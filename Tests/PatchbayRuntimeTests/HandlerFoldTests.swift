import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import Testing

@testable import PatchbayRuntime

/// What the log says of handlers' state and timers, put together for the next run.
@Suite struct HandlerFoldTests {
    private func fold(_ records: [TimerRecord]) throws -> [String] {
        var writer = ByteWriter(capacity: 64)
        for record in records { record.write(to: &writer) }
        let fold = HandlerFold(state: StateStore(), subscriptions: SubscriptionStore())
        try fold.section(.timers, writer.bytes)
        return try fold.delayedEvents().map { "\($0.reentry.event.source) \($0.due)" }
    }

    private func delayed(_ source: String, until due: UInt64) -> TimerRecord {
        let event = Event(id: "1", source: source, type: "t")
        return TimerRecord(.delayed, scope: "", key: event.id, due: due, event: event.json)
    }

    @Test func `events with one id that are to come in later come in each for itself`() throws {
        let both = [delayed("/b", until: 20), delayed("/a", until: 10)]
        #expect(try fold(both) == ["/a 10", "/b 20"])
        // The one that is due earlier has come in.
        #expect(try fold(both + [TimerRecord(.released, scope: "", key: "1")]) == ["/b 20"])
    }

    @Test func `subscriptions stand as the last word of checkpoint and frames says`() throws {
        func record(_ name: String, next: UInt64?) -> SubscriptionRecord {
            SubscriptionRecord(
                scope: "shop.view", name: name,
                wish: next.map { StreamWish(stream: "orders", from: $0, type: "a.*", correlation: "c") })
        }
        func bytes(_ records: [SubscriptionRecord]) -> ByteWriter {
            var writer = ByteWriter(capacity: 64)
            for record in records { record.write(to: &writer) }
            return writer
        }
        let store = SubscriptionStore()
        let fold = HandlerFold(state: StateStore(), subscriptions: store)
        let kept = bytes([record("one", next: 3), record("two", next: 4)])
        try fold.extra(CheckpointParts.subscriptions, [UInt8](kept.bytes))
        #expect(store.records == [record("one", next: 3), record("two", next: 4)])
        let since = bytes([record("two", next: 9), record("three", next: 0), record("one", next: nil)])
        try fold.section(.subscriptions, since.bytes)
        #expect(store.records == [record("two", next: 9), record("three", next: 0)])
        // And so they go into the next checkpoint.
        let extras = CheckpointParts.extras(
            state: StateStore(), timers: TimerStore(), subscriptions: store, delayed: [],
            deduplicator: Deduplicator(DispatchPlan(routes: [], lanes: [])), routes: [])
        var writer = ByteWriter(capacity: 64)
        try #require(extras.first { $0.name == CheckpointParts.subscriptions }).encode(&writer)
        let expected = bytes([record("two", next: 9), record("three", next: 0)])
        #expect([UInt8](writer.bytes) == [UInt8](expected.bytes))
        let broken = [UInt8](writer.bytes.dropLast(8))
        #expect(throws: LogFormatError.self) {
            try HandlerFold(state: StateStore(), subscriptions: SubscriptionStore())
                .extra(CheckpointParts.subscriptions, broken)
        }
    }
}
