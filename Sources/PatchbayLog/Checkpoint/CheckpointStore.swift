/// The checkpoints of a data folder: one file each, named after the last frame that is folded in. The two latest that
/// are good are kept, with the frames behind the older one, so that one that goes bad is no loss.
package struct CheckpointStore: Sendable {
    /// A file that is no whole checkpoint, and why.
    package struct Skipped: Sendable, Equatable {
        package var path: String
        package var reason: String
    }

    package struct Loaded: Sendable {
        /// The latest that is right; `nil` when there is none.
        package var checkpoint: Checkpoint?
        /// Later ones that are not, latest first. They stay where they are until newer ones take their place.
        package var skipped: [Skipped]
        /// Why the disk did not give the first of those that it did not give.
        package var failure: StorageError?
    }

    private static let ending = ".ckpt"
    private static let temporaryEnding = ".tmp"

    private let storage: any LogStorage
    /// Those that were read and found right, or written, oldest first: at most two.
    private var good: [UInt64] = []

    /// `storage` is the folder of the checkpoints, which has nothing else in it.
    package init(_ storage: any LogStorage) { self.storage = storage }

    /// Frames up to this one may go, as far as the ledger does not need them: the older of two good checkpoints has
    /// them folded in. `nil` as long as there are not two.
    package var droppableSequence: UInt64? { good.count == 2 ? good[0] : nil }

    /// Reads the latest checkpoint that is right. A file that cannot be read is skipped like one that is wrong.
    package mutating func load() throws(StorageError) -> Loaded {
        var skipped: [Skipped] = []
        var failure: StorageError?
        for sequence in try storage.list().compactMap(Self.sequence).sorted().reversed() {
            let name = Self.name(sequence)
            do {
                let checkpoint = try read(name)
                guard checkpoint.sequence == sequence else {
                    throw LogFormatError("it is the checkpoint of frame \(checkpoint.sequence)")
                }
                good = [sequence]
                return Loaded(checkpoint: checkpoint, skipped: skipped, failure: failure)
            } catch {
                failure = failure ?? error as? StorageError
                skipped.append(Skipped(path: "\(storage.path)/\(name)", reason: "\(error)"))
            }
        }
        return Loaded(checkpoint: nil, skipped: skipped, failure: failure)
    }

    /// All checkpoints of the folder, oldest first, and what is none.
    package func loadAll() throws(StorageError) -> (whole: [Checkpoint], skipped: [Skipped]) {
        var whole: [Checkpoint] = []
        var skipped: [Skipped] = []
        for sequence in try storage.list().compactMap(Self.sequence).sorted() {
            let name = Self.name(sequence)
            do {
                whole.append(try read(name))
            } catch let error as StorageError where error.isMissing {
                // The writer removed it since it was listed.
                continue
            } catch {
                skipped.append(Skipped(path: "\(storage.path)/\(name)", reason: "\(error)"))
            }
        }
        return (whole, skipped)
    }

    /// Writes a checkpoint. When this returns it is on disk. After an error those from before are still there, and the
    /// same may be tried again.
    package mutating func write(_ builder: inout CheckpointBuilder) throws(StorageError) {
        let name = Self.name(builder.sequence)
        let temporary = name + Self.temporaryEnding
        do {
            let file = try storage.open(temporary, create: true)
            // What a crash left of an earlier try may be longer.
            try file.truncate(to: 0)
            try file.write(builder.finish(), at: 0)
            try file.sync()
            try storage.rename(temporary, to: name)
            try storage.syncFolder()
        } catch {
            // The disk may be full: give the room back. What stays all the same is truncated by the next try.
            do { try storage.remove(temporary) } catch _ {}
            throw error
        }
        good = (good.filter { $0 < builder.sequence } + [builder.sequence]).suffix(2)
    }

    /// Removes all but the two that are good, the leftovers of crashes included. Nothing depends on it, so it is not
    /// synced; what stays after an error goes next time. Does nothing as long as there are not two.
    package func removeOld() throws(StorageError) {
        guard good.count == 2 else { return }
        for name in try storage.list() {
            let isOld = Self.sequence(name).map { !good.contains($0) } ?? name.hasSuffix(Self.temporaryEnding)
            if isOld { try storage.remove(name) }
        }
    }

    private func read(_ name: String) throws -> Checkpoint {
        let file = try storage.openToRead(name)
        let size = try file.size()
        guard size > 0 else { throw LogFormatError("it is empty") }
        let map = try file.map(size)
        return try withExtendedLifetime(map) { try Checkpoint(map.bytes) }
    }

    private static func name(_ sequence: UInt64) -> String {
        let digits = String(sequence, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ending
    }

    private static func sequence(_ name: String) -> UInt64? {
        guard name.hasSuffix(ending), let sequence = UInt64(name.dropLast(ending.count), radix: 16) else { return nil }
        return Self.name(sequence) == name ? sequence : nil
    }
}
