/// How a log is kept.
package struct LogSettings: Sendable {
    package enum Sync: Sendable, Equatable {
        /// Before anything is reported as committed.
        case always
        /// At most this many nanoseconds after it was written.
        case interval(UInt64)
        /// When the system likes.
        case never
    }

    package var sync = Sync.always
    package var segmentBytes = 64 << 20
    /// A checkpoint each time this much was written: recovery folds no more.
    package var checkpointBytes = 64 << 20
    /// Nanoseconds; 0 keeps for ever.
    package var retentionAge: UInt64 = 0
    /// 0 is no bound.
    package var retentionBytes = 0
    /// Submissions that may be under way to the writer.
    package var queueDepth = 256
    /// Of events that are held in memory at a time, in bytes: what is pending beyond that stays on disk.
    package var memoryBytes = 128 << 20
    /// Of a frame: nothing longer is written.
    package var frameBytesMax = FrameHeader.lengthMax
    /// Of a data folder that is made anew: any number, different for each.
    package var identity: UInt64 = 0

    package init() {}
}
