/// How a disk in memory fails. Everything random comes from the disk's seed.
package struct FaultPlan: Sendable, Equatable {
    /// What happens at an operation.
    package enum Fault: Sendable, Equatable {
        /// EIO; a write leaves some of its bytes, a sync loses some of what was not synced.
        case io
        /// ENOSPC, after some of the bytes were written.
        case noSpace
        /// The power goes, before or after the operation took effect.
        case crash
    }

    /// What a crash does to bytes that were not synced.
    package enum Loss: Sendable, Equatable {
        case byChance
        /// All of them go.
        case all
        /// In each file, where more than a sector is at stake: the last that was written stays, the first goes.
        case reordered
        /// In each file, where more than a sector is at stake: the first that was written stays, the last goes.
        case torn
    }

    /// Chances per operation, 0 to 1.
    package var writeFailure = 0.0
    package var writeNoSpace = 0.0
    package var syncFailure = 0.0
    package var readFailure = 0.0
    /// Of truncating, renaming, removing, making files and syncing the folder.
    package var otherFailure = 0.0
    /// Bytes of all files together; beyond, a write is ENOSPC.
    package var capacityBytes = Int.max
    /// Faults at chosen operations: the number of the operation (reads are not counted), from 1.
    package var at: [Int: Fault] = [:]
    /// The same by the number of the write, and of the sync of a file.
    package var atWrite: [Int: Fault] = [:]
    package var atSync: [Int: Fault] = [:]
    package var loss = Loss.byChance

    package init() {}
}

/// What a disk in memory did, to see that a test reached what it is about.
package struct FaultCounts: Sendable, Equatable {
    package var operations = 0
    package var writes = 0
    package var syncs = 0
    package var crashes = 0
    package var crashesAtWrite = 0
    package var crashesAtSync = 0
    package var ioErrors = 0
    package var ioErrorsAtWrite = 0
    package var ioErrorsAtSync = 0
    package var noSpaceErrors = 0
    /// Pages that were not synced and went with a crash, or were half written.
    package var lostPages = 0
    package var tornPages = 0
    /// Files of which a crash kept what was written behind something that it lost.
    package var reorderedFiles = 0
    /// Pages that a failed sync lost for good while the program still reads them as written.
    package var phantomPages = 0
    /// Names made, renamed or removed that a crash undid.
    package var lostEntries = 0
    package var flippedBits = 0

    package init() {}
}
