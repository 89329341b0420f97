import CPatchbaySystem
import Glibc
import Logging
import PatchbayEvents
import Synchronization

/// The control socket of a running host: takes requests, one at a time, and answers each.
final class ControlServer: Sendable {
    private let path: String
    private let service: any ControlAnswering
    private let logger: Logger
    private let flag = StopFlag()
    private let thread = Mutex<OwnThread?>(nil)
    /// Milliseconds between looks at letters whose time may be over.
    private static let retentionPause: Int32 = 1_000

    init(path: String, service: any ControlAnswering, logger: Logger) {
        self.path = path
        self.service = service
        self.logger = logger
    }

    /// Listens. A host without a control socket runs all the same, so that is only reported.
    func start() throws(ThreadError) {
        let listener: Int32
        do {
            listener = try UnixSocket.listen(at: path)
        } catch {
            logger.warning(
                "no control socket, so no command can change anything while this host runs: \(error.what) \(path)",
                metadata: ["error": "\(String(cString: strerror(error.errno)))"])
            guard service.hasRetention else { return }
            listener = -1
        }
        let started = try OwnThread("pb-control") { self.run(listener) }
        thread.withLock { $0 = started }
    }

    /// Takes no further request. [any thread]
    func stop() { flag.raise() }

    /// Waits for the answer to the last request.
    func end() {
        flag.raise()
        thread.withLock { $0.take() }?.join()
    }

    // MARK: Thread

    private func run(_ listener: Int32) {
        var clients: [Client] = []
        while !flag.isSet {
            let hasMore = expire()
            var files = [
                pollfd(fd: flag.event, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            // A client whose next line is there already is served without a wait.
            let waits = !clients.contains(where: \.hasLine) && !hasMore
            files += clients.map { pollfd(fd: $0.file, events: Int16(POLLIN), revents: 0) }
            guard poll(&files, nfds_t(files.count), waits ? (service.hasRetention ? Self.retentionPause : -1) : 0) >= 0
            else {
                if errno == EINTR { continue }
                logger.error("the control socket is given up: \(String(cString: strerror(errno)))")
                break
            }
            if flag.isSet { break }
            for index in clients.indices {
                // What it has sent is answered before more is read.
                if files[index + 2].revents != 0, !clients[index].hasLine { clients[index].read() }
                clients[index].serve(service)
            }
            for client in clients where client.isDone { close(client.file) }
            clients.removeAll(where: \.isDone)
            guard files[1].revents != 0 else { continue }
            let file = pbs_accept(listener)
            guard file >= 0 else {
                // Out of files, most likely; the client waits in the meantime.
                _ = flag.wait(100_000_000)
                continue
            }
            var newcomer = Client(file)
            if clients.count < ControlProtocol.clientsMax {
                clients.append(newcomer)
            } else {
                newcomer.send(.failed(ControlFailure(.busy, "too many commands talk to the host; try again")))
                close(file)
            }
        }
        if listener >= 0 {
            // From here on the path may be the next host's.
            unlink(path)
            close(listener)
        }
        for client in clients { close(client.file) }
    }

    /// Lets letters go whose time is over; whether there are more.
    private func expire() -> Bool {
        do {
            return try service.expire()
        } catch {
            logger.error("dead letters whose time is over cannot be purged: \(error)")
            return false
        }
    }

    /// One client and what it has sent.
    private struct Client {
        let file: Int32
        private(set) var isDone = false
        private var input: [UInt8] = []
        /// So many bytes of the input have no line end.
        private var searched = 0
        private var lineEnd: Int?

        init(_ file: Int32) { self.file = file }

        var hasLine: Bool { lineEnd != nil && !isDone }

        mutating func read() {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            // Its own file says whether there is something, so that it never waits.
            let count = recv(file, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR || errno == EAGAIN { return }
            guard count > 0 else { return isDone = true }
            input += buffer[..<count]
            search()
            guard lineEnd == nil, input.count >= ControlProtocol.requestBytesMax else { return }
            send(
                .failed(
                    ControlFailure(
                        .malformed, "a request has at most \(ControlProtocol.requestBytesMax) bytes")))
            isDone = true
        }

        /// Answers the first request that is there.
        mutating func serve(_ service: any ControlAnswering) {
            guard !isDone, let end = lineEnd else { return }
            do {
                send(service.answer(try ControlRequest(input[..<end])))
            } catch {
                send(.failed(error))
            }
            input.removeSubrange(...end)
            searched = 0
            lineEnd = nil
            search()
        }

        private mutating func search() {
            guard lineEnd == nil else { return }
            lineEnd = input[searched...].firstIndex(of: 0x0A)
            searched = input.count
        }

        /// An answer is short: a client that leaves no room for it does not read, and is given up.
        mutating func send(_ answer: ControlAnswer) {
            let line = answer.line
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = line.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, flags) }
            if count != line.count { isDone = true }
        }
    }
}
