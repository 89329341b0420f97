import Foundation
import Testing

/// Regression: clients of a socket source that were connected at a drain got no answer, and idle ones kept others out.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct SocketEndTests {
    private func event(_ id: String) -> String { CommandLineSamples.event(id, type: "com.example.hello", data: "{}") }

    private func host(_ body: (CommandLineBench, CommandLineBench.Running) throws -> Void) throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        let host = try bench.host()
        defer { host.signal(SIGKILL) }
        try body(bench, host)
    }

    /// A connection of its own to the host.
    private func connect(_ bench: CommandLineBench) throws -> FileHandle {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array("\(bench.folder)/host.sock".utf8)) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(connected == 0)
        return FileHandle(fileDescriptor: file, closeOnDealloc: true)
    }

    @Test func `a drain tells a connected client what was taken in, and the client says so`() throws {
        try host { bench, host in
            let pipe = "\(bench.folder)/pipe"
            try #require(mkfifo(pipe, 0o600) == 0)
            let client = try bench.start(["send", "-c", "host.yaml", "-f", "pipe"])
            defer { client.signal(SIGKILL) }
            let input = open(pipe, O_WRONLY | O_CLOEXEC)
            defer { close(input) }
            let text = event("first") + "no json\n" + event("second") + "{\"specversion\""
            try #require(write(input, text, text.utf8.count) == text.utf8.count)
            #expect(CommandLineBench.wait(60) { host.errorText.contains("event_id=second") }, "\(host.errorText)")
            host.signal(SIGTERM)
            let result = client.end(within: 60)
            #expect(result.status == 1 && result.output == "2 accepted, 1 refused\n", "\(result)")
            #expect(result.errors.contains("pipe:2: refused: not JSON"), "\(result)")
            #expect(
                result.errors.contains(
                    "error: the host shuts down: it read the first 3 lines; send the rest again later"), "\(result)")
            let ended = host.end(within: 60)
            #expect(ended.status == 0 && ended.errors.contains("3 received = 2 accepted + 1 refused"), "\(ended)")
        }
    }

    @Test func `a drain answers clients that only wait, in the answer's own form`() throws {
        try host { bench, host in
            let client = try connect(bench)
            try client.write(contentsOf: Data((event("1") + event("2")).utf8))
            #expect(CommandLineBench.wait(60) { host.errorText.contains("event_id=2") }, "\(host.errorText)")
            host.signal(SIGTERM)
            let answer = String(decoding: try client.readToEnd() ?? Data(), as: UTF8.self)
            #expect(answer == #"{"accepted":2,"refused":0,"errors":[],"lines":2,"end":"draining"}"# + "\n")
            #expect(host.end(within: 60).status == 0)
        }
    }

    @Test func `silent clients on every place give way to one that waits`() throws {
        try host { bench, host in
            let silent = try (0..<64).map { _ in try connect(bench) }
            let result = try bench.start(["send", "-c", "host.yaml", "--type", "com.example.hello", "--id", "new"])
                .end(within: 60)
            #expect(result.status == 0 && result.output == "accepted com.example.hello, id new\n", "\(result)")
            let answer = String(decoding: try silent[0].readToEnd() ?? Data(), as: UTF8.self)
            #expect(answer == #"{"accepted":0,"refused":0,"errors":[],"lines":0,"end":"silent"}"# + "\n")
            host.signal(SIGTERM)
            #expect(host.end(within: 60).status == 0)
        }
    }

    /// Regression: the socket was at its path before it listened, so whoever waited for it there was turned away.
    @Test func `a socket that is there takes clients, however slowly the host starts to listen`() throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        try bench.write(
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <unistd.h>
            int listen(int file, int backlog) {
              usleep(300000);
              return ((int (*)(int, int))dlsym(RTLD_NEXT, "listen"))(file, backlog);
            }

            """, to: "slow.c")
        try Modules.compile(["-shared", "-fPIC", "\(bench.folder)/slow.c", "-o", "\(bench.folder)/slow.so", "-ldl"])
        let host = try bench.host(preload: "\(bench.folder)/slow.so")
        defer { host.signal(SIGKILL) }
        try connect(bench).close()
        let files = try FileManager.default.contentsOfDirectory(atPath: bench.folder)
        #expect(files.filter { $0.hasPrefix(".\(host.process.processIdentifier)") } == [])
        let mode = try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/host.sock")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        host.signal(SIGTERM)
        #expect(host.end(within: 60).status == 0 && !bench.exists("host.sock"))
    }
}
