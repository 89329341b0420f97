import Glibc
import PatchbayResilience

/// The files of a disk in memory: what a program sees, and what would be left of it after a power cut.
///
/// The rules are those of POSIX taken strictly: bytes and length are safe after the file's sync, names after the
/// folder's. What was not synced may be kept or lost in any combination of pages, in any order.
struct MemoryDisk: Sendable {
    static let pageBytes = 4096
    private static let sectorBytes = 512

    struct File: Sendable {
        /// What reads give.
        var live: [UInt8] = []
        /// What is on the medium.
        var durable: [UInt8] = []
        /// Pages whose bytes are still to be written.
        var dirty: Set<Int> = []
    }

    /// A change of names that is not on the medium yet.
    private enum Change: Sendable {
        case add(String, Int)
        case remove(String)
        case rename(String, String, Int)

        var path: String {
            switch self {
            case .add(let path, _), .remove(let path), .rename(_, let path, _): path
            }
        }
    }

    private(set) var files: [Int: File] = [:]
    /// Full paths to files.
    private(set) var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var changes: [Change] = []
    private var nextFile = 0
    private var random: SeededRandom
    var plan = FaultPlan()
    var counts = FaultCounts()
    /// Handles of before the last crash are dead.
    private(set) var generation = 0
    private(set) var isDown = false

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    // MARK: Faults

    /// Counts a change of the disk, and which fault meets it. Throws when the disk is down.
    private mutating func fault(_ operation: StorageError.Operation, _ path: String) throws(StorageError)
        -> FaultPlan.Fault?
    {
        guard !isDown else { throw StorageError(operation, path, errno: ENODEV) }
        counts.operations += 1
        if let fault = plan.at[counts.operations] { return fault }
        switch operation {
        case .write:
            counts.writes += 1
            if let fault = plan.atWrite[counts.writes] { return fault }
            if chance(plan.writeFailure) { return .io }
            return chance(plan.writeNoSpace) ? .noSpace : nil
        case .sync:
            counts.syncs += 1
            return plan.atSync[counts.syncs] ?? (chance(plan.syncFailure) ? .io : nil)
        default: return chance(plan.otherFailure) ? .io : nil
        }
    }

