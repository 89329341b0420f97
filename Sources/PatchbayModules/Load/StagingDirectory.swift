import Glibc

/// A private folder for the copies of modules that are loaded: unique paths that nobody overwrites.
///
/// Rationale: the loader answers a known path with the old code, and code that is overwritten in place crashes. The
/// folder has mode 0700 and is removed at exit; what a killed host left behind is removed by the next one.
package final class StagingDirectory: Sendable {
    package let path: String
    private let lock: Int32

    private static let prefix = "patchbay-modules-"

    /// Makes the folder under `parent`, else under `$XDG_RUNTIME_DIR` or `/tmp`: the first that may hold code.
    package init(parent: String? = nil) throws(ModuleError) {
        let base = try Self.parent(parent)
        Self.removeLeftovers(in: base)
        var template = Array("\(base)/\(Self.prefix)XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Self.failure(base, "cannot hold a private folder", errno)
        }
        path = String(cString: made)
        // The lock comes into being locked: another host that cleans up sees it held, or does not see it.
        let hidden = "\(path)/.lock-new"
        let descriptor = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, "cannot hold files", errno) }
        lock = descriptor
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, rename(hidden, "\(path)/.lock") == 0 else {
            let number = errno
            close(descriptor)
            throw Self.failure(path, "cannot be locked", number)
        }
    }

    deinit { remove() }

    /// Removes the folder and what is in it; loaded modules stay mapped. A second time does nothing.
    package func remove() {
        guard access(path, F_OK) == 0 else { return }
        Folder.remove(path)
        close(lock)
    }

    /// Writes `bytes` under a name that no other content has, and returns the path; what is there already is kept.
    ///
    /// - Parameter number: tells copies of one content from each other that have other files beside them.
    func stage(_ bytes: [UInt8], hash: ContentHash, number: Int = 0, name: String) throws(ModuleError) -> String {
        let folder = "\(path)/\(hash.hex)" + (number == 0 ? "" : "-\(number)")
        let target = "\(folder)/\(name)"
        if access(target, R_OK) == 0 { return target }
        try write(bytes, to: target)
        return target
    }

    /// Writes a file below this folder through a temporary name, with the folders it needs.
    func write(_ bytes: [UInt8], to target: String) throws(ModuleError) {
        try makeFolder(Folder.parent(of: target))
        let temporary = "\(target).new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o500)
        guard descriptor >= 0 else { throw Self.failure(target, "cannot be written", errno) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(target, "cannot be written", errno) }
            written += count
        }
        guard rename(temporary, target) == 0 else { throw Self.failure(target, "cannot be written", errno) }
    }

    private func makeFolder(_ folder: String) throws(ModuleError) {
        guard access(folder, F_OK) != 0, folder != path, folder.hasPrefix(path) else { return }
        try makeFolder(Folder.parent(of: folder))
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw Self.failure(folder, "cannot be created", errno)
        }
    }

    private static func parent(_ wished: String?) throws(ModuleError) -> String {
        if let wished { return wished }
        let runtime = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? ""
        for candidate in [runtime, "/tmp"] where candidate.hasPrefix("/") && holdsCode(candidate) { return candidate }
        throw ModuleError(
            .staging, file: "/tmp", "may not hold code (mounted noexec, or not writable)",
            remedy: "set XDG_RUNTIME_DIR to a writable folder on a file system mounted without noexec")
    }

    private static func holdsCode(_ folder: String) -> Bool {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return false }
        // ST_NOEXEC, which Glibc's module does not show.
        return status.f_flag & 8 == 0 && access(folder, W_OK | X_OK) == 0
    }

    /// Folders of hosts that are gone: their lock is free.
    private static func removeLeftovers(in base: String) {
        for name in Folder.entries(of: base) ?? [] where name.hasPrefix(prefix) {
            let folder = "\(base)/\(name)"
            var status = stat()
            guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid() else {
                continue
            }
            let descriptor = open("\(folder)/.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { Folder.remove(folder) }
            close(descriptor)
        }
    }

    private static func failure(_ path: String, _ message: String, _ number: Int32) -> ModuleError {
        ModuleError(
            .staging, file: path, message,
            remedy: "make room or give the host's user permission there, or set XDG_RUNTIME_DIR",
            cause: SystemError.message(number))
    }
}
