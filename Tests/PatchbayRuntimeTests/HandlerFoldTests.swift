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
        let fold = HandlerFold(state: StateStore())
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
}
