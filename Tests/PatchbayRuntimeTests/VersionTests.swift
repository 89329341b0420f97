import Foundation
import Glibc
import Testing

/// Module versions of a running host, changed from outside.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct VersionTests {
    private func yaml(_ handler: String, log: String = "", modules: String = "") -> String {
        let ticks = (1...10).map {
            "  - {name: tick\($0), type: timer, every: 10ms, eventType: com.example.tick}\n"
        }.joined()
        return """
            apiVersion: patchbay/v1
            \(log)
            policies:
              timeouts: {default: {attempt: 10m, total: 20m}}
            modules:
              directory: ./plugins
              load:
                - {name: shop, \(modules)config: {path: ./seen, gate: ./gate}}
            routes:
              - {name: all, type: com.example.*, to: [{handler: \(handler)}]}
            sources:
              - {name: inbox, type: socket, path: ./host.sock}
            \(ticks)
            """
    }

    /// Runs version 1.0.0 with a socket at `control`, and events a thousand times a second.
    private func bench(
        _ handler: String = "shop.charge", modules: String = "", flags: [String] = ["--control", "control"]
    ) throws -> (CommandLineBench, CommandLineBench.Running) {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        try install("1.0.0", in: bench, as: "plugins/libshop.so")
        try bench.write(yaml(handler, modules: modules), to: "host.yaml")
        return (bench, try bench.host(["--json"] + flags))
    }

    private func install(_ version: String, _ flags: String..., in bench: CommandLineBench, as name: String) throws {
        let library =
            flags.isEmpty
            ? try VersionedModule.library(version) : try VersionedModule.library(version, flags[0])
        try FileManager.default.copyItem(atPath: library, toPath: "\(bench.folder)/\(name)")
    }

    private func promote(_ bench: CommandLineBench, _ file: String, _ more: String...) throws
        -> CommandLineBench.Result
    {
        try bench.start(["modules", "promote", file, "--control", "control"] + more).end(within: 60)
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func lines(_ bench: CommandLineBench) -> [String] {
        bench.read("seen").split(separator: "\n").map(String.init)
    }

    /// The calls of each version, by what they wrote when they were destroyed.
    private func calls(_ bench: CommandLineBench) -> [String: Int] {
        var sums: [String: Int] = [:]
        for line in lines(bench) {
            let parts = line.split(separator: " ")
            guard parts.count == 3, parts[1] == "calls", let count = Int(parts[2]) else { continue }
            sums[String(parts[0]), default: 0] += count
        }
        return sums
    }

    private func end(_ host: CommandLineBench.Running) throws -> [String: Any] {
        host.signal(SIGTERM)
        let end = host.end(within: 60)
        #expect(end.status == 0, "\(end)")
        return try json(end.output)
    }

    @Test func `a promoted file takes over under load, a rollback undoes it, and no call is lost`() throws {
        let (bench, host) = try bench()
        try install("2.0.0", in: bench, as: "libnew.so")
        let promoted = try promote(bench, "libnew.so", "--json")
        let change = try json(promoted.output)
        #expect(promoted.status == 0 && change["instance"] as? String == "shop", "\(promoted)")
        #expect((change["to"] as? [String: Any])?["version"] as? String == "2.0.0")
        #expect(CommandLineBench.wait(60) { calls(bench)["1.0.0"] != nil }, "the first version is destroyed")
        let running = try bench.run("modules", "running", "--control", "control", "--json")
        #expect(
            running.output.contains(#""version":"2.0.0""#) && running.output.contains(#""onTrial":true"#), "\(running)")
        let again = try promote(bench, "libnew.so")
        #expect(again.status == 1 && again.errors.contains("already"), "\(again)")
        // The file is not needed to go back.
        try FileManager.default.removeItem(atPath: "\(bench.folder)/plugins/libshop.so")
        let back = try bench.run("modules", "rollback", "shop", "--control", "control")
        #expect(
            back.status == 0 && back.output.contains("1.0.0") && back.output.contains("instead of 2.0.0"), "\(back)")
        #expect(CommandLineBench.wait(60) { calls(bench)["2.0.0"] != nil }, "the second version is destroyed")
        let report = try end(host)
        let deliveries = try #require(report["deliveries"] as? [String: Any])
        let done = try #require(deliveries["done"] as? Int)
        #expect(done > 0 && deliveries["created"] as? Int == done && deliveries["retries"] as? Int == 0)
        #expect(calls(bench).values.reduce(0, +) == done, "each delivery was one call: \(calls(bench))")
        let modules = try #require(report["modules"] as? [String: Any])
        #expect(modules["changes"] as? Int == 2 && modules["refused"] as? Int == 1)
    }

    @Test func `an open call ends in the version where it began`() throws {
        let (bench, host) = try bench("shop.wait")
        let opened = CommandLineBench.wait(60) { lines(bench).contains { $0.hasPrefix("1.0.0 enter") } }
        #expect(opened)
        try install("2.0.0", in: bench, as: "libnew.so")
        let promoted = try promote(bench, "libnew.so", "--json")
        #expect(try (json(promoted.output)["openBefore"] as? Int ?? 0) > 0, "\(promoted)")
        #expect(CommandLineBench.wait(60) { lines(bench).contains { $0.hasPrefix("2.0.0 enter") } || isFull(bench) })
        #expect(calls(bench).isEmpty, "the first version has calls and is not destroyed")
        try bench.write("", to: "gate")
        #expect(CommandLineBench.wait(60) { lines(bench).contains("1.0.0 calls 0") })
        let all = lines(bench)
        let gone = try #require(all.firstIndex(of: "1.0.0 calls 0"))
        let entered = Set(all.filter { $0.hasPrefix("1.0.0 enter") }.map { $0.split(separator: " ")[2] })
        let left = Set(all[..<gone].filter { $0.hasPrefix("1.0.0 leave") }.map { $0.split(separator: " ")[2] })
        #expect(entered == left && !all[gone...].contains { $0.hasPrefix("1.0.0 enter") })
        #expect(CommandLineBench.wait(60) { lines(bench).contains { $0.hasPrefix("2.0.0 leave") } })
        let deliveries = try end(host)["deliveries"] as? [String: Any]
        #expect(deliveries?["dead"] as? Int == 0 && deliveries?["retries"] as? Int == 0)
    }

    /// All permits of the bulkhead are with the first version.
    private func isFull(_ bench: CommandLineBench) -> Bool {
        lines(bench).count { $0.hasPrefix("1.0.0 enter") } >= 4
    }

    @Test func `a canary gets its share, and all calls once it has shown itself`() throws {
        let (bench, host) = try bench()
        try install("2.0.0", in: bench, as: "libnew.so")
        let begun = try promote(bench, "libnew.so", "--canary", "25%", "--for", "1s", "--calls", "50")
        #expect(
            begun.status == 0 && begun.output.contains("2.0.0") && begun.output.contains("25% of the calls"), "\(begun)"
        )
        let other = try promote(bench, "plugins/libshop.so", "--canary", "1%")
        #expect(other.status == 1, "\(other)")
        #expect(CommandLineBench.wait(60) { host.errorText.contains("has shown itself") }, "\(host.errorText)")
        #expect(CommandLineBench.wait(60) { calls(bench)["1.0.0"] != nil })
        #expect(calls(bench)["1.0.0"] ?? 0 > 100, "three of four calls of a second were the first version's")
        let deliveries = try #require(try end(host)["deliveries"] as? [String: Any])
        let done = try #require(deliveries["done"] as? Int)
        #expect(deliveries["created"] as? Int == done && deliveries["retries"] as? Int == 0)
        #expect(calls(bench).count == 2 && calls(bench).values.reduce(0, +) == done, "\(calls(bench))")
    }

    @Test func `a canary that fails is taken back, and the rest never noticed`() throws {
        let (bench, host) = try bench()
        try install("2.0.0", "-DFAILING", in: bench, as: "libnew.so")
        #expect(try promote(bench, "libnew.so", "--canary", "10%").status == 0)
        let running = try bench.run("modules", "running", "--control", "control", "--json")
        #expect(running.output.contains(#""share":1000"#) || host.errorText.contains("was taken back"), "\(running)")
        #expect(CommandLineBench.wait(60) { host.errorText.contains("was taken back") }, "\(host.errorText)")
        #expect(CommandLineBench.wait(60) { calls(bench)["2.0.0"] != nil })
        let report = try end(host)
        #expect((report["modules"] as? [String: Any])?["rollbacks"] as? Int == 1)
        let deliveries = try #require(report["deliveries"] as? [String: Any])
        #expect(deliveries["dead"] as? Int == 0 && deliveries["done"] as? Int == deliveries["created"] as? Int)
        #expect(calls(bench)["1.0.0"] == deliveries["done"] as? Int)
    }

    @Test func `a canary is promoted and taken back by hand`() throws {
        let (bench, host) = try bench()
        try install("2.0.0", in: bench, as: "libnew.so")
        #expect(try promote(bench, "libnew.so", "--canary", "50%").status == 0)
        let back = try bench.run("modules", "rollback", "shop", "--control", "control")
        #expect(
            back.status == 0 && back.output.contains("1.0.0 (") && back.output.contains("instead of 2.0.0"), "\(back)")
        #expect(CommandLineBench.wait(60) { calls(bench)["2.0.0"] != nil })
        #expect(try promote(bench, "libnew.so", "--canary", "0.5%").status == 0)
        let promoted = try promote(bench, "libnew.so")
        #expect(promoted.status == 0 && promoted.output.contains("instead of 1.0.0"), "\(promoted)")
        #expect(CommandLineBench.wait(60) { calls(bench)["1.0.0"] != nil })
        let deliveries = try #require(try end(host)["deliveries"] as? [String: Any])
        #expect(deliveries["done"] as? Int == calls(bench).values.reduce(0, +), "\(calls(bench))")
    }

    @Test func `a module in a process of its own is replaced with its worker`() throws {
        let (bench, host) = try bench(modules: "isolation: process, ")
        let first = workers(of: host)
        #expect(first.count == 1)
        try install("2.0.0", in: bench, as: "libnew.so")
        let promoted = try promote(bench, "libnew.so", "--no-watch")
        #expect(promoted.status == 0, "\(promoted)")
        #expect(CommandLineBench.wait(60) { workers(of: host).count == 1 && first.isDisjoint(with: workers(of: host)) })
        let second = workers(of: host)
        let back = try bench.run("modules", "rollback", "shop", "--control", "control")
        #expect(back.status == 0, "\(back)")
        #expect(
            CommandLineBench.wait(60) { workers(of: host).count == 1 && second.isDisjoint(with: workers(of: host)) })
        let deliveries = try #require(try end(host)["deliveries"] as? [String: Any])
        let done = try #require(deliveries["done"] as? Int)
        #expect(done > 0 && deliveries["created"] as? Int == done && deliveries["retries"] as? Int == 0)
    }

    /// As a drop-in does it: the new version is renamed over the old one.
    @Test(arguments: ["", "isolation: process, "])
    func `a module goes back to a version whose file was overwritten`(isolation: String) throws {
        let (bench, host) = try bench(modules: isolation)
        try install("2.0.0", in: bench, as: "libnew.so")
        #expect(rename("\(bench.folder)/libnew.so", "\(bench.folder)/plugins/libshop.so") == 0)
        let promoted = try promote(bench, "plugins/libshop.so", "--no-watch")
        #expect(promoted.status == 0, "\(promoted)")
        let back = try bench.run("modules", "rollback", "shop", "--control", "control")
        #expect(back.status == 0 && back.output.contains("instead of 2.0.0"), "\(back)")
        let deliveries = try #require(try end(host)["deliveries"] as? [String: Any])
        let done = try #require(deliveries["done"] as? Int)
        #expect(done > 0 && deliveries["created"] as? Int == done && deliveries["retries"] as? Int == 0)
    }

    /// The processes that the host has started.
    private func workers(of host: CommandLineBench.Running) -> Set<String> {
        let task = "/proc/\(host.process.processIdentifier)/task"
        let threads = Result { try FileManager.default.contentsOfDirectory(atPath: task) }
        guard case .success(let threads) = threads else { return [] }
        return Set(
            threads.flatMap { thread in
                let children = FileManager.default.contents(atPath: "\(task)/\(thread)/children") ?? Data()
                return String(decoding: children, as: UTF8.self).split(separator: " ").map(String.init)
            })
    }

    @Test func `what cannot take over leaves the old version at work, and says why`() throws {
        let (bench, host) = try bench()
        let faults = [
            ("create", "-DNO_CREATE", "the till is locked"), ("handler", "-DCHARGE=\"pay\"", "no handler 'charge'"),
            ("entry", "-DENTRY=patchbay_module_v9", "patchbay_module_v1"), ("few", "-DCONCURRENCY=1", "allows 1 calls"),
        ]
        for (name, flag, reason) in faults {
            try install("2.0.0", flag, in: bench, as: "lib\(name).so")
            let refused = try promote(bench, "lib\(name).so")
            #expect(refused.status == 1 && refused.errors.contains(reason), "\(name): \(refused)")
        }
        try bench.write("no module", to: "libtext.so")
        let refused = try promote(bench, "libtext.so")
        #expect(refused.status == 1 && refused.errors.contains("notELF"), "\(refused)")
        let unknown = try bench.run("modules", "rollback", "shop", "--control", "control")
        #expect(unknown.status == 1 && unknown.errors.contains("no other version"), "\(unknown)")
        let report = try end(host)
        #expect((report["modules"] as? [String: Any])?["refused"] as? Int == 6)
        let deliveries = report["deliveries"] as? [String: Any]
        #expect(deliveries?["done"] as? Int == calls(bench)["1.0.0"] && calls(bench).count == 1)
    }

    @Test func `a version that fails is taken back by the host, and what failed is done by the one before`() throws {
        let (bench, host) = try bench()
        try install("2.0.0", "-DFAILING", in: bench, as: "libnew.so")
        #expect(try promote(bench, "libnew.so").status == 0)
        #expect(CommandLineBench.wait(60) { host.errorText.contains("was taken back") }, "\(host.errorText)")
        let running = try bench.run("modules", "running", "--control", "control", "--json")
        #expect(running.output.contains(#""present":{"version":"1.0.0""#), "\(running)")
        // A breaker that the failures had opened would let nothing through, and the drain end at its deadline.
        let report = try end(host)
        let modules = try #require(report["modules"] as? [String: Any])
        #expect(modules["changes"] as? Int == 2 && modules["rollbacks"] as? Int == 1)
        let deliveries = try #require(report["deliveries"] as? [String: Any])
        #expect(deliveries["dead"] as? Int == 0 && deliveries["done"] as? Int == deliveries["created"] as? Int)
        let good = lines(bench).filter { $0.hasPrefix("1.0.0 calls") }
        #expect(good.count == 2 && good.last != "1.0.0 calls 0", "\(good)")
    }

    @Test func `a pinned instance takes no other file`() throws {
        let pin = try #require(Self.sha256(try VersionedModule.library("1.0.0")))
        let (bench, host) = try bench(modules: "sha256: \(pin), ")
        try install("2.0.0", in: bench, as: "libnew.so")
        let refused = try promote(bench, "libnew.so")
        #expect(refused.status == 1 && refused.errors.contains("hashMismatch"), "\(refused)")
        _ = try end(host)
    }

    private static func sha256(_ path: String) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sha256sum", path]
        let output = Pipe()
        process.standardOutput = output
        guard case .success = Result(catching: { try process.run() }) else { return nil }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: " ").first.map(String.init)
    }

    @Test func `without a host, or with a log in files, the command says where to ask`() throws {
        let bench = try CommandLineBench()
        let alone = try bench.run("modules", "promote", "x.so", "--control", "none")
        #expect(alone.status == 1 && alone.errors.contains("no host listens at none"), "\(alone)")
        let both = try bench.run("modules", "rollback", "x", "--control", "a", "--data", "b")
        #expect(both.status == 2, "\(both)")
        try bench.write(
            yaml("builtin.log", log: "log: {backend: file}").replacingOccurrences(
                of: "- {name: shop, config: {path: ./seen, gate: ./gate}}", with: "[]"), to: "host.yaml")
        let wrong = try bench.run("run", "-c", "host.yaml", "--control", "x")
        #expect(wrong.status == 2, "\(wrong)")
    }
}
