extension FrameHeader {
    /// All frames up to this were known to be on disk when this one was made.
    package var syncedThrough: UInt64 {
        sequence > UInt64(unsyncedBefore) ? sequence - 1 - UInt64(unsyncedBefore) : 0
    }

    /// The header of the frame that follows this one in the same group: this one is finished, with its checksum.
    package func following() -> FrameHeader {
        var next = self
        next.sequence += 1
        next.firstPosition += UInt64(eventCount)
        next.unsyncedBefore += 1
        next.previousChecksum = checksum
        next.checksum = 0
        next.length = 0
        next.eventCount = 0
        return next
    }
}
