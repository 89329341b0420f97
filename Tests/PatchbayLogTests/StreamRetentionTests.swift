import PatchbayEvents
import Testing

@testable import PatchbayLog

@Suite struct StreamRetentionTests {
    /// Regression: streams larger than `log.retention.bytes` were carried at each checkpoint, and made the next one due.
    @Test func `streams that are larger than the log may be are carried once`() throws {
        var settings = LogSettings()
        settings.segmentBytes = 4_096
        settings.checkpointBytes = 4_096
        settings.retentionBytes = 32_768
        var committer = try OpenedLog(
            MemoryStorage(), lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: [], unixNow: 1)
        let store = StreamStore()
        store.open(committer.ledger.streams, reader: committer.store.reader)
        for number in 0..<40 {
            let event = Event(
                id: "\(number)", source: "/s", type: "t",
                data: Array("\"\(String(repeating: "x", count: 1_000))\"".utf8))
            let submission = LogSubmission()
            _ = try store.apply(.append(stream: "s", events: [StreamLine(event)], expected: .any), now: 2) {
                submission.journal.append($0)
            }
            try committer.commit([submission], unixNow: 2)
            store.placed(submission.journal.streamRecords, in: submission.sequence)
        }
        var ends: [UInt64] = []
        for round in 0..<80 {
            let submission = LogSubmission()
            submission.journal.append(NameRecord(.configuration, UInt16(round), "c\(round)"))
            try committer.commit([submission], unixNow: 3)
            try committer.checkpoint([], unixNow: 3)
            _ = try committer.retain(unixNow: 3) { store.carried($0, in: $1) }
            ends.append(committer.store.nextSequence)
        }
        #expect(ends[40] > ends[0] + 40, "nothing was carried")
        // A frame a round is the round's own; those make some segments go, with what was carried there.
        #expect(ends[79] < ends[40] + 50, "it is carried on and on: \(ends)")
        #expect(try store.read("s", count: 100).map(\.revision) == Array(0..<40))
    }
}
