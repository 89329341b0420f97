import PatchbayLog

/// What a data folder's log amounts to, for those who only look.
enum StoredLedger {
    /// Folds the latest checkpoint and what was written since. Takes no lock and changes nothing, so a host may have
    /// the folder.
    ///
    /// - Parameters:
    ///   - extra: told of the checkpoint's parts that are not the ledger's.
    ///   - other: told of the sections of later frames that are not.
    static func open(
        _ folder: String, extra: (String, [UInt8]) throws(LogFormatError) -> Void = { _, _ in },
        other: (SectionKind, UnsafeRawBufferPointer) throws(LogFormatError) -> Void = { _, _ in }
    ) throws(StoredEventError) -> (reader: LogReader, ledger: Ledger) {
        do {
            let reader = try LogReader.open(FileStorage("\(folder)/log"))
            let checkpoint = try StoredEvents.checkpoint(folder)
            for part in checkpoint?.extras ?? [] { try extra(part.name, part.bytes) }
            var ledger = checkpoint?.ledger ?? Ledger()
            if ledger.sequence + 1 < reader.sequences.upperBound {
                var cursor = reader.frames(fromSequence: ledger.sequence + 1)
                while let frame = try cursor.next() {
                    try ledger.fold(frame.view, at: frame.location) { (kind, bytes) throws(LogFormatError) in
                        try other(kind, bytes)
                    }
                }
            }
            return (reader, ledger)
        } catch {
            throw StoredEventError(opening: folder, error)
        }
    }
}
