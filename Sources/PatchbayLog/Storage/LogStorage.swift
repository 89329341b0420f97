/// A folder of the log's files: the real one, or a disk in memory that fails as it is told.
///
/// Any thread; one writer a file.
package protocol LogStorage: Sendable {
    /// For messages: the folder's path.
    var path: String { get }

    /// The names of the files in the folder, in no order. Folders in it are left out.
    func list() throws(StorageError) -> [String]

    /// Opens a file for reading and writing. With `create` it is made when missing; its entry is on disk after
    /// `syncFolder`.
    func open(_ name: String, create: Bool) throws(StorageError) -> any LogFile

    /// Opens a file for reading only.
    func openToRead(_ name: String) throws(StorageError) -> any LogFile

    /// On disk after `syncFolder`, as is `rename`.
    func remove(_ name: String) throws(StorageError)

    /// Replaces what `new` was.
    func rename(_ old: String, to new: String) throws(StorageError)

    /// Writes the folder's entries to disk.
    func syncFolder() throws(StorageError)

    /// A folder in this one, made (and on disk) when missing.
    func folder(_ name: String) throws(StorageError) -> any LogStorage
}

/// An open file; closed when the last reference goes.
package protocol LogFile: AnyObject, Sendable {
    /// For messages: where the file lies.
    var path: String { get }

    /// Its length in bytes.
    func size() throws(StorageError) -> Int

    /// Writes all of `bytes`. After an error any part of them may have been written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError)

    /// Waits until everything written and the length are on disk (`fdatasync`).
    ///
    /// After an error nothing is known of what was written since the last sync that went well: a later sync may say
    /// that all is well, and what was written may be gone all the same.
    func sync() throws(StorageError)

    func truncate(to length: Int) throws(StorageError)

    /// Reads up to `buffer.count` bytes; fewer at the end of the file only. How many were read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int

    /// The first `length` bytes, which must be there and must not change.
    func map(_ length: Int) throws(StorageError) -> any MappedBytes
}

/// Bytes of a file, readable for as long as this is retained.
package protocol MappedBytes: AnyObject, Sendable {
    var bytes: UnsafeRawBufferPointer { get }

    /// Gives the memory of these bytes back; they are read again when they are needed.
    func discard(_ range: Range<Int>)
}

/// What the disk answered, and what to do about it.
package struct StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Operation: String, Sendable {
        case open, list, write, sync, truncate, read, map, remove, rename, lock
        case syncFolder = "sync the folder"
        case makeFolder = "make the folder"
    }

    package let operation: Operation
    package let path: String
    /// `errno`; 0 when the operation itself went well and its result is impossible.
    package let errno: Int32

    package init(_ operation: Operation, _ path: String, errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }
}

extension LogFile {
    /// Up to `count` bytes from `offset`; fewer at the end of the file.
    func bytes(_ count: Int, at offset: Int) throws(StorageError) -> [UInt8] {
        var failure: StorageError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(StorageError) {
                let room = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count)
                initialized = try read(into: room, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
