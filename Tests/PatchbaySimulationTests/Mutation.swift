@testable import PatchbayLog

/// A mistake that the simulation is told to make, to show that its oracle sees it. The product has no switch for any.
enum Mutation: String, CaseIterable, Sendable {
    // Of the disk.
    case dropsTheSync, dropsTheFolderSync, skipsTheChecksum, acceptsBeforeTheSync
    // Of what is recorded.
    case forgetsWhatHappened, emitsInAnotherFrame, forgetsState, forgetsTimers, ignoresRevisions, forgetsStreams,
        ignoresStreamRevisions, forgetsSubscriptions, forgetsUnsubscribing
    case retriesBeforeTheRecord
    // Of what a process takes over.
    case forgetsAttempts, losesABacklog, reroutesABacklog, forgetsDuplicates, losesFilters, losesPlaces
    // Of reloads.
    case reroutesAfterAReload, forgetsTheConfiguration
    // Of limits.
    case releasesAPermitTwice, letsABreakerThrough, forgetsResumed, takesTooMany
}

/// A disk whose user leaves out what a mutation says.
final class MutantStorage: LogStorage {
    private let storage: any LogStorage
    private let mutation: Mutation
    var path: String { storage.path }

    init(_ storage: any LogStorage, _ mutation: Mutation) {
        self.storage = storage
        self.mutation = mutation
    }

    func list() throws(StorageError) -> [String] { try storage.list() }
    func open(_ name: String, create: Bool) throws(StorageError) -> any LogFile {
        MutantFile(try storage.open(name, create: create), mutation)
    }
    func openToRead(_ name: String) throws(StorageError) -> any LogFile {
        MutantFile(try storage.openToRead(name), mutation)
    }
    func remove(_ name: String) throws(StorageError) { try storage.remove(name) }
    func rename(_ old: String, to new: String) throws(StorageError) { try storage.rename(old, to: new) }
    func syncFolder() throws(StorageError) { if mutation != .dropsTheFolderSync { try storage.syncFolder() } }
    func folder(_ name: String) throws(StorageError) -> any LogStorage {
        MutantStorage(try storage.folder(name), mutation)
    }
}

private final class MutantFile: LogFile {
    private let file: any LogFile
    private let mutation: Mutation
    var path: String { file.path }

    init(_ file: any LogFile, _ mutation: Mutation) {
        self.file = file
        self.mutation = mutation
    }

    func size() throws(StorageError) -> Int { try file.size() }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try file.write(bytes, at: offset)
    }
    func sync() throws(StorageError) { if mutation != .dropsTheSync { try file.sync() } }
    func truncate(to length: Int) throws(StorageError) { try file.truncate(to: length) }
    func map(_ length: Int) throws(StorageError) -> any MappedBytes { try file.map(length) }

    /// Without checksums a reader takes each frame whose header looks like one: it gets bytes whose checksum is right.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        guard mutation == .skipsTheChecksum, path.hasSuffix(".seg") else {
            return try file.read(into: buffer, at: offset)
        }
        let whole = UnsafeMutableRawBufferPointer.allocate(byteCount: try file.size(), alignment: 8)
        defer { whole.deallocate() }
        guard try file.read(into: whole, at: 0) == whole.count else { return 0 }
        Self.mend(whole)
        let end = min(whole.count, offset + buffer.count)
        guard offset < end else { return 0 }
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[offset..<end]))
        return end - offset
    }

    private static func mend(_ bytes: UnsafeMutableRawBufferPointer) {
        var offset = SegmentHeader.byteCount
        while offset + FrameHeader.byteCount <= bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            var reader = ByteReader(rest)
            guard let header = Result(catching: { try FrameHeader(&reader) }).value,
                Int(header.length) <= rest.count
            else { return }
            let frame = UnsafeRawBufferPointer(rebasing: rest[..<Int(header.length)])
            let checksum = FrameBuilder.checksum(of: frame)
            bytes.storeBytes(of: checksum.littleEndian, toByteOffset: offset + 4, as: UInt32.self)
            offset += Int(header.length)
        }
    }
}

extension Result {
    fileprivate var value: Success? { if case .success(let value) = self { value } else { nil } }
}
