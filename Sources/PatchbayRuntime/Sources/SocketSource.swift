import CPatchbaySystem
import Glibc
import PatchbayDispatch

/// A Unix socket that takes lines of CloudEvents: behind `patchbay send`.
///
/// A client writes its lines, shuts its side down, and gets one line of JSON back once they are accepted:
/// `{"accepted": 2, "refused": 1, "errors": [{"line": 3, "message": "…"}]}`. Clients are served in turn, a read each,
/// so that a slow one holds nobody up. A client that is cut off gets its answer, too, with how many of its lines were
/// read and why: `"lines": 3, "end": "draining"`.
final class SocketSource: EventSource {
    /// How many clients there may be, and what becomes of the next one.
    struct Limits: Sendable {
        var connections = 64
        /// Nanoseconds that a newcomer waits for a place, in the socket's own queue.
        var patience: UInt64 = 5_000_000_000
        /// Nanoseconds without a line after which a client gives its place to a newcomer that has waited.
        var silence: UInt64 = 5_000_000_000
    }

    let name: String
    private let path: String
    private let limits: Limits
    private let flag = StopFlag()
    /// Milliseconds without new clients when the process has no file descriptor left.
    private static let acceptPause: Int32 = 100

    init(name: String, path: String, limits: Limits = Limits()) {
        self.name = name
        self.path = path
        self.limits = limits
    }

    func stop() { flag.raise() }

    func run(_ lane: SourceLane) throws(SourceError) {
        let listener = try listen()
        let sequence = TraceSequence()
        var clients: [SocketConnection] = []
        var isExhausted = false
        /// Since when no place has become free; `nil` while there is one.
        var fullSince: UInt64?
        defer { close(listener) }
        while !flag.isSet {
            var wait: Int32 = isExhausted ? Self.acceptPause : -1
            var listens = !isExhausted
            if clients.count < limits.connections {
                fullSince = nil
            } else {
                let since = fullSince ?? pbs_now()
                fullSince = since
                let waited = pbs_now() - since
                if waited < limits.patience {
                    listens = false
                    if wait < 0 { wait = Int32(clamping: (limits.patience - waited) / 1_000_000 + 1) }
                }
            }
            var files = [
                pollfd(fd: flag.event, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listens ? listener : -1, events: Int16(POLLIN), revents: 0),
            ]
            files += clients.map { pollfd(fd: $0.file, events: Int16(POLLIN), revents: 0) }
            guard poll(&files, nfds_t(files.count), wait) >= 0 else {
                if errno == EINTR { continue }
                let error = SourceError(name, "cannot wait for clients", errno: errno, remedy: "start again")
                unlink(path)
                throw error
            }
            if flag.isSet { break }
            for (index, client) in clients.enumerated() where files[index + 2].revents != 0 { client.serve() }
            clients.removeAll(where: \.isDone)
            isExhausted = false
            if files[1].revents != 0 {
                let file = pbs_accept(listener)
                isExhausted = file < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                guard file >= 0 else { continue }
                let newcomer = SocketConnection(file: file, lane: lane, sequence: sequence)
                if clients.count < limits.connections || makeRoom(in: &clients) {
                    clients.append(newcomer)
                    fullSince = nil
                } else {
                    newcomer.end(.busy)
                }
            }
        }
        end(clients, listener, lane, sequence)
    }

    /// Cuts off the client that has been silent for longest; false when none has been for long enough.
    private func makeRoom(in clients: inout [SocketConnection]) -> Bool {
        guard let index = clients.indices.min(by: { clients[$0].lastLine < clients[$1].lastLine }),
            pbs_now() - clients[index].lastLine >= limits.silence
        else { return false }
        clients.remove(at: index).end(.silent)
        return true
    }

    /// Stops between two lines and tells every client how far it came, those that still waited for a place included.
    private func end(
        _ clients: [SocketConnection], _ listener: Int32, _ lane: SourceLane, _ sequence: TraceSequence
    ) {
        // From here on nobody finds the socket, so the queue is finite; and the path may be the next host's.
        unlink(path)
        var clients = clients
        var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        while poll(&waiting, 1, 0) > 0, case let file = pbs_accept(listener), file >= 0 {
            clients.append(SocketConnection(file: file, lane: lane, sequence: sequence))
        }
        for client in clients { client.end(.draining) }
    }

    /// The socket gets its path when it listens, so that whoever finds it there can connect.
    private func listen() throws(SourceError) -> Int32 {
        func failure(_ what: String) -> SourceError {
            SourceError(name, "\(what) \(path)", errno: errno, remedy: "choose another path for the source's socket")
        }
        guard let address = Self.address(path) else { throw failure("cannot listen at") }
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw failure("cannot make a socket for") }
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            close(file)
            errno = EEXIST
            throw failure("something else than a socket is at")
        }
        if connectTo(address) {
            close(file)
            errno = EADDRINUSE
            throw failure("another host listens at")
        }
        // No other source has both numbers at the same time.
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? ""
        let unready = "\(folder).\(getpid()).\(file)"
        unlink(unready)
        let listens =
            Self.address(unready).map { Self.call(bind, file, $0) == 0 } ?? false
            && chmod(unready, 0o600) == 0 && Glibc.listen(file, 64) == 0 && rename(unready, path) == 0
        guard listens else {
            let error = failure("cannot listen at")
            unlink(unready)
            close(file)
            throw error
        }
        return file
    }

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

    /// Whether somebody answers at the address already.
    private func connectTo(_ address: sockaddr_un) -> Bool {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return false }
        defer { close(file) }
        return Self.call(connect, file, address) == 0
    }
}
