/// What opening a log found and did.
package struct RecoveryReport: Sendable, Equatable {
    /// Bytes at the end that were no whole frame, and were cut off: writes that had not been accepted when the power went.
    package struct Cut: Sendable, Equatable {
        package var segment: UInt32
        package var offset: Int
        package var bytes: Int
        /// What is wrong with them.
        package var reason: String
        /// The segment's header was among them, and the whole file was removed.
        package var isWholeSegment = false
    }

    package var segments = 0
    /// Frames behind the checkpoint, which were visited.
    package var frames = 0
    /// Bytes that were read and checked.
    package var scannedBytes = 0
    package var cuts: [Cut] = []
    /// Bytes in sealed segments that a later segment replaced, after a write that failed.
    package var supersededBytes = 0
    package var nanoseconds: UInt64 = 0

    package init() {}

    package var cutBytes: Int { cuts.reduce(0) { $0 + $1.bytes } }
}
