import Foundation
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// `docs/log-format.md` is right: a reader that was written from it alone says of a data folder what this program says.
@Suite(.enabled(if: CommandLineBench.executable != nil && PythonReader.interpreter != nil))
struct `the documented log format` {
    private static let hosts = """
        modules:
          directory: FOLDER/plugins
          load:
            - {name: lab, config: {path: FOLDER/seen, text: com.acme.done, count: 1}}
            - {name: clock, path: FOLDER/plugins/lab.so, config: {sleep: 3600000}}
            - {name: follower, config: {path: FOLDER/followed, text: com.**}}
            - {name: flaky, builtin: fail, config: {script: [ok, transient, ok, permanent, transient, skip]}}
            - {name: tardy, builtin: fail, config: {script: [transient]}}
        telemetry: {context: parent}
        policies: {retries: {quick: {duration: 1ms, maxRetries: 2}, late: {duration: 1h, maxInterval: 1h, maxRetries: 1}}, timeouts: {late: {total: 9h}}}
        routes:
          - {name: fail, type: com.acme.fail, to: [{handler: flaky.fail}, {handler: lab.tally}], use: {retry: quick}}
          - {name: keyed, type: com.acme.fail, ordering: {key: event.id}, to: [{handler: lab.emit}]}
          - {name: timed, type: com.acme.timed, to: [{handler: clock.timer}]}
          - {name: late, type: com.acme.late, to: [{handler: tardy.fail}], use: {retry: late, timeout: late}}
          - {name: never, type: org.acme.never, to: [{handler: follower.follow}]}
          - {name: done, type: com.acme.done, to: [{handler: lab.show}], dedup: {}}
        log: {backend: file, path: FOLDER/data}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        shutdown: {drain: 2s}
        """

