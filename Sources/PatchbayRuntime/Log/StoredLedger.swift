import PatchbayLog

/// What a data folder's log amounts to, for those who only look.
enum StoredLedger {
    /// Folds the latest checkpoint and what was written since. Takes no lock and changes nothing, so a host may have
    /// the folder.
    static func open(_ folder: String) throws(StoredEventError) -> (reader: LogReader, ledger: Ledger) {
        do {
            let reader = try LogReader.open(FileStorage("\(folder)/log"))
            var ledger = try StoredEvents.checkpoint(folder)?.ledger ?? Ledger()
            if ledger.sequence + 1 < reader.sequences.upperBound {
                var cursor = reader.frames(fromSequence: ledger.sequence + 1)
                while let frame = try cursor.next() {
                    try ledger.fold(frame.view, at: frame.location) { _, _ throws(LogFormatError) in }
                }
            }
            return (reader, ledger)
        } catch {
            throw StoredEventError(opening: folder, error)
        }
    }
}
