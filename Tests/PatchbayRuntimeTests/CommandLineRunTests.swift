import Foundation
import Testing

/// `patchbay run` as a process: what it prints and how it ends.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineRunTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func bench(script: String, events: Int = 3) throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.once(script: script), to: "patchbay.yaml")
        try bench.write((1...events).map { CommandLineSamples.event("\($0)") }.joined(), to: "events.jsonl")
        return bench
    }

    @Test func `--once settles a file's events and reports what became of them`() throws {
        let bench = try bench(script: "transient, ok")
        let result = try bench.run("run", "--once")
        #expect(result.status == 0, "\(result)")
        #expect(result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("3 received = 3 accepted + 0 refused"), "\(result)")
        #expect(result.errors.contains("3 done") && result.errors.contains("1 retry"), "\(result)")
    }

    @Test func `--json prints the report alone on standard output`() throws {
        let bench = try bench(script: "transient, ok")
        let result = try bench.run("run", "-c", "patchbay.yaml", "--once", "--json")
        let report = try json(result.output)
        #expect(report["exitCode"] as? Int == 0)
        #expect(report["end"] as? String == "finished")
        #expect((report["deliveries"] as? [String: Any])?["retries"] as? Int == 1)
    }

    @Test func `the report says what limit an adaptive bulkhead has found`() throws {
        let bench = try bench(script: "ok", events: 200)
        #expect(!(try bench.run("run", "--once").errors.contains("found")))
        let yaml =
            "\(bench.read("patchbay.yaml"))\npolicies: {bulkheads: {default: {algorithm: gradient2, initial: 7}}}\n"
        try bench.write(
            yaml.replacingOccurrences(
                of: "policies:\n  retries: {default: {duration: 1ms, maxRetries: 2}}\n", with: ""), to: "adaptive.yaml")
        let result = try bench.run("run", "--once", "-c", "adaptive.yaml")
        #expect(result.status == 0 && result.errors.contains("200 done; limit "), "\(result)")
        let report = try json(try bench.run("run", "--once", "--json", "-c", "adaptive.yaml").output)
        let lanes = try #require(report["handlers"] as? [[String: Any]])
        #expect((1...200).contains(lanes[0]["limit"] as? Int ?? 0), "\(report)")
    }

    @Test func `--once ends with 3 when it leaves dead letters, and says where they are`() throws {
        let bench = try bench(script: "permanent")
        let result = try bench.run("run", "--once", "--dead-letters", "dead.jsonl")
        #expect(result.status == 3, "\(result)")
        #expect(result.errors.contains("dead.jsonl"), "\(result)")
        #expect(bench.read("dead.jsonl").contains(#""dlqhandler":"flaky.fail""#), "\(bench.read("dead.jsonl"))")
    }

    @Test func `refuses a wrong file with 2, naming file, line and column of every error, and starts nothing`() throws {
        let bench = try bench(script: "ok")
        try bench.write(
            """
            apiVersion: patchbay/v1
            routes:
              - name: hello
                tipe: com.example.*
                to: [{handler: nowhere.handle}]
            sources:
              - {name: events, type: file, path: ./events.jsonl}

            """, to: "wrong.yaml")
        let result = try bench.run("run", "-c", "wrong.yaml", "--once")
        #expect(result.status == 2 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("wrong.yaml:4:5: error: "), "\(result)")
        #expect(result.errors.contains("did you mean 'type'?"), "\(result)")
        #expect(result.errors.contains("wrong.yaml:5:20: error: "), "\(result)")
        #expect(result.errors.contains("2 errors in wrong.yaml"), "\(result)")
        #expect(!result.errors.contains("\u{1B}"), "no colour in files")
    }

    @Test func `refuses a file that is not there with 2`() throws {
        let result = try CommandLineBench().run("run", "-c", "none.yaml")
        #expect(result.status == 2 && result.errors.contains("none.yaml"), "\(result)")
    }

    @Test(arguments: [
        (["--trace", "otlp"], "telemetry.otlp"), (["--trace", "paper"], "console"), (["--log-level", "loud"], "debug"),
    ])
    func `refuses options that cannot work with 2, naming what would`(options: [String], message: String) throws {
        let bench = try bench(script: "ok")
        let result = try bench.start(["run", "--once"] + options).end()
        #expect(result.status == 2 && result.output.isEmpty && result.errors.contains(message), "\(result)")
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `drains at the first signal and ends with 0`(signal: Int32) throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        let host = try bench.host()
        defer { host.signal(SIGKILL) }
        let sent = try bench.run("send", "--socket", "host.sock", "--type", "com.example.hello")
        #expect(sent.status == 0, "\(sent)")
        host.signal(signal)
        let result = host.end()
        #expect(result.reason == .exit && result.status == 0, "\(result)")
        #expect(result.errors.contains("events come from inbox (socket ./host.sock)"), "\(result)")
        #expect(result.errors.contains("draining"), "\(result)")
        #expect(result.errors.contains("1 done"), "\(result)")
        #expect(!bench.exists("host.sock"), "the socket is gone")
        #expect(!bench.exists("pending.jsonl"))
    }

    @Test func `stops at once at the second signal, writes what is pending, and ends with 1`() throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        let host = try bench.host()
        defer { host.signal(SIGKILL) }
        let sent = try bench.run(
            "send", "-c", "host.yaml", "--type", "com.example.stuck", "--id", "left-over", "--data", "[1, 2]")
        #expect(sent.status == 0, "\(sent)")
        host.signal(SIGTERM)
        try #require(CommandLineBench.wait(60) { host.errorText.contains("draining") }, "\(host.errorText)")
        // Signals that come together are one: see EndSignals.
        usleep(150_000)
        #expect(host.process.isRunning, "it waits for the stuck delivery")
        host.signal(SIGTERM)
        let result = host.end()
        #expect(result.reason == .exit && result.status == 1, "\(result)")
        #expect(bench.read("pending.jsonl").contains(#""id":"left-over""#), "\(bench.read("pending.jsonl"))")
        #expect(result.errors.contains("pending.jsonl"), "\(result)")
        let explained = try bench.run("explain", "pending.jsonl", "-c", "host.yaml")
        #expect(explained.status == 0 && explained.output.contains("+ stuck: matches"), "\(explained)")
    }
}
