/// A log that was read through, and what is wrong with it. Nothing is changed.
package struct LogVerification: Sendable {
    /// Something that is not as it must be.
    package struct Fault: Sendable, Equatable {
        /// The file.
        package var path: String
        package var segment: UInt32?
        /// Bytes from the file's start.
        package var offset: Int?
        package var message: String
    }

    package internal(set) var faults: [Fault] = []
    /// What is no fault and worth knowing: a torn tail, bytes that a later segment replaced, an index that is missing.
    package internal(set) var notes: [Fault] = []
    package internal(set) var segments = 0
    package internal(set) var frames = 0
    package internal(set) var events = 0
    package internal(set) var bytes = 0
    package internal(set) var indexes = 0
    package internal(set) var checkpoints = 0
    /// Of the whole history, from the log itself or from a checkpoint on; `nil` when it could not be followed.
    package internal(set) var counts: LedgerCounts?
    /// Sequences of the frames that were read.
    package internal(set) var sequences: Range<UInt64> = 1..<1

    package var isSound: Bool { faults.isEmpty }

    /// Reads all segments, indexes and checkpoints of a data folder's `log` and `checkpoint` folders.
    ///
    /// A writer may have them open: what it appends meanwhile is not looked at. Throws when a folder cannot be listed.
    ///
    /// - Parameter progress: told at every frame how many bytes of segments have been read, of how many.
    package init(
        log: any LogStorage, checkpoints: (any LogStorage)?, progress: @escaping (Int, Int) -> Void = { _, _ in }
    ) throws(LogError) {
        var walk = LogWalk(log, progress: progress)
        // Before the segments: a checkpoint is never ahead of what was on disk when it was written.
        if let checkpoints { try walk.readCheckpoints(checkpoints) }
        try walk.run()
        self = walk.result
    }

    init() {}
}
