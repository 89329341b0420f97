import Glibc

/// The exclusive right to write a data folder; given back when this goes, and by the system when the process ends.
package final class FolderLock: Sendable {
    /// The file in the data folder; what it holds is the process id of who holds the lock.
    package static let name = "LOCK"

    private let descriptor: Int32

    /// Between two tries, in microseconds, and how many there are.
    private static let pause: UInt32 = 10_000
    private static let tries = 20

    /// Throws `.locked`, with the process that holds it, or `.io`.
    ///
    /// Waits up to 200 ms: a process that is just being started has its parent's files, a lock that was given back among
    /// them, until it runs its own program.
    package init(folder: String) throws(LogError) {
        let path = "\(folder)/\(Self.name)"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw LogError(StorageError(.lock, path, errno: errno)) }
        guard Self.lock(file) else {
            let code = errno
            let holder = code == EWOULDBLOCK ? Self.holder(file) : nil
            close(file)
            guard code == EWOULDBLOCK else { throw LogError(StorageError(.lock, path, errno: code)) }
            throw LogError(
                .locked,
                "the data folder \(folder) is in use by process \(holder ?? "(unknown)"); stop it, or give another folder"
            )
        }
        descriptor = file
        let text = "\(getpid())\n"
        let written = ftruncate(file, 0) == 0 ? text.withCString { pwrite(file, $0, strlen($0), 0) } : -1
        // The lock holds without the number; a full disk must not keep a host from starting to drain it.
        if written < 0, errno != ENOSPC, errno != EDQUOT {
            throw LogError(StorageError(.lock, path, errno: errno))
        }
    }

    deinit { close(descriptor) }

    private static func lock(_ file: Int32) -> Bool {
        for _ in 1..<tries {
            if flock(file, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK else { return false }
            usleep(pause)
        }
        return flock(file, LOCK_EX | LOCK_NB) == 0
    }

    /// The process id that the holder wrote.
    private static func holder(_ file: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: 24)
        let count = pread(file, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        let digits = buffer.prefix(count).prefix { (48...57).contains($0) }
        return digits.isEmpty ? nil : String(decoding: digits, as: UTF8.self)
    }
}
