import Glibc

/// A folder of the file system.
package final class FileStorage: LogStorage {
    package let path: String
    /// The open folder: its files are found by it even when the path is moved.
    private let descriptor: Int32

    /// Opens a folder; with `create` it is made (one level) when missing, and on disk.
    package init(_ path: String, create: Bool = false) throws(StorageError) {
        let isMade = create && mkdir(path, 0o750) == 0
        if create, !isMade, errno != EEXIST { throw StorageError(.makeFolder, path, errno: errno) }
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StorageError(.open, path, errno: errno) }
        self.path = path
        if create { try syncParent(isMade: isMade) }
    }

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The folder's own name is on disk after this. One that was there may be what a killed process made and did not
    /// come to sync; where its parent may not be opened, it is what somebody else made for us.
    private func syncParent(isMade: Bool) throws(StorageError) {
        let parent = openat(descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else {
            if !isMade, errno == EACCES { return }
            throw StorageError(.open, "\(path)/..", errno: errno)
        }
        defer { close(parent) }
        guard retried({ fsync(parent) }) == 0 else { throw StorageError(.syncFolder, "\(path)/..", errno: errno) }
    }

    package func list() throws(StorageError) -> [String] {
        // A descriptor of its own: the position in a folder belongs to the open folder.
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw StorageError(.list, path, errno: errno) }
        guard let folder = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw StorageError(.list, path, errno: code)
        }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            if entry.pointee.d_type != UInt8(DT_DIR) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { names.append(name) }
            }
            errno = 0
        }
        guard errno == 0 else { throw StorageError(.list, path, errno: errno) }
        return names
    }

    package func open(_ name: String, create: Bool) throws(StorageError) -> any LogFile {
        try open(name, create ? O_RDWR | O_CREAT : O_RDWR)
    }

    package func openToRead(_ name: String) throws(StorageError) -> any LogFile { try open(name, O_RDONLY) }

    private func open(_ name: String, _ flags: Int32) throws(StorageError) -> any LogFile {
        let file = retried { openat(descriptor, name, flags | O_CLOEXEC, 0o640) }
        guard file >= 0 else { throw StorageError(.open, "\(path)/\(name)", errno: errno) }
        return DescriptorFile(path: "\(path)/\(name)", descriptor: file)
    }

    package func remove(_ name: String) throws(StorageError) {
        guard unlinkat(descriptor, name, 0) == 0 else {
            throw StorageError(.remove, "\(path)/\(name)", errno: errno)
        }
    }

    package func rename(_ old: String, to new: String) throws(StorageError) {
        guard renameat(descriptor, old, descriptor, new) == 0 else {
            throw StorageError(.rename, "\(path)/\(old)", errno: errno)
        }
    }

    package func syncFolder() throws(StorageError) {
        guard retried({ fsync(descriptor) }) == 0 else { throw StorageError(.syncFolder, path, errno: errno) }
    }

    package func folder(_ name: String) throws(StorageError) -> any LogStorage {
        let inner = "\(path)/\(name)"
        guard mkdirat(descriptor, name, 0o750) == 0 || errno == EEXIST else {
            throw StorageError(.makeFolder, inner, errno: errno)
        }
        // One that was there, too: whoever made it may have been killed before this.
        try syncFolder()
        let opened = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw StorageError(.open, inner, errno: errno) }
        return FileStorage(path: inner, descriptor: opened)
    }
}

/// Again when a signal came between.
private func retried(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// An open file of the file system.
private final class DescriptorFile: LogFile {
    let path: String
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func size() throws(StorageError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError(.read, path, errno: errno) }
        return Int(status.st_size)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let written = pwrite(descriptor, base + done, bytes.count - done, off_t(offset + done))
            if written > 0 {
                done += written
            } else if written == 0 || errno != EINTR {
                throw StorageError(.write, path, errno: written == 0 ? ENOSPC : errno)
            }
        }
    }

    func sync() throws(StorageError) {
        guard retried({ fdatasync(descriptor) }) == 0 else { throw StorageError(.sync, path, errno: errno) }
    }

    func truncate(to length: Int) throws(StorageError) {
        guard retried({ ftruncate(descriptor, off_t(length)) }) == 0 else {
            throw StorageError(.truncate, path, errno: errno)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw StorageError(.read, path, errno: errno)
            }
        }
        return done
    }

    func map(_ length: Int) throws(StorageError) -> any MappedBytes {
        guard try size() >= length, length > 0 else { throw StorageError(.map, path, errno: EINVAL) }
        guard let base = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            throw StorageError(.map, path, errno: errno)
        }
        return FileMap(UnsafeRawBufferPointer(start: base, count: length))
    }
}

/// A mapped part of a file.
private final class FileMap: MappedBytes, @unchecked Sendable {
    // Invariant: the memory is mapped for reading only, from init to deinit.
    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }

    func discard(_ range: Range<Int>) {
        let page = Int(getpagesize())
        let start = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard let base = bytes.baseAddress, start < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
    }
}
