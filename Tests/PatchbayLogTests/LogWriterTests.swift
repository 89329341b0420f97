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

    @Test func `a writer ends with a name for it when a frame would be too long to be read, and writes nothing of it`()
        throws
    {
        let storage = MemoryStorage()
        var settings = LogSettings()
        settings.frameBytesMax = 4096
        func committer() throws -> LogCommitter {
            try OpenedLog(
                storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
                other: { _, _ throws(LogFormatError) in }
            ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
        }
        let writer = LogWriter(try committer(), dispatcher: Doorbell(), report: { _ in })
        let box = try #require(writer.takeCommitter())
        func submit(_ name: String, _ number: UInt16) {
            let submission = LogSubmission()
            submission.journal.append(NameRecord(.configuration, number, name))
            #expect(writer.submit(submission))
        }
        submit(String(repeating: "a", count: 3900), 0)
        #expect(writer.step(box, now: 1, unixNow: 2) == .goesOn)
        submit(String(repeating: "b", count: 4100), 1)
        #expect(writer.step(box, now: 2, unixNow: 3) == .ends)
        let failure = try #require(writer.status.failure)
        #expect(writer.isBroken && failure.code == .frameTooLong)
        #expect(failure.message.contains("may have 4096"), "\(failure)")
        let reopened = try committer()
        #expect(reopened.ledger.names.names(.configuration).map(\.count) == [3900])
        while writer.takeCommitted() != nil {}
        _ = writer.end()
    }

    @Test func `one checkpoint is asked for at a time, and the next when enough was written since`() throws {
        var settings = LogSettings()
        settings.checkpointBytes = 256
        let committer = try OpenedLog(
            MemoryStorage(), lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
        let writer = LogWriter(committer, dispatcher: Doorbell(), report: { _ in })
        let box = try #require(writer.takeCommitter())
        func submit(_ number: UInt16, asks: Bool = false) {
            let submission = LogSubmission()
            submission.journal.append(NameRecord(.configuration, number, String(repeating: "\(number)", count: 300)))
            if asks { submission.checkpointExtras = [] }
            #expect(writer.submit(submission))
        }
        submit(0)
        #expect(writer.step(box, now: 1, unixNow: 2) == .goesOn)
        #expect(writer.wantsCheckpoint)
        submit(1, asks: true)
        #expect(!writer.wantsCheckpoint, "one is under way")
        #expect(writer.step(box, now: 2, unixNow: 3) == .goesOn)
        #expect(!writer.wantsCheckpoint, "it was written")
        submit(2)
        #expect(writer.step(box, now: 3, unixNow: 4) == .goesOn)
        #expect(writer.wantsCheckpoint)
        while writer.takeCommitted() != nil {}
        _ = writer.end()
    }
}
