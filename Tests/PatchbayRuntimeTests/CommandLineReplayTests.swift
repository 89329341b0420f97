import Foundation
import Glibc
import Testing

/// `patchbay replay`, with and without a running host.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineReplayTests {
    private func bench(_ count: Int) throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write(
            """
            apiVersion: patchbay/v1
            log: {backend: file}
            modules:
              load: [{name: sink, builtin: fail, config: {script: [ok]}}]
            routes:
              - {name: hello, type: com.example.*, to: [{handler: sink.fail}], dedup: {window: 1h}}
            sources:
              - {name: inbox, type: socket, path: ./host.sock}
              - {name: events, type: file, path: ./events.jsonl}

            """, to: "host.yaml")
        try bench.write((1...count).map { CommandLineSamples.event("e\($0)") }.joined(), to: "events.jsonl")
        let first = try bench.run("run", "-c", "host.yaml", "--once", "--json")
        #expect(first.status == 0, "\(first)")
        return bench
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    @Test func `counts, and replays with a host of its own`() throws {
        let bench = try bench(20)
        let dry = try bench.run("replay", "-c", "host.yaml", "--from", "-1h", "--dry-run")
        #expect(dry.status == 0, "\(dry)")
        #expect(dry.output == "20 events in 20 deliveries would be replayed; nothing was changed\n")
        let replay = try bench.run("replay", "-c", "host.yaml", "--type", "com.example.*", "--json")
        let value = try json(replay.output)
        #expect(replay.status == 0 && value["events"] as? Int == 20 && value["host"] as? Bool == false, "\(replay)")
        let done = ((value["run"] as? [String: Any])?["deliveries"] as? [String: Any])?["done"] as? Int
        #expect(done == 20)
        let id = try #require(value["replay"] as? String)
        let explained = try bench.run("explain", "--stored", "e7", "-c", "host.yaml")
        #expect(explained.output.contains("replay    \(id) accepted it anew"), "\(explained)")
        let late = try bench.run("replay", "-c", "host.yaml", "--from", "2100-01-01T00:00:00Z", "--dry-run", "--json")
        #expect(try json(late.output)["events"] as? Int == 0)
    }

    @Test func `asks the host that runs, and Ctrl-C ends it with what was done`() throws {
        let bench = try bench(30)
        try bench.write("", to: "events.jsonl")
        let host = try bench.host(["--json"])
        let replay = try bench.run("replay", "-c", "host.yaml", "--mute")
        #expect(replay.status == 0, "\(replay)")
        #expect(replay.output.contains("30 events in 30 deliveries replayed as r"))
        #expect(replay.output.contains("the running host delivers them"))
        let slow = try bench.start(["replay", "-c", "host.yaml", "--speed", "5/s"])
        let stats = { try json(bench.run("log", "stat", "-c", "host.yaml", "--json").output)["events"] as? Int ?? 0 }
        #expect(CommandLineBench.wait(60) { ((try? stats()) ?? 0) >= 62 })
        slow.signal(SIGINT)
        let end = slow.end(within: 60)
        #expect(end.status == 130 && end.output.hasPrefix("interrupted: "), "\(end)")
        host.signal(SIGTERM)
        let report = host.end(within: 60)
        let events = try json(report.output)["events"] as? [String: Any]
        let accepted = try #require(events?["accepted"] as? Int)
        #expect(report.status == 0 && accepted >= 32 && accepted < 60, "\(report)")
        let said = end.output.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        #expect(said == accepted - 30, "\(end)")
    }

    @Test(arguments: [
        (["--route", "nobody"], "hello"), (["--handler", "no.body"], "sink.fail"),
        (["--into", "no.body"], "sink.fail"),
        (["--from", "yesterday"], "--from"), (["--speed", "fast"], "--speed"), (["--type", "a..b"], "--type"),
    ])
    func `refuses with 2 what cannot be meant, naming what can`(arguments: [String], message: String) throws {
        let bench = try bench(1)
        for extra in [[], ["--dry-run"]] {
            let result = try bench.start(["replay", "-c", "host.yaml"] + arguments + extra).end()
            #expect(result.status == 2 && result.output.isEmpty && result.errors.contains(message), "\(result)")
        }
        try bench.write(CommandLineSamples.once(script: "ok"), to: "memory.yaml")
        #expect(try bench.run("replay", "-c", "memory.yaml").status == 2)
    }
}
