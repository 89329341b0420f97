import Foundation
import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// What sources take in and refuse, each refusal under its line's number.
@Suite struct `intake of sources` {
    private static let routes = """
        routes: [{name: all, type: "**", to: [{handler: lab.record}]}]

        """

    private static func yaml(_ source: String, more: String = "") -> String {
        """
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl\(source)}]
        \(more)

        """ + routes
    }

    /// Runs over these bytes; the report, the ids that were handled in order, and the refused lines.
    private func run(
        _ bytes: [UInt8], source: String = "", more: String = ""
    ) throws -> (report: RunReport, ids: [String], refusals: [String]) {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", bytes)
        let report = try bench.run(Self.yaml(source, more: more))
        #expect(report.drift == nil)
        return (
            report, try bench.lines("seen").map { String($0.prefix { $0 != " " }) },
            bench.log.all.filter { $0.text.contains("refused") }.map(\.text)
        )
    }

    @Test func `refuses bad lines by number and reason, and goes on with the rest`() throws {
        let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        var bytes: [UInt8] = []
        for line in [
            Events.line(1), "", "not json", Events.line(4), "   ", #"{"specversion":"1.0","id":"6"}"#, "[1]",
            Events.line(8, data: deep), Events.line(9), #"{"specversion":"0.3","id":"10","source":"/t","type":"t"}"#,
        ] { bytes += Array(line.utf8) + [0x0A] }
        bytes += Array(Events.line(11, data: "\"").utf8.dropLast()) + [0xFF, 0xFE] + Array("\"}\n".utf8)
        bytes += Array(#"{"specversion":"1.0","id":"12","#.utf8) + [0x00] + Array("\n".utf8)
        bytes += Array(Events.line(13).utf8)

        let (report, ids, refusals) = try run(bytes)
        #expect(ids.sorted() == ["1", "13", "4", "9"])
        #expect(report.received == 11 && report.refused == 7 && report.accepted == 4)
        for line in [3, 6, 7, 8, 10, 11, 12] {
            #expect(refusals.contains { $0.hasPrefix("events:\(line):") }, "line \(line) in \(refusals)")
        }
        #expect(refusals.contains { $0.contains("events:11:") && $0.lowercased().contains("utf-8") }, "\(refusals)")
        #expect(refusals.contains { $0.contains("events:8:") && $0.contains("deep") }, "\(refusals)")
    }

    @Test func `takes CRLF line ends and a last line without an end`() throws {
        let text = Events.line(1) + "\r\n\r\n" + Events.line(2) + "\r\n" + Events.line(3)
        let (report, ids, _) = try run(Array(text.utf8))
        #expect(ids.sorted() == ["1", "2", "3"])
        #expect(report.refused == 0)
    }

    @Test func `takes lines longer than its buffers, and refuses those past the limit without losing count`() throws {
        func padded(_ id: Int, _ size: Int) -> String {
            Events.line(id, data: "\"\(String(repeating: "x", count: size))\"")
        }
        let sizes = [100, 900_000, 20, 170_000, 1_100_000, 30, 5_000_000, 400_000, 163_840, 10]
        let text = sizes.enumerated().map { padded($0 + 1, $1) }.joined(separator: "\n")
        let (report, ids, refusals) = try run(Array(text.utf8))
        #expect(ids.sorted { Int($0) ?? 0 < Int($1) ?? 0 } == ["1", "2", "3", "4", "6", "8", "9", "10"])
        #expect(report.refused == 2)
        #expect(refusals.contains { $0.hasPrefix("events:5:") } && refusals.contains { $0.hasPrefix("events:7:") })
        #expect(refusals.allSatisfy { $0.contains("limits.eventBytes") || $0.contains("1048576") }, "\(refusals)")
    }

    @Test func `decodes the same events whatever the lengths of lines around buffer borders`() throws {
        var text = ""
        for id in 1...1500 {
            text += Events.line(id, data: "\"\(String(repeating: "y", count: (id * 37) % 700))\"") + "\n"
        }
        let (report, ids, _) = try run(Array(text.utf8))
        #expect(report.accepted == 1500 && Set(ids).count == 1500 && ids.count == 1500)
    }

    @Test func `wraps plain JSON lines, with ids of source and line`() throws {
        let (report, ids, refusals) = try run(
            Array("{\"a\":1}\n\n[2]\nnope\n\"five\"".utf8),
            source: ", format: json, eventType: com.acme.plain, source: /in")
        #expect(ids.sorted() == ["events:1", "events:3", "events:5"])
        #expect(report.refused == 1 && refusals.first?.hasPrefix("events:4:") == true, "\(refusals)")
    }

    @Test func `takes nothing from an empty file`() throws {
        let (report, ids, _) = try run([])
        #expect(ids.isEmpty && report.received == 0 && report.exitCode == 0)
    }

    @Test func `names a file that is not there and ends with an error, while other sources are read`() throws {
        let bench = try RunBench()
        try bench.write("here.jsonl", Events.lines(3))
        let report = try bench.run(
            """
            sources:
              - {name: gone, type: file, path: FOLDER/gone.jsonl}
              - {name: here, type: file, path: FOLDER/here.jsonl}
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """)
        #expect(report.exitCode == 1 && report.status.counts.done == 3)
        #expect(report.problems.contains { $0.contains("gone.jsonl") && $0.contains("No such file") })
    }

    @Test func `a pipe that nobody writes to does not keep the host from ending`() throws {
        let bench = try RunBench()
        #expect(mkfifo(bench.path("pipe"), 0o600) == 0)
        let host = try bench.host(
            """
            sources: [{name: pipe, type: file, path: FOLDER/pipe}]
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """, once: false)
        try host.start()
        host.drain()
        #expect(host.wait().exitCode == 0)
    }
}

/// The socket behind `patchbay send`.
@Suite struct `socket source` {
    private static let yaml = """
        sources: [{name: door, type: socket, path: FOLDER/door.sock}]
        routes: [{name: all, to: [{handler: builtin.log}]}]
        """

