import CPatchbaySystem
package import PatchbayLog

/// Changes the streams of a data folder that no host has.
package struct StreamOperations: ~Copyable {
    private var committer: LogCommitter
    private let subscriptions = SubscriptionFold()

    /// Takes the folder's lock until the end; a folder that is not there is made.
    ///
    /// Throws `.locked` when a host has the folder, with its process; what reading a log throws.
    package init(folder: String) throws(LogError) {
        let storage = try logged { () throws(StorageError) in try FileStorage(folder, create: true) }
        let lock = try FolderLock(folder: storage.path)
        var settings = LogSettings()
        settings.identity = UInt64.random(in: 1 ... .max)
        // A checkpoint would need what these leave out, and none is written.
        let fold = subscriptions
        let opened = try OpenedLog(storage, lock: lock, settings: settings, extra: fold.extra, other: fold.section)
        committer = try opened.committer(routes: [], handlers: [], unixNow: pbs_unix_now())
    }

    package var streams: Streams { committer.ledger.streams }

    /// Does it, and returns when it is on disk. Throws `StreamRefusal` and `LogError`; then nothing was changed.
    package mutating func apply(_ change: StreamChange) throws -> StreamAnswer {
        let now = pbs_unix_now()
        let answer = try committer.ledger.streams.plan(change, now: now)
        if let record = answer.record {
            let submission = LogSubmission()
            submission.journal.append(record)
            try committer.commit([submission], unixNow: now)
        }
        return answer
    }

    /// Ends a handler's subscription, and returns when that is on disk; false when there is none.
    package mutating func unsubscribe(_ name: String, of handler: String) throws -> Bool {
        guard subscriptions.records.contains(where: { $0.scope == handler && $0.name == name }) else { return false }
        let submission = LogSubmission()
        SubscriptionRecord(scope: handler, name: name, wish: nil).write(to: &submission.journal.subscriptions)
        try committer.commit([submission], unixNow: pbs_unix_now())
        return true
    }
}
