import PatchbayEvents
import Testing

@testable import PatchbayLog

/// The steps of the log's thread, taken one by one.
@Suite struct LogWriterTests {
    @Test func `a writer that gives up says why, however the last sync goes`() throws {
        let storage = MemoryStorage()
        let writer = LogWriter(
            try OpenedLog(
                storage, lock: nil, settings: LogSettings(), extra: { _, _ throws(LogFormatError) in },
                other: { _, _ throws(LogFormatError) in }
            ).committer(routes: [], handlers: ["lab.record"], unixNow: 1), dispatcher: Doorbell(), report: { _ in })
        let box = try #require(writer.takeCommitter())
        let submission = LogSubmission()
        submission.journal.append(NameRecord(.configuration, 0, "a"))
        #expect(writer.submit(submission))
        storage.plan.writeNoSpace = 1
        #expect(writer.step(box, now: 1, unixNow: 2) == .waitsForDisk)
        writer.askToEnd()
        #expect(writer.step(box, now: 2, unixNow: 3) == .waitsForDisk)
        #expect(writer.step(box, now: 1_000_000_002, unixNow: 4) == .ends)
        #expect(writer.isBroken && writer.status.failure?.code == .noSpace)
        #expect(writer.end().map { $0 === submission } == [true])
    }
}