    private let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func `tells a reader of its own what patchbay tells`() throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.install("follower")
        try bench.write("patchbay.yaml", "apiVersion: patchbay/v1\n" + with(bench, Self.hosts))
        var events = Events.lines(300, type: "com.acme.fail")
        events += Events.line(901, type: "com.acme.timed") + "\n" + Events.line(902, type: "com.acme.nobody") + "\n"
        events += Events.line(903, type: "com.acme.late", extra: ",\"traceparent\":\"\(trace)\"") + "\n"
        try bench.write("events.jsonl", events)
        let program = try CommandLineBench()
        // The second run goes on from a checkpoint, and brings more of everything.
        for number in 1...2 {
            if number == 2 { try changeStreams(bench.path("data"), program) }
            let small = "PATCHBAY_LOG_SEGMENT_BYTES=4096 exec \"$0\" \"$@\""
            let run = try program.start(
                ["-c", small, CommandLineBench.executable ?? "", "run", "-c", bench.path("patchbay.yaml"), "-q"],
                program: "/bin/sh")
            // Two of a stream that a handler follows.
            let count = 303 * number + 300 + (number == 2 ? 2 : 0)
            #expect(
                CommandLineBench.wait(60) {
                    Self.isIdle(program, bench.path("data"), count) || !run.process.isRunning
                }, "\(run.errorText)")
            run.signal(SIGTERM)
            let end = run.end(within: 60)
            #expect(end.status == 0 && end.reason == .exit, "\(end)")
        }
        let told = try object(program.run("log", "verify", bench.path("data"), "--json").output)
        let sizes = try object(program.run("log", "stat", bench.path("data"), "--json").output)
        let read = try object(PythonReader.read(bench.path("data"), program))
        let counts = try #require(read["counts"] as? [String: Int])
        let ledger = try #require(told["ledger"] as? [String: Int])
        #expect(told["sound"] as? Bool == true, "\(told)")
        for name in ["events", "created", "done", "skipped", "dead"] {
            #expect(counts[name] == ledger[name], "\(name)")
        }
        #expect(read["pending"] as? Int == ledger["pending"])
        let definition = StableHash.text(Handler.definition(module: "lab", version: "1.0.0", handler: "tally"))
        let dump = try program.run("log", "dump", bench.path("data"), "--json").output
        #expect(dump.contains(#""definition":"\#(definition)","position":"#), "\(dump.suffix(2000))")
        let found = try #require(read["found"] as? [String: Int])
        #expect(found["frames"] == sizes["frames"] as? Int && counts["events"] == sizes["events"] as? Int)
        #expect(
            found["segments"] == (sizes["segments"] as? [Any])?.count && found["indexes"] == told["indexes"] as? Int)
        #expect(found["comparedCheckpoints"] == told["checkpoints"] as? Int && found["comparedCheckpoints"] == 2)
        #expect(
            read["handlers"] as? [String] == [
                "flaky.fail", "lab.tally", "lab.emit", "clock.timer", "tardy.fail", "follower.follow", "lab.show", "",
            ])
        #expect((read["traces"] as? [String])?.contains(trace) == true)
        // What the folder has to hold for all this to say anything.
        for kind in [1, 2, 3, 4, 5, 7, 8, 10, 11, 12] { #expect(found["sections\(kind)"] ?? 0 > 0, "section \(kind)") }
        #expect(found["comparedKeys"] == 600, "the emitted events of the second run are duplicates of the first one's")
        #expect(read["streams"] as? [String: Int] == ["order-7": 2, "gone": 0, "account": 2])
        #expect(found["comparedStreams"] ?? 0 > 1)
        #expect(read["followed"] as? Int == 1 && dump.contains(#""name":"all","stream":"account","next":2,"#))
        #expect(try bench.lines("followed").map { $0.split(separator: " ")[3] } == ["at=0", "at=1"])
        #expect(read["state"] as? Int == 2 && read["timers"] as? Int == 1 && read["failing"] as? Int == 2)
        #expect(counts["retries"] ?? 0 > 0 && counts["dead"] ?? 0 > 1 && counts["skipped"] ?? 0 > 0, "\(counts)")
        #expect(found["segments"] ?? 0 > 3)
    }

    private func changeStreams(_ folder: String, _ program: CommandLineBench) throws {
        try program.write("7", to: "snapshot")
        let events = (0..<4).map { CommandLineSamples.event("s\($0)") }
        for (arguments, input) in [
            (["append", "order-7", "-f", "-"], events[0] + events[1] + events[2]),
            (["append", "account", "-f", "-"], events[0] + events[1]),
            (["append", "gone", "-f", "-"], events[0]), (["append", "order-7", "-f", "-", "--expect", "2"], events[3]),
            (["snapshot", "order-7", "--put", "snapshot", "--revision", "1"], ""),
            (["truncate", "order-7", "--before", "2"], ""), (["delete", "gone"], ""),
        ] {
            let result = try program.start(["stream"] + arguments + ["--folder", folder], input: input).end(within: 60)
            #expect(result.status == 0, "\(result)")
        }
    }

    @Test func `a byte that is another is seen`() throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.event("1"), to: "events.jsonl")
        let log = "log: {backend: file, path: ./data}\n"
        try bench.write(CommandLineSamples.once(script: "ok") + log, to: "patchbay.yaml")
        #expect(try bench.run("run", "--once").status == 0)
        let path = "\(bench.folder)/data/log/0000000000000001.seg"
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        // In the first frame, of which the frames behind it say that it was on disk.
        bytes[150] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let result = try PythonReader.run("\(bench.folder)/data", bench)
        #expect(try bench.run("log", "verify", "data").status == 1)
        #expect(result.status == 1 && result.errors.contains("segment 1, offset 64"), "\(result)")
    }

    private func with(_ bench: RunBench, _ yaml: String) -> String {
        yaml.replacingOccurrences(of: "FOLDER", with: bench.folder)
    }

    /// Whether so many events are in, and all that is pending waits for a time that does not come.
    private static func isIdle(_ program: CommandLineBench, _ folder: String, _ events: Int) -> Bool {
        guard let text = try? program.run("log", "verify", folder, "--json").output,
            let told = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
            let ledger = told["ledger"] as? [String: Int], let pending = ledger["pending"]
        else { return false }
        return ledger["events"] == events && pending <= 2
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }
}

/// `Tests/LogFormat/read_log.py`.
private enum PythonReader {
    static let interpreter: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        return folders.map { "\($0)/python3" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("LogFormat/read_log.py").path

    static func run(_ folder: String, _ bench: CommandLineBench) throws -> CommandLineBench.Result {
        try bench.start([script, folder], program: interpreter).end(within: 60)
    }

    static func read(_ folder: String, _ bench: CommandLineBench) throws -> String {
        let result = try run(folder, bench)
        #expect(result.status == 0, "\(result)")
        return result.output
    }
}
