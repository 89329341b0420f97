import Glibc

/// The client's side of a host's Unix socket: lines in, one line of JSON back.
struct SocketClient: ~Copyable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(Failure) {
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(description: "a socket's path has at most 107 bytes: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else {
            throw Failure(description: "no socket can be made: \(String(cString: strerror(errno)))")
        }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else {
            let reason = Self.reason(errno, path)
            close(file)
            throw Failure(description: reason)
        }
        descriptor = file
    }

    deinit { close(descriptor) }

    /// Waits while the host takes nothing more in. False when it has hung up; its answer may be there all the same.
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Waits for something to read at `input`; false when the host has answered or hung up before.
    func waits(for input: borrowing InputFile) -> Bool {
        var files = [
            pollfd(fd: input.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&files, nfds_t(files.count), -1) < 0, errno == EINTR {}
        return files[1].revents == 0
    }

    /// Says that this was all, and waits for the answer.
    func answer() throws(Failure) -> [UInt8] {
        shutdown(descriptor, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        guard answer.last == 0x0A else {
            throw Failure(
                description: "the host at \(path) ended before it answered; some of the events may have been accepted")
        }
        return answer
    }

    private static func reason(_ number: Int32, _ path: String) -> String {
        switch number {
        case ENOENT, ECONNREFUSED:
            """
            no host listens at \(path)
              Start one whose configuration has a source of 'type: socket', name that configuration with -c FILE, \
            or its socket with --socket PATH.
            """
        default: "cannot connect to \(path): \(String(cString: strerror(number)))"
        }
    }
}
