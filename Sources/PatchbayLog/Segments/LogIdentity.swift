/// The number that tells a log from every other: random, given when it was made, and in each of its segments.
package enum LogIdentity {
    /// Of the log in a data folder; `nil` when there is none yet. Reads a header, so whoever holds the folder's lock
    /// is not disturbed.
    package static func read(folder: String) throws(LogError) -> UInt64? {
        try logged { () throws(StorageError) in
            do throws(StorageError) {
                let storage = try FileStorage("\(folder)/log")
                let numbers = try storage.list().compactMap { SegmentName.number($0, ending: ".seg") }
                for number in numbers.sorted() {
                    let file = try storage.openToRead(SegmentName.segment(number))
                    let bytes = try file.bytes(SegmentHeader.byteCount, at: 0)
                    if let identity = identity(bytes) { return identity }
                }
                return nil
            } catch {
                // No folder yet; or the oldest segment has just been dropped by the host that runs: its lock says so.
                guard error.isMissing else { throw error }
                return nil
            }
        }
    }

    /// `nil` when the header is not whole: that of a segment that a crash kept from beginning. What else may be wrong
    /// with it is found when the log is opened.
    private static func identity(_ bytes: [UInt8]) -> UInt64? {
        bytes.withUnsafeBytes { bytes in
            do throws(LogFormatError) {
                return try SegmentHeader(bytes).identity
            } catch {
                return nil
            }
        }
    }
}