    private mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && random.fraction() < probability
    }

    private mutating func coin() -> Bool { random.next() & 1 == 0 }

    private mutating func fail(
        _ operation: StorageError.Operation, _ path: String, _ fault: FaultPlan.Fault
    ) -> StorageError {
        switch fault {
        case .io:
            counts.ioErrors += 1
            if operation == .write { counts.ioErrorsAtWrite += 1 }
            if operation == .sync { counts.ioErrorsAtSync += 1 }
            return StorageError(operation, path, errno: EIO)
        case .noSpace:
            counts.noSpaceErrors += 1
            return StorageError(operation, path, errno: ENOSPC)
        case .crash:
            crash()
            if operation == .write { counts.crashesAtWrite += 1 }
            if operation == .sync { counts.crashesAtSync += 1 }
            return StorageError(operation, path, errno: ENODEV)
        }
    }

    /// Runs a change that happens as a whole or not at all.
    private mutating func change(
        _ operation: StorageError.Operation, _ path: String, _ body: (inout MemoryDisk) -> Void
    ) throws(StorageError) {
        guard let fault = try fault(operation, path) else { return body(&self) }
        if fault == .crash, coin() { body(&self) }
        throw fail(operation, path, fault)
    }

    // MARK: Names

    mutating func open(_ path: String, create: Bool) throws(StorageError) -> Int {
        guard !isDown else { throw StorageError(.open, path, errno: ENODEV) }
        if let file = names[path] { return file }
        guard create else { throw StorageError(.open, path, errno: ENOENT) }
        let file = nextFile
        try change(.open, path) { disk in
            disk.nextFile += 1
            disk.files[file] = File()
            disk.names[path] = file
            disk.changes.append(.add(path, file))
        }
        return file
    }

    mutating func remove(_ path: String) throws(StorageError) {
        guard names[path] != nil else { throw StorageError(.remove, path, errno: isDown ? ENODEV : ENOENT) }
        try change(.remove, path) { disk in
            disk.names[path] = nil
            disk.changes.append(.remove(path))
        }
    }

    mutating func rename(_ old: String, to new: String) throws(StorageError) {
        guard let file = names[old] else { throw StorageError(.rename, old, errno: isDown ? ENODEV : ENOENT) }
        try change(.rename, old) { disk in
            disk.names[old] = nil
            disk.names[new] = file
            disk.changes.append(.rename(old, new, file))
        }
    }

    /// Puts the names of a folder on the medium. `prefix` ends in a slash.
    mutating func syncFolder(_ prefix: String) throws(StorageError) {
        try change(.syncFolder, prefix) { disk in
            for change in disk.changes where change.path.hasPrefix(prefix) { disk.apply(change) }
            disk.changes.removeAll { $0.path.hasPrefix(prefix) }
        }
    }

    private mutating func apply(_ change: Change) {
        switch change {
        case .add(let path, let file): durableNames[path] = file
        case .remove(let path): durableNames[path] = nil
        case .rename(let old, let new, let file):
            durableNames[old] = nil
            durableNames[new] = file
        }
    }

    // MARK: Bytes

    private var usedBytes: Int { names.values.reduce(0) { $0 + (files[$1]?.live.count ?? 0) } }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, of file: Int, _ path: String)
        throws(StorageError)
    {
        var fault = try fault(.write, path)
        var count = bytes.count
        if fault != nil { count = Int(random.upTo(UInt64(bytes.count))) }
        let length = files[file]?.live.count ?? 0
        let room = plan.capacityBytes == .max ? Int.max : plan.capacityBytes - usedBytes + length - offset
        if count > room {
            count = max(0, room)
            fault = fault ?? .noSpace
        }
        store(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: offset, of: file)
        if let fault { throw fail(.write, path, fault) }
    }

    private mutating func store(_ bytes: UnsafeRawBufferPointer, at offset: Int, of file: Int) {
        guard !bytes.isEmpty else { return }
        let end = offset + bytes.count
        let length = files[file, default: File()].live.count
        if length < end {
            Self.resize(&files[file, default: File()].live, to: end)
        }
        files[file, default: File()].live.withUnsafeMutableBytes { live in
            UnsafeMutableRawBufferPointer(rebasing: live[offset..<end]).copyMemory(from: bytes)
        }
        soil(min(offset, length)..<end, of: file)
    }

    /// The pages of these bytes are still to be written.
    private mutating func soil(_ range: Range<Int>, of file: Int) {
        guard !range.isEmpty else { return }
        for page in (range.lowerBound / Self.pageBytes)...((range.upperBound - 1) / Self.pageBytes) {
            files[file, default: File()].dirty.insert(page)
        }
    }

    mutating func truncate(to length: Int, of file: Int, _ path: String) throws(StorageError) {
        try change(.truncate, path) { disk in
            let now = disk.files[file, default: File()].live.count
            Self.resize(&disk.files[file, default: File()].live, to: length)
            disk.soil(min(length, now)..<max(length, now), of: file)
        }
    }

    mutating func sync(_ file: Int, _ path: String) throws(StorageError) {
        guard let fault = try fault(.sync, path) else { return settle(file) }
        switch fault {
        case .io: loseSome(file)
        case .crash where plan.loss == .byChance && coin(): settle(file)
        default: break
        }
        throw fail(.sync, path, fault)
    }

    /// All of a file reaches the medium.
    private mutating func settle(_ file: Int) {
        guard var inode = files.removeValue(forKey: file) else { return }
        Self.resize(&inode.durable, to: inode.live.count)
        for page in inode.dirty { Self.copy(page, from: inode.live, to: &inode.durable) }
        inode.dirty.removeAll(keepingCapacity: true)
        files[file] = inode
    }

    /// What a failed sync leaves: each page was written, or counts as written and was not, or is as before.
    private mutating func loseSome(_ file: Int) {
        guard var inode = files.removeValue(forKey: file) else { return }
        Self.resize(&inode.durable, to: inode.live.count)
        for page in inode.dirty.sorted() {
            switch random.upTo(3) {
            case 0: Self.copy(page, from: inode.live, to: &inode.durable)
            case 1: counts.phantomPages += 1
            default: Self.copy(page, from: inode.durable, to: &inode.live)
            }
        }
        inode.dirty.removeAll()
        files[file] = inode
    }

    mutating func read(_ file: Int, _ path: String) throws(StorageError) -> [UInt8] {
        guard !isDown, let inode = files[file] else { throw StorageError(.read, path, errno: ENODEV) }
        if chance(plan.readFailure) {
            counts.ioErrors += 1
            throw StorageError(.read, path, errno: EIO)
        }
        return inode.live
    }

    // MARK: Crashes

    /// Cuts the power: what was not synced is kept or lost by chance. Everything fails until `restart`.
    mutating func crash() {
        guard !isDown else { return }
        counts.crashes += 1
        isDown = true
        let style = random.upTo(3)
        let kept = changes.count == 0 ? 0 : Int(random.upTo(UInt64(changes.count)))
        for (index, change) in changes.enumerated() {
            let stays: Bool
            switch style {
            case 0: stays = true
            case 1: stays = index < kept
            default: stays = coin()
            }
            if stays { apply(change) } else { counts.lostEntries += 1 }
        }
        changes.removeAll()
        names = durableNames
        let linked = Set(names.values)
        for file in files.keys.sorted() {
            if linked.contains(file) { cut(file) } else { files[file] = nil }
        }
    }

    /// The power is back. Files have to be opened again.
    mutating func restart() {
        isDown = false
        generation += 1
    }

    private mutating func cut(_ file: Int) {
        guard var inode = files.removeValue(forKey: file) else { return }
        var result = inode.durable
        if inode.live.count != inode.durable.count {
            let low = min(inode.live.count, inode.durable.count)
            let high = max(inode.live.count, inode.durable.count)
            switch plan.loss == .byChance || plan.loss == .all ? random.upTo(3) : 3 {
            case 0: break
            case 1: Self.resize(&result, to: low + Int(random.upTo(UInt64(high - low))))
            default: Self.resize(&result, to: inode.live.count)
            }
        }
        lose(inode, &result)
        inode.live = result
        inode.durable = result
        inode.dirty = []
        files[file] = inode
    }

    /// Puts into `result` what a crash keeps of what a file's dirty pages were to be, sector by sector.
    private mutating func lose(_ inode: File, _ result: inout [UInt8]) {
        let style = random.upTo(3)
        let dirty = inode.dirty.sorted()
        let kept = Int(random.upTo(UInt64(dirty.count)))
        let sectors = dirty.map { page in
            stride(from: page * Self.pageBytes, to: (page + 1) * Self.pageBytes, by: Self.sectorBytes)
                .filter { Self.differs($0, inode.live, result) }
        }
        let ends = (first: sectors.first { !$0.isEmpty }?.first, last: sectors.last { !$0.isEmpty }?.last)
        var hasLost = false
        var isReordered = false
        for (index, sectors) in sectors.enumerated() {
            let stays = style == 0 || (style == 1 ? index < kept : coin())
            // Sectors of a page reach the medium in any order.
            let isTorn = style == 3 && coin()
            var keptCount = 0
            for sector in sectors {
                let wanted = isTorn ? coin() : stays
                guard sector < result.count, self.stays(sector, ends.first, ends.last) ?? wanted else {
                    hasLost = true
                    continue
                }
                Self.copy(sector, Self.sectorBytes, from: inode.live, to: &result)
                keptCount += 1
                isReordered = isReordered || hasLost
            }
            if keptCount < sectors.count {
                if keptCount > 0 { counts.tornPages += 1 } else { counts.lostPages += 1 }
            }
        }
        if isReordered { counts.reorderedFiles += 1 }
    }

    /// What the plan says of a sector that is at stake; `nil` is nothing.
    private func stays(_ sector: Int, _ first: Int?, _ last: Int?) -> Bool? {
        switch plan.loss {
        case .byChance: nil
        case .all: false
        case .torn: sector == last && sector != first ? false : sector == first ? true : nil
        case .reordered: sector == first && sector != last ? false : sector == last ? true : nil
        }
    }

    /// Whether a sector of one file is another one in the other file, or not there.
    private static func differs(_ start: Int, _ a: [UInt8], _ b: [UInt8]) -> Bool {
        guard start < a.count else { return false }
        let end = min(start + sectorBytes, a.count)
        guard end <= b.count else { return true }
        return a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                guard let a = a.baseAddress, let b = b.baseAddress else { return false }
                return memcmp(a + start, b + start, end - start) != 0
            }
        }
    }

    /// Flips one bit of what is on the medium, and of what reads give.
    mutating func flip(_ path: String, offset: Int, bit: Int) {
        guard let file = names[path], var inode = files.removeValue(forKey: file) else { return }
        counts.flippedBits += 1
        if offset < inode.live.count { inode.live[offset] ^= 1 << UInt8(bit & 7) }
        if offset < inode.durable.count { inode.durable[offset] ^= 1 << UInt8(bit & 7) }
        files[file] = inode
    }

    private static func resize(_ bytes: inout [UInt8], to count: Int) {
        if count < bytes.count {
            bytes.removeLast(bytes.count - count)
        } else {
            // Many times faster than appending a repeated zero where nothing is optimized.
            bytes += [UInt8](unsafeUninitializedCapacity: count - bytes.count) { room, initialized in
                UnsafeMutableRawBufferPointer(room).initializeMemory(as: UInt8.self, repeating: 0)
                initialized = room.count
            }
        }
    }

    private static func copy(_ page: Int, from: [UInt8], to: inout [UInt8]) {
        copy(page * pageBytes, pageBytes, from: from, to: &to)
    }

    /// Copies `bytes` from `start` on, as far as both files go.
    private static func copy(_ start: Int, _ bytes: Int, from: [UInt8], to: inout [UInt8]) {
        let end = min(start + bytes, min(from.count, to.count))
        guard start < end else { return }
        to.withUnsafeMutableBytes { to in
            from.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: to[start..<end])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: from[start..<end]))
            }
        }
    }
}
