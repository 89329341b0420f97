import Foundation
import Glibc
import Testing

/// `patchbay dlq` beside `patchbay run`.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineControlTests {
    /// Refuses the first `count` events.
    private func bench(_ count: Int) throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write(yaml(count), to: "host.yaml")
        return bench
    }

    private func yaml(_ count: Int, modules: String = "", routes: String = "") -> String {
        let script = Array(repeating: "permanent", count: count).joined(separator: ", ") + ", ok"
        return """
            apiVersion: patchbay/v1
            log: {backend: file}
            policies: {circuitBreakers: {default: {trip: "false"}}}
            modules:
              load: [\(modules){name: flaky, builtin: fail, config: {script: [\(script)]}}]
            routes:
              - {name: hello, type: com.example.*, to: [{handler: flaky.fail}]}
              \(routes)
            sources:
              - {name: inbox, type: socket, path: ./host.sock}

            """
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func count(_ bench: CommandLineBench) throws -> Int {
        let stats = try bench.run("dlq", "stats", "-c", "host.yaml", "--json")
        return try #require(try json(stats.output)["count"] as? Int, "\(stats)")
    }

    /// A host with `count` dead letters.
    private func host(_ bench: CommandLineBench, _ count: Int) throws -> CommandLineBench.Running {
        let host = try bench.host(["--json"])
        let events = (1...count).map { CommandLineSamples.event("e\($0)") }.joined()
        let sent = try bench.run("send", "-c", "host.yaml", "-f", "-", input: events)
        #expect(sent.status == 0, "\(sent)")
        #expect(CommandLineBench.wait(60) { (try? self.count(bench)) == count })
        return host
    }

    @Test func `redrives and purges through the host that runs, and through the folder when none does`() throws {
        let bench = try bench(4)
        let host = try host(bench, 4)
        let ids = try JSONSerialization.jsonObject(
            with: Data(try bench.run("dlq", "list", "-c", "host.yaml", "--json").output.utf8))
        let first = try #require((ids as? [[String: Any]])?.first?["id"] as? String)
        let dry = try bench.run("dlq", "purge", first, "-c", "host.yaml", "--dry-run")
        #expect(dry.status == 0 && dry.output.contains("nothing was changed"), "\(dry)")
        let purged = try bench.run("dlq", "purge", first, "-c", "host.yaml", "--by", "ada")
        #expect(purged.status == 0 && purged.output == "1 dead letter purged\n", "\(purged)")
        let unknown = try bench.run("dlq", "redrive", "--all", "--to", "no.body", "-c", "host.yaml")
        #expect(unknown.status == 2 && unknown.errors.contains("flaky.fail"), "\(unknown)")
        let redriven = try bench.run("dlq", "redrive", "--class", "permanent", "-c", "host.yaml", "--json")
        let value = try json(redriven.output)
        #expect(redriven.status == 0 && value["count"] as? Int == 3 && value["host"] as? Bool == true, "\(redriven)")
        #expect(try count(bench) == 0)
        host.signal(SIGTERM)
        let end = host.end(within: 60)
        let deliveries = try json(end.output)["deliveries"] as? [String: Any]
        #expect(end.status == 0 && deliveries?["done"] as? Int == 3 && deliveries?["dead"] as? Int == 4, "\(end)")
        let offline = try bench.run("dlq", "purge", "--all", "-c", "host.yaml", "--json")
        #expect(try json(offline.output)["host"] as? Bool == false)
    }

    @Test func `another handler gets letters if the host has it, and the log says where they went`() throws {
        let bench = try bench(3)
        let both = yaml(
            3, modules: "{name: other, builtin: fail, config: {script: [ok]}}, ",
            routes: "- {name: other, type: org.other, to: [{handler: other.fail}]}")
        try bench.write(both, to: "host.yaml")
        let first = try host(bench, 3)
        let some = try bench.run("dlq", "list", "-c", "host.yaml", "--limit", "1", "--json").output
        let id = try #require(
            (try JSONSerialization.jsonObject(with: Data(some.utf8)) as? [[String: Any]])?.first?["id"])
        let redriven = try bench.run(
            "dlq", "redrive", "\(id)", "--to", "other.fail", "--by", "ada", "-c", "host.yaml")
        #expect(redriven.status == 0, "\(redriven)")
        first.signal(SIGTERM)
        let end = first.end(within: 60)
        #expect(try (json(end.output)["deliveries"] as? [String: Any])?["done"] as? Int == 1, "\(end)")
        let dump = try bench.run("log", "dump", "data", "--json").output
        #expect(dump.contains(#""operation":"redrive","letter":"\#(id)","to":"other.fail","who":"ada""#), "\(dump)")
        // The next host has it no more, which the log's names do not tell.
        try bench.write(yaml(3), to: "host.yaml")
        let second = try bench.host(["--json"])
        for arguments in [["--dry-run"], []] {
            let refused = try bench.start(
                ["dlq", "redrive", "--all", "--to", "other.fail", "-c", "host.yaml"] + arguments
            ).end(within: 60)
            #expect(refused.status == 2 && refused.errors.contains("it has flaky.fail"), "\(refused)")
        }
        #expect(try count(bench) == 2)
        second.signal(SIGTERM)
        #expect(second.end(within: 60).status == 0)
        // Without a host it is for the next run: what runs have had will do.
        let offline = try bench.run("dlq", "redrive", "--all", "--to", "other.fail", "-c", "host.yaml")
        #expect(offline.status == 0 && offline.output.hasPrefix("2 dead letters redriven"), "\(offline)")
        let verified = try bench.run("log", "verify", "data")
        #expect(verified.status == 0, "\(verified)")
    }

    @Test func `more letters than are read at a time are all purged and counted`() throws {
        let bench = try bench(700)
        let host = try host(bench, 700)
        let dry = try bench.run("dlq", "purge", "--all", "--dry-run", "-c", "host.yaml")
        #expect(dry.status == 0 && dry.output.contains("700 dead letters would be purged"), "\(dry.output.suffix(200))")
        host.signal(SIGTERM)
        #expect(host.end(within: 60).status == 0)
        let purged = try bench.run("dlq", "purge", "--all", "--json", "-c", "host.yaml")
        let value = try json(purged.output)
        let ids = try #require(value["letters"] as? [String])
        #expect(value["count"] as? Int == 700 && Set(ids).count == 700)
        #expect(try count(bench) == 0)
    }

    @Test func `a rate bounds a redrive, and Ctrl-C ends it with what was done`() throws {
        let bench = try bench(30)
        let host = try host(bench, 30)
        let started = Date()
        let redrive = try bench.start(["dlq", "redrive", "--all", "--rate", "10/s", "-c", "host.yaml"])
        #expect(CommandLineBench.wait(60) { (try? self.count(bench)).map { $0 < 29 } ?? false })
        redrive.signal(SIGINT)
        let end = redrive.end(within: 60)
        let left = try count(bench)
        // Not more than the time allowed, and each of them counted.
        let allowed = Int(Date().timeIntervalSince(started) * 10) + 2
        #expect(left > 0 ? end.status == 130 : end.status == 0, "\(end)")
        #expect(30 - left <= allowed && end.output.hasPrefix("\(30 - left) dead letters redriven"), "\(end)")
        #expect(left == 0 || end.errors.contains("\(30 - left) of 30 were done"), "\(end)")
        host.signal(SIGTERM)
        #expect(host.end(within: 60).status == 0)
    }
}
