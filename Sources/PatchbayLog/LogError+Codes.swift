extension LogError.Code {
    /// The disk has no room. What was accepted is kept; the same may be tried again once there is room.
    package static let noSpace = LogError.Code(rawValue: "noSpace")
    /// The disk failed. The message says what, where, and what to do.
    package static let io = LogError.Code(rawValue: "io")
    /// Bytes of the log are not what was written. Trying again does not help.
    package static let corrupt = LogError.Code(rawValue: "corrupt")
    /// What has to be in one frame does not fit one. Trying again does not help.
    package static let frameTooLong = LogError.Code(rawValue: "frameTooLong")
    /// Another process has the data folder.
    package static let locked = LogError.Code(rawValue: "locked")
    /// A file is of a version, or of a kind, that this program does not read.
    package static let format = LogError.Code(rawValue: "format")
    /// What was asked for is not in the log any more, or was never.
    package static let missing = LogError.Code(rawValue: "missing")
}

extension LogError {
    /// What a failed operation on the disk means for the log.
    package init(_ error: StorageError) {
        self.init(error.isNoSpace ? .noSpace : .io, error.description)
    }

    /// Bytes of a segment that are not what was written, from `offset` on.
    package static func corrupt(_ segment: UInt32, at offset: Int, _ reason: String) -> LogError {
        LogError(
            .corrupt,
            "segment \(SegmentName.text(segment)), offset \(offset): \(reason); nothing after it was changed. Run "
                + "`patchbay log verify`, and restore the data folder from a copy")
    }
}

/// Runs disk operations as operations of the log.
package func logged<T>(_ body: () throws(StorageError) -> T) throws(LogError) -> T {
    do {
        return try body()
    } catch {
        throw LogError(error)
    }
}
