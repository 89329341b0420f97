import Foundation

/// A tiny HTTP/1.1 server on a loopback port that answers requests from a script, in order.
final class ScriptedServer: Sendable {
    struct Reply: Sendable {
        /// 0: never answers.
        var status: Int
        var headers: [String: String] = [:]
        var body: [UInt8] = []
    }

    struct Request: Sendable {
        var line: String
        /// Names in lowercase.
        var headers: [String: String]
        var body: [UInt8]
    }

    struct Failure: Error {}

    private struct State {
        var replies: [Reply]
        var requests: [Request] = []
        var connections = 0
        var open: [Int32] = []
    }

    let port: UInt16
    private let listener: Int32
    private let state: Locked<State>
    private let ended = DispatchSemaphore(value: 0)

    init(_ replies: [Reply]) throws {
        state = Locked(State(replies: replies))
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) | listen(listener, 8) | getsockname(listener, address, &size)
            }
        }
        guard status == 0 else { throw Failure() }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in serve() }
    }

    var connections: Int { state.withLock { $0.connections } }

    /// Ends the server; the requests that came.
    func stop() -> [Request] {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { for file in $0.open { shutdown(file, Int32(SHUT_RDWR)) } }
        ended.wait()
        close(listener)
        return state.withLock { $0.requests }
    }

    private func serve() {
        defer { ended.signal() }
        while true {
            let file = accept(listener, nil, nil)
            if file < 0 { return }
            state.withLock {
                $0.connections += 1
                $0.open.append(file)
            }
            var buffer: [UInt8] = []
            while let request = read(file, &buffer) {
                let reply = state.withLock { state in
                    state.requests.append(request)
                    return state.replies.isEmpty ? Reply(status: 500) : state.replies.removeFirst()
                }
                if reply.status == 0 { continue }
                var text = "HTTP/1.1 \(reply.status) scripted\r\nContent-Length: \(reply.body.count)\r\n"
                for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
                let bytes = Array((text + "\r\n").utf8) + reply.body
                _ = send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            }
            state.withLock { $0.open.removeAll { $0 == file } }
            close(file)
        }
    }

    private func read(_ file: Int32, _ buffer: inout [UInt8]) -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = buffer.firstRange(of: blank) {
                let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let headers = Dictionary(
                    lines.dropFirst().map { line in
                        let parts = line.split(separator: ":", maxSplits: 1)
                        return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
                    }, uniquingKeysWith: { $1 })
                let length = Int(headers["content-length"] ?? "0") ?? 0
                if buffer.count >= end.upperBound + length {
                    let body = Array(buffer[end.upperBound..<(end.upperBound + length)])
                    buffer.removeFirst(end.upperBound + length)
                    return Request(line: lines[0], headers: headers, body: body)
                }
            }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(file, &chunk, chunk.count, 0)
            if count <= 0 { return nil }
            buffer += chunk[..<count]
        }
    }
}

/// A value behind a lock that the thread sanitizer knows, unlike `Synchronization.Mutex`.
private final class Locked<Value>: @unchecked Sendable {
    // Invariant: `value` is touched only while `lock` is held.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<R>(_ body: (inout Value) -> R) -> R {
        lock.lock()
        defer { lock.unlock() }
        return body(&value)
    }
}
