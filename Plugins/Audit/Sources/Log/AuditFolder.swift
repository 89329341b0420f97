import Glibc
import Synchronization

/// A log in a folder: `NAME-000001.jsonl`, …, `NAME.head`, `NAME.lock`.
final class AuditFolder: AuditStorage {
    private struct Open {
        /// The lock's descriptor; -1: not held.
        var lock: Int32 = -1
        /// The file that was appended to last, and its descriptor.
        var file = ""
        var descriptor: Int32 = -1
    }

    private let path: String
    private let name: String
    private let open = Mutex(Open())

    init(path: String, name: String) {
        self.path = path
        self.name = name
    }

    deinit {
        open.withLock { open in
            for descriptor in [open.descriptor, open.lock] where descriptor >= 0 { close(descriptor) }
        }
    }

    func lock() throws(AuditError) {
        try makeFolder()
        try open.withLock { open throws(AuditError) in
            guard open.lock < 0 else { return }
            let file = "\(path)/\(name).lock"
            let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else { throw Self.failure("cannot open", file) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw AuditError(.locked, "\(file) is held: another host or instance writes to this log")
            }
            open.lock = descriptor
        }
    }

    func files() throws(AuditError) -> [String] {
        guard let folder = opendir(path) else { throw Self.failure("cannot list", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if isOwn(found) { names.append(found) }
        }
        return names.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
    }

    func tail(of file: String, bytesMax: Int) throws(AuditError) -> (bytes: [UInt8], length: Int) {
        try withFile(file) { descriptor throws(AuditError) in
            let length = Int(lseek(descriptor, 0, SEEK_END))
            let start = max(0, length - bytesMax)
            return (try Self.read(descriptor, from: start, count: length - start, file), length)
        }
    }

    func create(_ file: String) throws(AuditError) {
        let whole = "\(path)/\(file)"
        let descriptor = Glibc.open(whole, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.failure("cannot make", whole) }
        open.withLock { open in
            if open.descriptor >= 0 { close(open.descriptor) }
            open.descriptor = descriptor
            open.file = file
        }
        try syncFolder()
    }

    func append(_ bytes: [UInt8], to file: String) throws(AuditError) {
        try withFile(file) { descriptor throws(AuditError) in try Self.write(bytes, descriptor, file) }
    }

    func truncate(_ file: String, to length: Int) throws(AuditError) {
        try withFile(file) { descriptor throws(AuditError) in
            guard ftruncate(descriptor, length) == 0 else { throw Self.failure("cannot shorten", file) }
        }
    }

    func sync(_ file: String) throws(AuditError) {
        try withFile(file) { descriptor throws(AuditError) in
            guard fdatasync(descriptor) == 0 else { throw Self.failure("cannot sync", file) }
        }
    }

    func head() throws(AuditError) -> [UInt8]? {
        let file = "\(path)/\(name).head"
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw Self.failure("cannot open", file) }
        defer { close(descriptor) }
        return try Self.read(descriptor, from: 0, count: Int(lseek(descriptor, 0, SEEK_END)), file)
    }

    func replaceHead(_ bytes: [UInt8], isDurable: Bool) throws(AuditError) {
        let file = "\(path)/\(name).head"
        let new = file + ".new"
        let descriptor = Glibc.open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.failure("cannot make", new) }
        defer { close(descriptor) }
        try Self.write(bytes, descriptor, new)
        if isDurable, fdatasync(descriptor) != 0 { throw Self.failure("cannot sync", new) }
        let isFirst = access(file, F_OK) != 0
        guard rename(new, file) == 0 else { throw Self.failure("cannot replace", file) }
        // Later ones may be lost with the power: the one before is true as well.
        if isDurable, isFirst { try syncFolder() }
    }

    // MARK: Private

    /// Whether a file is `NAME-000001.jsonl`, and not that of a log whose name goes on, as `NAME-eu-000001.jsonl`.
    private func isOwn(_ file: String) -> Bool {
        guard file.hasPrefix("\(name)-"), file.hasSuffix(".jsonl") else { return false }
        let number = file.utf8.dropFirst(name.utf8.count + 1).dropLast(".jsonl".utf8.count)
        return !number.isEmpty && number.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    private func makeFolder() throws(AuditError) {
        guard mkdir(path, 0o750) != 0, errno != EEXIST else { return }
        throw Self.failure("cannot make", path)
    }

    private func syncFolder() throws(AuditError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("cannot open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync", path) }
    }

    private func withFile<R>(_ file: String, _ body: (Int32) throws(AuditError) -> R) throws(AuditError) -> R {
        try open.withLock { open throws(AuditError) in
            if open.file != file || open.descriptor < 0 {
                if open.descriptor >= 0 { close(open.descriptor) }
                open.file = file
                open.descriptor = Glibc.open("\(path)/\(file)", O_RDWR | O_APPEND | O_CLOEXEC)
                guard open.descriptor >= 0 else { throw Self.failure("cannot open", file) }
            }
            return try body(open.descriptor)
        }
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32, _ file: String) throws(AuditError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure("cannot write to", file) }
            rest = rest.dropFirst(written)
        }
    }

    private static func read(_ descriptor: Int32, from start: Int, count: Int, _ file: String) throws(AuditError)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + done }, count - done, start + done)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw failure("cannot read", file) }
            done += got
        }
        return bytes
    }

    private static func failure(_ what: String, _ file: String) -> AuditError {
        AuditError(.io, "\(what) \(file): \(String(cString: strerror(errno)))")
    }
}
