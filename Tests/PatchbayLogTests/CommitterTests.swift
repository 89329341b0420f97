import PatchbayLog
import Testing

/// Groups that the disk takes at the second try.
@Suite struct CommitterTests {
    private func committer(_ storage: any LogStorage) throws -> LogCommitter {
        try OpenedLog(
            storage, lock: nil, settings: LogSettings(), extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
    }

    private func submission(_ name: String, number: UInt16) -> LogSubmission {
        let submission = LogSubmission()
        submission.journal.append(NameRecord(.configuration, number, name))
        return submission
    }

    @Test func `a group that was written and not synced is committed once the disk syncs again`() throws {
        let storage = MemoryStorage()
        var committer = try committer(storage)
        let group = [submission("a", number: 0), submission("b", number: 1)]
        storage.plan.syncFailure = 1
        storage.plan.otherFailure = 1
        for _ in 0..<3 {
            do {
                try committer.commit(group, unixNow: 2)
                Issue.record("the disk does not sync")
            } catch {
                #expect(error.code == .io)
            }
        }
        storage.plan = FaultPlan()
        try committer.commit(group, unixNow: 3)
        try committer.commit([submission("c", number: 2)], unixNow: 4)
        #expect(committer.ledger.sequence == 4 && group.map(\.sequence) == [2, 3])
        storage.crash()
        storage.restart()
        let reopened = try self.committer(storage)
        #expect(reopened.ledger.names.names(.configuration) == ["a", "b", "c"])
        #expect(reopened.ledger.sequence == 4)
    }

    @Test func `a frame that the ledger does not take is taken back, and the log goes on without it`() throws {
        for sync in [LogSettings.Sync.always, .never] {
            let storage = MemoryStorage()
            var settings = LogSettings()
            settings.sync = sync
            var committer = try OpenedLog(
                storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
                other: { _, _ throws(LogFormatError) in }
            ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
            try committer.commit([submission("a", number: 0)], unixNow: 2)
            let wrong = submission("b", number: 1)
            // Of an event that was never accepted.
            wrong.journal.append(OutcomeRecord(DeliveryID(position: 7, handler: 0), .done, attempts: 1))
            do {
                try committer.commit([submission("c", number: 1), wrong], unixNow: 3)
                Issue.record("the ledger takes what cannot be")
            } catch {
                #expect(error.code == .corrupt && error.message.contains("is taken back"), "\(error)")
            }
            try committer.sync()
            let reopened = try self.committer(storage)
            #expect(reopened.ledger.names.names(.configuration) == ["a"])
        }
    }

    @Test func `a writer counts on from the one that the checkpoint knows when the last segment is empty`() throws {
        let storage = MemoryStorage()
        for _ in 0..<3 { _ = try committer(storage) }
        var third = try committer(storage)
        try third.commit([submission("a", number: 0)], unixNow: 2)
        let epoch = third.ledger.epoch
        try third.checkpoint([], unixNow: 3)
        // What a crash right behind a new segment's first sync leaves: a header, and no frame.
        let log = try storage.folder("log")
        let header = SegmentHeader(
            number: 2, firstSequence: third.store.nextSequence, firstPosition: 0, createdAt: 4,
            previousChecksum: third.store.lastChecksum, identity: 0)
        var writer = ByteWriter()
        header.write(to: &writer)
        let file = try log.open("0000000000000002.seg", create: true)
        try file.write(writer.bytes, at: 0)
        try file.sync()
        try log.syncFolder()
        var fourth = try committer(storage)
        try fourth.commit([submission("b", number: 1)], unixNow: 5)
        #expect(epoch >= 1 && fourth.ledger.epoch > epoch)
    }

    @Test func `a frame that a failed sync has moved is found by its sequence`() throws {
        let storage = MemoryStorage()
        var settings = LogSettings()
        settings.sync = .never
        var committer = try OpenedLog(
            storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
        try committer.sync()
        let moved = submission("a", number: 0)
        try committer.commit([moved], unixNow: 2)
        storage.plan.at = [storage.counts.operations + 1: .io]
        try committer.sync()
        let frame = try committer.store.reader.read(moved.location, sequence: moved.sequence)
        #expect(frame.view.header.sequence == moved.sequence && frame.location != moved.location)
    }

    @Test func `a kill while a segment that failed is replaced leaves what was written before`() throws {
        for isSynced in [false, true] {
            // The write fails, and this operation behind it.
            for failure in 1...8 {
                let storage = MemoryStorage()
                var settings = LogSettings()
                settings.sync = .never
                var committer = try OpenedLog(
                    storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
                    other: { _, _ throws(LogFormatError) in }
                ).committer(routes: [], handlers: ["lab.record"], unixNow: 1)
                if isSynced { try committer.sync() }
                try committer.commit([submission("a", number: 0)], unixNow: 2)
                let write = storage.counts.operations + 1
                storage.plan.at = [write: .io, write + failure: .io]
                let isRefused = Result { try committer.commit([submission("b", number: 1)], unixNow: 3) }.isFailure
                storage.plan = FaultPlan()
                let names = try self.committer(storage).ledger.names.names(.configuration)
                #expect(names == ["a"] || (!isRefused && names == ["a", "b"]), "\(isSynced), \(failure)")
            }
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}
