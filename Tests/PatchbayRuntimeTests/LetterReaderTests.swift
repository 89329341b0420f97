import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// Reading dead letters back.
@Suite struct LetterReaderTests {
    @Test func `an edit is found although a disk that failed has moved it`() throws {
        let storage = MemoryStorage()
        var settings = LogSettings()
        settings.sync = .never
        var committer = try OpenedLog(
            storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
        let (event, edited) = (Event(id: "1", source: "/a", type: "t"), Event(id: "1", source: "/a", type: "edited"))
        let delivery = DeliveryID(position: .max, handler: DeadLetterRecord.noHandler)
        let letter = LogSubmission()
        letter.journal.append(DeadLetterRecord(delivery, diedAt: 2, event: event.json, history: []))
        try committer.commit([letter], unixNow: 2)
        try committer.sync()
        let id = LetterID(sequence: letter.sequence, index: 0)
        let edit = LogSubmission()
        edit.journal.append(OperationRecord(.edit, id, of: delivery, at: 3, by: "me", event: edited.json))
        try committer.commit([edit], unixNow: 3)
        let next = LogSubmission()
        next.journal.append(NameRecord(.configuration, 0, "a"))
        storage.plan.at[storage.counts.operations + 1] = .io
        try committer.commit([next], unixNow: 4)
        let kept = try #require(committer.ledger.letter(id))
        let segment = try #require(try committer.store.segments.last)
        #expect(segment.number > kept.edit?.segment ?? 0, "the disk failed, and a new segment holds the edit")
        #expect(try LetterReader(committer.store.reader).read(kept).edit == edited.json)
    }
}
