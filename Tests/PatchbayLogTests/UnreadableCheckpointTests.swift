import Glibc
import PatchbayEvents
import Testing

@testable import PatchbayLog

/// A disk that does not give its checkpoints, for now.
private final class Unreadable: LogStorage {
    private let storage: any LogStorage
    var path: String { storage.path }

    init(_ storage: any LogStorage) { self.storage = storage }

    func list() throws(StorageError) -> [String] { try storage.list() }
    func open(_ name: String, create: Bool) throws(StorageError) -> any LogFile {
        try storage.open(name, create: create)
    }
    func openToRead(_ name: String) throws(StorageError) -> any LogFile {
        if name.hasSuffix(".ckpt") { throw StorageError(.read, "\(path)/\(name)", errno: EIO) }
        return try storage.openToRead(name)
    }
    func remove(_ name: String) throws(StorageError) { try storage.remove(name) }
    func rename(_ old: String, to new: String) throws(StorageError) { try storage.rename(old, to: new) }
    func syncFolder() throws(StorageError) { try storage.syncFolder() }
    func folder(_ name: String) throws(StorageError) -> any LogStorage { Unreadable(try storage.folder(name)) }
}

@Suite struct UnreadableCheckpointTests {
    private func open(_ storage: any LogStorage) throws -> LogCommitter {
        var settings = LogSettings()
        settings.segmentBytes = 4096
        settings.retentionBytes = 1
        return try OpenedLog(
            storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in }
        ).committer(routes: [], handlers: [], unixNow: 1)
    }

    private func fill(_ committer: inout LogCommitter) throws {
        for _ in 0..<20 {
            let submission = LogSubmission()
            let delivery = DeliveryID(position: .max, handler: DeadLetterRecord.noHandler)
            submission.journal.append(
                DeadLetterRecord(delivery, diedAt: 1, event: [UInt8](repeating: 32, count: 500), history: []))
            try committer.commit([submission], unixNow: 1)
            let letter = LetterID(sequence: submission.sequence, index: 0)
            let purge = LogSubmission()
            purge.journal.append(OperationRecord(.purge, letter, of: delivery, at: 1, by: "me"))
            try committer.commit([purge], unixNow: 1)
        }
    }

    @Test func `are the disk's error, not missing files, where segments have gone`() throws {
        let storage = MemoryStorage()
        do {
            var committer = try open(storage)
            for _ in 0..<2 {
                try fill(&committer)
                try committer.checkpoint([], unixNow: 1)
            }
            #expect(try committer.retain(unixNow: 2) > 0)
        }
        let error = #expect(throws: LogError.self) { _ = try open(Unreadable(storage)) }
        #expect(error?.code == .io && error?.message.contains(".ckpt") == true, "\(String(describing: error))")
        _ = try open(storage)
    }

    @Test func `are no hindrance where all segments are there`() throws {
        let storage = MemoryStorage()
        do {
            var committer = try open(storage)
            try fill(&committer)
            try committer.checkpoint([], unixNow: 1)
        }
        let committer = try open(Unreadable(storage))
        let purged = committer.ledger.counts.purged
        #expect(purged == 20)
    }
}
