import Glibc

/// A regular file, read whole.
///
/// The bytes are read and not mapped: a file that shrinks while it is mapped would kill the host.
struct FileContents {
    static let bytesMax: Int64 = 512 << 20

    let bytes: [UInt8]
    /// Permission bits and type, as `st_mode`.
    let mode: UInt32
    /// User id.
    let owner: UInt32

    /// - Errors: `unreadable`, `notAFile`, `tooLarge`. A pipe or a device is refused without waiting for it.
    init(path: String, bytesMax: Int64 = Self.bytesMax) throws(ModuleError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.unreadable(path, "cannot be opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.unreadable(path, "cannot be examined") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ModuleError(
                .notAFile, file: path, "is not a regular file", remedy: "put the module's file itself here")
        }
        guard Int64(status.st_size) <= bytesMax else {
            throw ModuleError(
                .tooLarge, file: path, "has \(status.st_size) bytes, at most \(bytesMax) are accepted",
                remedy: "strip the module or move large data out of it")
        }
        mode = status.st_mode
        owner = status.st_uid
        let expected = Int(status.st_size)
        var failed = false
        bytes = [UInt8](unsafeUninitializedCapacity: expected) { buffer, count in
            while count < expected {
                let read = Glibc.read(descriptor, buffer.baseAddress?.advanced(by: count), expected - count)
                if read < 0 && errno == EINTR { continue }
                failed = read < 0
                if read <= 0 { break }
                count += read
            }
        }
        guard !failed else { throw Self.unreadable(path, "cannot be read") }
    }

    private static func unreadable(_ path: String, _ what: String) -> ModuleError {
        let number = errno
        let remedy =
            switch number {
            case ENOENT, ENOTDIR: "put the file there, or correct its path"
            case EACCES, EPERM: "give the host's user permission to read it"
            default: "check the file and the disk that it is on"
            }
        return ModuleError(.unreadable, file: path, what, remedy: remedy, cause: SystemError.message(number))
    }
}

/// The system's words for an error number.
enum SystemError {
    static func message(_ number: Int32) -> String {
        guard let text = strerror(number) else { return "error \(number)" }
        return String(cString: text)
    }
}
