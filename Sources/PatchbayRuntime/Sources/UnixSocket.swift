import Glibc

/// A Unix socket with a path: how hosts listen and how others find them.
enum UnixSocket {
    /// Why there is none: what could not be done, without the path.
    struct Failure: Error {
        var what: String
        var errno: Int32
    }

    /// Listens at a path. The socket gets its path when it listens, so that whoever finds it there can connect.
    ///
    /// A socket that nobody answers is replaced; one of another host is not.
    static func listen(at path: String) throws(Failure) -> Int32 {
        guard let address = address(path) else { throw Failure(what: "cannot listen at", errno: ENAMETOOLONG) }
        let file = make()
        guard file >= 0 else { throw Failure(what: "cannot make a socket for", errno: errno) }
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            close(file)
            throw Failure(what: "something else than a socket is at", errno: EEXIST)
        }
        if let other = connect(to: address) {
            close(other)
            close(file)
            throw Failure(what: "another host listens at", errno: EADDRINUSE)
        }
        // No other socket of the folder has both numbers at the same time.
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
        let unready = "\(folder).\(getpid()).\(file)"
        unlink(unready)
        let listens =
            Self.address(unready).map { call(bind, file, $0) == 0 } ?? false
            && chmod(unready, 0o600) == 0 && Glibc.listen(file, 64) == 0 && rename(unready, path) == 0
        guard listens else {
            let failure = Failure(what: "cannot listen at", errno: errno)
            unlink(unready)
            close(file)
            throw failure
        }
        return file
    }

    /// A connection to whoever listens there; `nil` when nobody does.
    static func connect(to path: String) -> Int32? { address(path).flatMap { connect(to: $0) } }

    private static func connect(to address: sockaddr_un) -> Int32? {
        let file = make()
        guard file >= 0 else { return nil }
        guard call(Glibc.connect, file, address) == 0 else {
            close(file)
            return nil
        }
        return file
    }

    private static func make() -> Int32 { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }

    /// `nil` when the path is too long for one.
    private static func address(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return nil
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    /// `bind` or `connect`.
    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ file: Int32, _ address: sockaddr_un
    ) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
