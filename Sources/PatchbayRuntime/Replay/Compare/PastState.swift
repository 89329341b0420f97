import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// One handler's state as the log tells it, for calls whose own writes are not to be seen by anyone.
enum PastState {
    /// Puts the state of one handler into a store, as it was when a window began; as it is at the end of the log where
    /// the log and its checkpoints do not reach back as far. True for the former.
    static func restore(
        _ scope: HandlerScope, as target: HandlerScope, to store: StateStore, folder: String, reader: LogReader,
        from: UInt64?, first: UInt64, until: UInt64
    ) throws -> Bool {
        let checkpoints = try checkpoints(folder)
        let window = try windowStart(reader, from: from, first: first, until: until)
        var base = checkpoints.last { $0.sequence < window }
        let isPast = base != nil || reader.sequences.lowerBound <= 1
        if !isPast { base = checkpoints.last }
        func put(_ record: StateRecord) {
            var change = record.change
            guard change.scope == scope else { return }
            change.scope = target
            store.restore(change)
        }
        try base?.forEachState { put($0) }
        let end = isPast ? window : until
        let start = max(reader.sequences.lowerBound, (base?.sequence ?? 0) + 1)
        guard start < end else { return isPast }
        var cursor = reader.frames(fromSequence: start)
        while cursor.sequence < end, let frame = try cursor.next() {
            try frame.view.forEachRecord { if case .state(let record) = $0 { put(record) } }
        }
        return isPast
    }

    /// The first frame of the window.
    private static func windowStart(_ reader: LogReader, from: UInt64?, first: UInt64, until: UInt64) throws -> UInt64 {
        guard let from else { return first }
        var cursor = reader.frames(fromSequence: first)
        while cursor.sequence < until, let frame = try cursor.next() {
            if frame.view.header.writtenAt >= from { return frame.view.header.sequence }
        }
        return until
    }

    /// Oldest first.
    private static func checkpoints(_ folder: String) throws -> [Checkpoint] {
        do {
            let found = try CheckpointStore(try FileStorage("\(folder)/checkpoint")).loadAll()
            return found.whole.sorted { $0.sequence < $1.sequence }
        } catch {
            guard error.isMissing else { throw error }
            return []
        }
    }
}
