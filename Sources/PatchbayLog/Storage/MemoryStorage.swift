import Glibc
import Synchronization

/// A disk in memory that fails and loses power as it is told, for tests and the simulator; the same seed and the same
/// calls give the same faults. Any thread.
package final class MemoryStorage: LogStorage {
    private let disk: Disk
    package let path: String

    /// An empty disk; this is its topmost folder.
    package init(seed: UInt64 = 1) {
        disk = Disk(seed: seed)
        path = ""
    }

    private init(_ disk: Disk, path: String) {
        self.disk = disk
        self.path = path
    }

    package func list() throws(StorageError) -> [String] {
        let prefix = "\(path)/"
        return try disk.run { disk throws(StorageError) in
            guard !disk.isDown else { throw StorageError(.list, prefix, errno: ENODEV) }
            return disk.names.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
                .filter { !$0.utf8.contains(UInt8(ascii: "/")) }.sorted()
        }
    }

    package func open(_ name: String, create: Bool) throws(StorageError) -> any LogFile {
        let path = "\(path)/\(name)"
        let (file, generation) = try disk.run { disk throws(StorageError) in
            (try disk.open(path, create: create), disk.generation)
        }
        return MemoryFile(disk, file: file, generation: generation, path: path)
    }

    package func openToRead(_ name: String) throws(StorageError) -> any LogFile { try open(name, create: false) }

    package func remove(_ name: String) throws(StorageError) {
        let path = "\(path)/\(name)"
        try disk.run { disk throws(StorageError) in try disk.remove(path) }
    }

    package func rename(_ old: String, to new: String) throws(StorageError) {
        let (old, new) = ("\(path)/\(old)", "\(path)/\(new)")
        try disk.run { disk throws(StorageError) in try disk.rename(old, to: new) }
    }

    package func syncFolder() throws(StorageError) {
        let prefix = "\(path)/"
        try disk.run { disk throws(StorageError) in try disk.syncFolder(prefix) }
    }

    package func folder(_ name: String) throws(StorageError) -> any LogStorage {
        MemoryStorage(disk, path: "\(path)/\(name)")
    }

    // MARK: Faults

    /// How the disk fails from now on.
    package var plan: FaultPlan {
        get { disk.state.withLock { $0.plan } }
        set { disk.state.withLock { $0.plan = newValue } }
    }

    package var counts: FaultCounts { disk.state.withLock { $0.counts } }

    /// Whether the power is off: everything fails until `restart`.
    package var isDown: Bool { disk.state.withLock { $0.isDown } }

    /// Cuts the power: of what was not synced, any part in any order is kept.
    package func crash() { disk.state.withLock { $0.crash() } }

    /// Power again. Files opened before stay dead.
    package func restart() { disk.state.withLock { $0.restart() } }

    /// Flips one bit of a file for good.
    package func flip(_ name: String, offset: Int, bit: Int) {
        let path = "\(path)/\(name)"
        disk.state.withLock { $0.flip(path, offset: offset, bit: bit) }
    }

    /// A file's bytes as a program reads them; `nil` when there is no such file.
    package func contents(_ name: String) -> [UInt8]? {
        let path = "\(path)/\(name)"
        return disk.state.withLock { disk in disk.names[path].flatMap { disk.files[$0]?.live } }
    }

    /// The disk that folders and files share.
    fileprivate final class Disk: Sendable {
        let state: Mutex<MemoryDisk>
        init(seed: UInt64) { state = Mutex(MemoryDisk(seed: seed)) }

        func run<T: Sendable>(
            _ body: (inout MemoryDisk) throws(StorageError) -> T
        ) throws(StorageError) -> T {
            try state.withLock { disk throws(StorageError) in try body(&disk) }
        }
    }
}

private final class MemoryFile: LogFile {
    let path: String
    private let disk: MemoryStorage.Disk
    private let file: Int
    private let generation: Int

    init(_ disk: MemoryStorage.Disk, file: Int, generation: Int, path: String) {
        self.disk = disk
        self.file = file
        self.generation = generation
        self.path = path
    }

    private func run<T: Sendable>(
        _ operation: StorageError.Operation, _ body: (inout MemoryDisk) throws(StorageError) -> T
    ) throws(StorageError) -> T {
        try disk.run { disk throws(StorageError) in
            guard disk.generation == generation else { throw StorageError(operation, path, errno: EBADF) }
            return try body(&disk)
        }
    }

    func size() throws(StorageError) -> Int {
        try run(.read) { disk throws(StorageError) in
            guard !disk.isDown else { throw StorageError(.read, path, errno: ENODEV) }
            return disk.files[file]?.live.count ?? 0
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try run(.write) { disk throws(StorageError) in try disk.write(bytes, at: offset, of: file, path) }
    }

    func sync() throws(StorageError) {
        try run(.sync) { disk throws(StorageError) in try disk.sync(file, path) }
    }

    func truncate(to length: Int) throws(StorageError) {
        try run(.truncate) { disk throws(StorageError) in try disk.truncate(to: length, of: file, path) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        let bytes = try run(.read) { disk throws(StorageError) in try disk.read(file, path) }
        guard offset < bytes.count else { return 0 }
        let count = min(buffer.count, bytes.count - offset)
        bytes.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)]))
        }
        return count
    }

    func map(_ length: Int) throws(StorageError) -> any MappedBytes {
        let bytes = try run(.map) { disk throws(StorageError) in try disk.read(file, path) }
        guard bytes.count >= length else { throw StorageError(.map, path, errno: EINVAL) }
        return MemoryMap(bytes[..<length])
    }
}

/// A copy of a file's bytes.
private final class MemoryMap: MappedBytes, @unchecked Sendable {
    // Invariant: written in init only.
    let bytes: UnsafeRawBufferPointer

    init(_ source: ArraySlice<UInt8>) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 16)
        copy.copyBytes(from: source)
        bytes = UnsafeRawBufferPointer(copy)
    }

    deinit { bytes.deallocate() }

    func discard(_ range: Range<Int>) {}
}
