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

    private func listen() throws(SourceError) -> Int32 {
        do {
            return try UnixSocket.listen(at: path)
        } catch {
            throw SourceError(
                name, "\(error.what) \(path)", errno: error.errno, remedy: "choose another path for the source's socket"
            )
        }
    }
}
