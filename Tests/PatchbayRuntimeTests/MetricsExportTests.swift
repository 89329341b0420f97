import Foundation
import Synchronization
import Testing

@testable import PatchbayRuntime

/// Regression: `--trace otlp` sent spans and kept the metrics to itself.
@Suite struct `metrics export` {
    /// Takes one HTTP request after another on a loopback port, answers 200, and keeps them.
    private final class Collector: Sendable {
        let port: UInt16
        private let listener: Int32
        private let requests = Mutex<[String]>([])

        init() throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    bind(listener, address, size) | listen(listener, 8) | getsockname(listener, address, &size)
                }
            }
            guard status == 0 else { throw BenchError("no port: \(errno)") }
            self.listener = listener
            port = UInt16(bigEndian: address.sin_port)
            Thread.detachNewThread { [self] in serve() }
        }

        /// Request lines and bodies as text, what is no UTF-8 replaced.
        var all: [String] { requests.withLock { $0 } }

        func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

        private func serve() {
            while true {
                let file = accept(listener, nil, nil)
                guard file >= 0 else { break }
                Thread.detachNewThread { [self] in answer(file) }
            }
            close(listener)
        }

        private func answer(_ file: Int32) {
            defer { close(file) }
            let reply = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while case let count = recv(file, &chunk, chunk.count, 0), count > 0 {
                bytes += chunk[..<count]
                guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { continue }
                let head = String(decoding: bytes[..<end], as: UTF8.self).lowercased()
                let length = head.split(separator: "content-length: ").last.flatMap { Int($0.prefix { $0.isNumber }) }
                guard bytes.count - end >= length ?? 0 else { continue }
                let text = String(decoding: bytes, as: UTF8.self)
                requests.withLock { $0.append(text) }
                bytes = []
                guard send(file, reply, reply.count, Int32(MSG_NOSIGNAL)) > 0 else { return }
            }
        }
    }

    @Test func `sends what handlers measured to telemetry.otlp before the run ends`() throws {
        let collector = try Collector()
        defer { collector.stop() }
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(2))
        bench.adjust = { $0.traces = [.otlp] }
        _ = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
            telemetry: {otlp: "http://127.0.0.1:\(collector.port)"}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.record}]}]
            """)
        let metrics = collector.all.filter { $0.hasPrefix("POST /v1/metrics ") }
        #expect(metrics.contains { $0.contains("lab.seen") }, "\(collector.all)")
        #expect(metrics.contains { $0.contains("patchbay.events.received") && $0.contains("patchbay.deliveries.done") })
        #expect(collector.all.contains { $0.hasPrefix("POST /v1/traces ") })
    }
}
