import CPatchbaySystem
import Glibc
import PatchbayDispatch
import PatchbayEvents
import Synchronization

/// A Unix socket that takes lines of CloudEvents: behind `patchbay send`.
///
/// A client writes its lines, shuts its side down, and gets one line of JSON back once they are accepted:
/// `{"accepted": 2, "refused": 1, "errors": [{"line": 3, "message": "…"}]}`. Clients are served in turn, a read each,
/// so that a slow one holds nobody up.
final class SocketSource: EventSource {
    let name: String
    private let path: String
    private let flag = StopFlag()
    private static let connectionsMax = 64
    private static let errorsMax = 20
    /// Milliseconds without new clients when the process has no file descriptor left.
    private static let acceptPause: Int32 = 100

    init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    func stop() { flag.raise() }

    func run(_ lane: SourceLane) throws(SourceError) {
        let listener = try listen()
        let sequence = TraceSequence()
        var clients: [Client] = []
        var isExhausted = false
        defer {
            close(listener)
            unlink(path)
            for client in clients { close(client.file) }
        }
        while !flag.isSet {
            var files = [
                pollfd(fd: flag.event, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: clients.count < Self.connectionsMax && !isExhausted ? listener : -1, events: Int16(POLLIN),
                    revents: 0),
            ]
            files += clients.map { pollfd(fd: $0.file, events: Int16(POLLIN), revents: 0) }
            guard poll(&files, nfds_t(files.count), isExhausted ? Self.acceptPause : -1) >= 0 else {
                if errno == EINTR { continue }
                throw SourceError(name, "cannot wait for clients", errno: errno, remedy: "start again")
            }
            for (index, client) in clients.enumerated() where files[index + 2].revents != 0 { client.serve() }
            clients.removeAll { client in
                guard client.isDone else { return false }
                close(client.file)
                return true
            }
            isExhausted = false
            if files[1].revents != 0 {
                let file = pbs_accept(listener)
                isExhausted = file < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                if file >= 0 { clients.append(Client(file: file, lane: lane, sequence: sequence)) }
            }
        }
    }

    private func listen() throws(SourceError) -> Int32 {
        func failure(_ what: String) -> SourceError {
            SourceError(name, "\(what) \(path)", errno: errno, remedy: "choose another path for the source's socket")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            throw failure("cannot listen at")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw failure("cannot make a socket for") }
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            close(file)
            errno = EEXIST
            throw failure("something else than a socket is at")
        }
        let connects = connectTo(address)
        if connects {
            close(file)
            errno = EADDRINUSE
            throw failure("another host listens at")
        }
        unlink(path)
        let mask = umask(0o177)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        umask(mask)
        guard bound == 0, Glibc.listen(file, 64) == 0 else {
            let error = failure("cannot listen at")
            close(file)
            throw error
        }
        return file
    }

    /// Whether somebody answers at the address already.
    private func connectTo(_ address: sockaddr_un) -> Bool {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return false }
        defer { close(file) }
        var address = address
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }

    /// One connection: its lines so far, and what became of them.
    private final class Client {
        let file: Int32
        private(set) var isDone = false
        private let feed: LineFeed
        private let lane: SourceLane
        private let totals: IntakeCounters
        private let errors = Errors()
        private var accepted: UInt64 = 0
        private var refused: UInt64 = 0

        private final class Errors {
            var list: [Intake.Refusal] = []
        }

        init(file: Int32, lane: SourceLane, sequence: TraceSequence) {
            self.file = file
            self.lane = lane
            totals = lane.intake.counters
            let errors = errors
            // Lines are counted from each client's first.
            feed = LineFeed(
                intake: Intake(
                    lane.intake.setup, name: totals.name, number: lane.number, counters: totals, sequence: sequence),
                port: lane.port, source: lane.number, envelope: nil, eventBytesMax: lane.eventBytesMax,
                report: { refusal in
                    if errors.list.count < SocketSource.errorsMax { errors.list.append(refusal) }
                    lane.refused(refusal)
                })
        }

        /// One read, and the answer at the end.
        func serve() {
            let before = (totals.accepted.current, totals.refused.current)
            let count = feed.read(file, fills: false)
            if count == 0 { feed.finish() }
            accepted += totals.accepted.current - before.0
            refused += totals.refused.current - before.1
            guard count <= 0 else { return }
            isDone = true
            if count == 0, lane.port.waitForAppend() { answer() }
        }

        private func answer() {
            let answer = Value.object([
                ("accepted", .uint(accepted)), ("refused", .uint(refused)),
                (
                    "errors",
                    .list(errors.list.map { .object([("line", .uint($0.line)), ("message", .string($0.message))]) })
                ),
            ])
            let line = answer.json + [0x0A]
            _ = line.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }
}