    private func client(_ bench: RunBench) throws -> Int32 {
        var file: Int32 = -1
        let connected = bench.eventually {
            file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(bench.path("door.sock").utf8)) }
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result != 0 { close(file) }
            return result == 0
        }
        guard connected else { throw BenchError("nobody listens") }
        return file
    }

    private func send(_ text: String, to file: Int32) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    private func answer(_ file: Int32) -> String {
        shutdown(file, Int32(SHUT_WR))
        var buffer = [UInt8](repeating: 0, count: 4096)
        var text: [UInt8] = []
        while true {
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        close(file)
        return String(decoding: text, as: UTF8.self)
    }

    @Test func `answers with what was accepted and refused, counting each client's lines from one`() throws {
        let bench = try RunBench()
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        for _ in 0..<2 {
            let file = try client(bench)
            send(Events.line(1) + "\nwrong\n" + Events.line(3), to: file)
            let text = answer(file)
            #expect(text.contains(#""accepted":2"#) && text.contains(#""refused":1"#), "\(text)")
            #expect(text.contains(#""line":2"#), "\(text)")
        }
        host.drain()
        let report = host.wait()
        #expect(report.accepted == 4 && report.status.counts.done == 4 && report.drift == nil)
    }

    @Test func `a client that stalls holds up no other, and one that vanishes leaves its whole lines`() throws {
        let bench = try RunBench()
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        let stalled = try client(bench)
        send(Events.line(1) + "\n" + "{\"specver", to: stalled)
        let vanishing = try client(bench)
        send(Events.line(2) + "\n", to: vanishing)
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(vanishing, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        close(vanishing)
        let third = try client(bench)
        send(Events.lines(10), to: third)
        #expect(answer(third).contains(#""accepted":10"#))
        #expect(bench.eventually { host.progress.accepted == 12 })
        close(stalled)
        host.drain()
        let report = host.wait()
        #expect(report.status.counts.done == 12 && report.drift == nil)
    }

    @Test func `does not remove a file that is no socket`() throws {
        let bench = try RunBench()
        try bench.write("door.sock", "precious")
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        #expect(bench.eventually { bench.log.contains("something else than a socket") })
        host.drain()
        #expect(host.wait().exitCode == 1)
        #expect(try bench.lines("door.sock") == ["precious"])
    }
}
