/// A data folder that is open and folded: what recovery found, and what the writer goes on from.
package struct OpenedLog: ~Copyable {
    package private(set) var ledger: Ledger
    package let report: RecoveryReport
    /// Checkpoints that were not whole.
    package let skipped: [CheckpointStore.Skipped]
    private let settings: LogSettings
    private var store: SegmentStore
    private let checkpoints: CheckpointStore
    private let lock: FolderLock?
    /// Of the frames behind the checkpoint.
    private let bytesSinceCheckpoint: Int

    /// Opens a folder, or makes it, and folds the latest checkpoint and everything after it.
    ///
    /// - Parameters:
    ///   - extra: the checkpoint's parts that belong to others, before anything else.
    ///   - other: sections that the ledger does not know, in the order of the log.
    package init(
        _ storage: any LogStorage, lock: FolderLock?, settings: LogSettings,
        extra: (_ name: String, _ bytes: [UInt8]) throws(LogFormatError) -> Void,
        other: (SectionKind, UnsafeRawBufferPointer) throws(LogFormatError) -> Void
    ) throws(LogError) {
        self.settings = settings
        self.lock = lock
        let folders = try logged { () throws(StorageError) in
            (log: try storage.folder("log"), checkpoints: try storage.folder("checkpoint"))
        }
        var checkpoints = CheckpointStore(folders.checkpoints)
        let found: CheckpointStore.Loaded
        do {
            found = try checkpoints.load()
        } catch {
            throw LogError(error)
        }
        var ledger = found.checkpoint?.ledger ?? Ledger()
        if let checkpoint = found.checkpoint {
            do {
                for part in checkpoint.extras { try extra(part.name, part.bytes) }
            } catch {
                throw LogError(.corrupt, "checkpoint \(checkpoint.sequence): \(error)")
            }
        }
        var options = SegmentStore.Options()
        options.segmentBytes = settings.segmentBytes
        options.identity = settings.identity
        options.epoch = ledger.epoch
        var bytes = 0
        do throws(LogError) {
            store = try SegmentStore.open(folders.log, options: options, after: ledger.sequence) {
                (frame, location) throws(LogError) in
                bytes += Int(location.length)
                do {
                    try ledger.fold(frame, at: location, other: other)
                } catch {
                    throw LogError.corrupt(location.segment, at: Int(location.offset), "\(error)")
                }
            }
        } catch {
            // Nothing is missing where the disk did not give the checkpoint.
            guard error.code == .missing, let failure = found.failure else { throw error }
            throw LogError(failure)
        }
        bytesSinceCheckpoint = bytes
        self.ledger = ledger
        self.checkpoints = checkpoints
        report = store.report
        skipped = found.skipped
    }

    /// What goes on from here. Routes and handlers (by lane) that have no number yet are given one, on disk, and so is
    /// the hash of the configuration that decides which deliveries events get.
    package consuming func committer(
        routes: [String], handlers: [String], configuration: String? = nil, unixNow: UInt64
    ) throws(LogError) -> LogCommitter {
        let naming = LogSubmission()
        var names = ledger.names
        func number(_ kind: NameRecord.Kind, _ name: String) throws(LogError) -> UInt16 {
            if let known = names.number(kind, name) { return known }
            guard let next = names.nextNumber(kind) else {
                throw LogError(.full, "the data folder has \(NameTable.namesMax) names of \(kind)s; use a new one")
            }
            let record = NameRecord(kind, next, name)
            do {
                try names.add(record)
            } catch {
                throw LogError(.corrupt, "\(error)")
            }
            naming.journal.append(record)
            return next
        }
        var numbers = LogNumbers(routes: [], handlers: [])
        for route in routes { numbers.routes.append(try number(.route, route)) }
        for handler in handlers { numbers.handlers.append(try number(.handler, handler)) }
        if let configuration { numbers.configuration = try number(.configuration, configuration) }
        var committer = LogCommitter(
            store: store, ledger: ledger, checkpoints: checkpoints, settings: settings, numbers: numbers, lock: lock,
            bytesSinceCheckpoint: bytesSinceCheckpoint)
        if !naming.journal.isEmpty { try committer.commit([naming], unixNow: unixNow) }
        return committer
    }
}
