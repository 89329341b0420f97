import Foundation

/// A tiny HTTP/1.1 server on a loopback port that answers as a test says, each connection on a thread of its own.
package final class ScriptedServer: Sendable {
    package struct Reply: Sendable {
        /// 0: never answers.
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]
        /// Seconds before the answer.
        package var delay: Double
        /// Closes the connection: instead of an answer, with status 0, or after it.
        package var closes: Bool

        package init(
            status: Int, headers: [String: String] = [:], body: [UInt8] = [], delay: Double = 0, closes: Bool = false
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.delay = delay
            self.closes = closes
        }
    }

    package struct Request: Sendable {
        package var line: String
        /// Names in lowercase.
        package var headers: [String: String]
        package var body: [UInt8]
        /// Connections are numbered from 1.
        package var connection: Int
    }

    package struct Failure: Error {}

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open: [Int32] = []
        var answering = 0
        var mostAnswering = 0
    }

    package let port: UInt16
    private let listener: Int32
    private let answer: @Sendable (Request) -> Reply
    private let state = Locked(State())
    private let threads = DispatchGroup()

    /// Answers requests from a script, in order; 500 afterwards.
    package convenience init(_ replies: [Reply]) throws {
        let replies = Locked(replies)
        try self.init { _ in replies.withLock { $0.isEmpty ? Reply(status: 500) : $0.removeFirst() } }
    }

    /// Answers with what `answer` says, on the connection's thread.
    package init(_ answer: @escaping @Sendable (Request) -> Reply) throws {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) | listen(listener, 64) | getsockname(listener, address, &size)
            }
        }
        guard status == 0 else { throw Failure() }
        port = UInt16(bigEndian: address.sin_port)
        start { self.accept() }
    }

    package var connections: Int { state.withLock { $0.connections } }
    /// Requests that were being answered at once, at most.
    package var mostAtOnce: Int { state.withLock { $0.mostAnswering } }
    package var requests: [Request] { state.withLock { $0.requests } }

    /// Ends the server; the requests that came.
    package func stop() -> [Request] {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { for file in $0.open { shutdown(file, Int32(SHUT_RDWR)) } }
        threads.wait()
        close(listener)
        return requests
    }

    private func start(_ body: @escaping @Sendable () -> Void) {
        threads.enter()
        Thread.detachNewThread {
            body()
            self.threads.leave()
        }
    }

    private func accept() {
        while true {
            let file = Glibc.accept(listener, nil, nil)
            if file < 0 { return }
            var on: Int32 = 1
            setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
            let number = state.withLock { state in
                state.connections += 1
                state.open.append(file)
                return state.connections
            }
            start { self.serve(file, number) }
        }
    }

    private func serve(_ file: Int32, _ number: Int) {
        var buffer: [UInt8] = []
        while var request = read(file, &buffer) {
            request.connection = number
            state.withLock { state in
                state.requests.append(request)
                state.answering += 1
                state.mostAnswering = max(state.mostAnswering, state.answering)
            }
            let reply = answer(request)
            if reply.delay > 0 { Thread.sleep(forTimeInterval: reply.delay) }
            state.withLock { $0.answering -= 1 }
            if reply.status != 0 { write(reply, to: file) }
            if reply.closes { break }
        }
        state.withLock { $0.open.removeAll { $0 == file } }
        close(file)
    }

    private func write(_ reply: Reply, to file: Int32) {
        var text = "HTTP/1.1 \(reply.status) scripted\r\nContent-Length: \(reply.body.count)\r\n"
        for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
        let bytes = Array((text + "\r\n").utf8) + reply.body
        _ = send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private func read(_ file: Int32, _ buffer: inout [UInt8]) -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = buffer.firstRange(of: blank) {
                let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let headers = Dictionary(
                    lines.dropFirst().map { line in
                        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                        return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
                    }, uniquingKeysWith: { $1 })
                let length = Int(headers["content-length"] ?? "0") ?? 0
                if buffer.count >= end.upperBound + length {
                    let body = Array(buffer[end.upperBound..<(end.upperBound + length)])
                    buffer.removeFirst(end.upperBound + length)
                    return Request(line: lines[0], headers: headers, body: body, connection: 0)
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
