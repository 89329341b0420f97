import Foundation
import Glibc
import Testing

/// `patchbay replay --compare`.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineCompareTests {
    /// Another build of `lab`, changed by `change`.
    private func candidate(_ bench: CommandLineBench, _ change: (String) -> String) throws -> String {
        try change(ModuleSource.all["lab"] ?? "").write(
            toFile: "\(bench.folder)/candidate.c", atomically: true, encoding: .utf8)
        try Modules.compile([
            "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-pthread", "-I\(Modules.include)",
            "\(bench.folder)/candidate.c", "-o", "\(bench.folder)/candidate.so",
        ])
        return "./candidate.so"
    }

    /// Events 1 to 6 through `lab.tally` and `lab.emit`, in two runs: the window is the second one.
    private func bench() throws -> (bench: CommandLineBench, from: String) {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: try Modules.library("lab"), toPath: "\(bench.folder)/plugins/lab.so")
        try bench.write(
            """
            apiVersion: patchbay/v1
            log: {backend: file}
            modules:
              directory: ./plugins
              load:
                - {name: lab, config: {path: ./seen, text: com.acme.next, count: 1}}
                - {name: lab2, path: ./plugins/lab.so, config: {path: ./seen2, text: com.acme.other, count: 2}}
            routes:
              - {name: all, type: com.example.*, to: [{handler: lab.tally}, {handler: lab.emit}]}
            unmatched: drop
            sources: [{name: events, type: file, path: ./events.jsonl}]

            """, to: "patchbay.yaml")
        var from = ""
        for run in 0..<2 {
            if run == 1 {
                // Frames of the second run are later than any of the first.
                usleep(20_000)
                from = Value.now
                usleep(20_000)
            }
            try bench.write(
                (1...3).map { CommandLineSamples.event("e\(run * 3 + $0)") }.joined(), to: "events.jsonl")
            let result = try bench.run("run", "--once", "-q")
            #expect(result.status == 0, "\(result)")
        }
        return (bench, from)
    }

    private enum Value {
        /// RFC 3339 with milliseconds.
        static var now: String {
            let formatter = ISO8601DateFormatter()
            formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
            return formatter.string(from: Date())
        }
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func segments(_ bench: CommandLineBench) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/data/log") {
            contents[name] = FileManager.default.contents(atPath: "\(bench.folder)/data/log/\(name)")
        }
        return contents
    }

    @Test func `the same handler makes no difference, on the state before the window, and writes nothing`() throws {
        let (bench, from) = try bench()
        let before = try segments(bench)
        let same = try bench.run(
            "replay", "--handler", "lab.tally", "--from", from, "--compare", "./plugins/lab.so", "--json")
        let value = try json(same.output)
        #expect(same.status == 0 && value["same"] as? Bool == true && value["events"] as? Int == 3, "\(same)")
        #expect(value["stateOfWindow"] as? Bool == true)
        // Both counted on from the three of the first run, each for itself.
        let counts = bench.read("seen").split(separator: "\n").suffix(6).compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("value=") }.map(String.init)
        }
        #expect(counts.sorted() == ["value=4", "value=4", "value=5", "value=5", "value=6", "value=6"], "\(counts)")
        #expect(try segments(bench) == before)
    }

    @Test func `names each event whose result, emits or state differ`() throws {
        let (bench, _) = try bench()
        let emits = try bench.run("replay", "--handler", "lab.emit", "--compare", "lab2.emit")
        #expect(emits.status == 3 && emits.output.hasPrefix("6 events: lab.emit "), "\(emits)")
        #expect(emits.output.contains("e4 (/test): emits 1 → 2") && emits.output.contains("6 events with differences"))
        #expect(emits.output.contains("p99"))
        let other = try candidate(bench) { $0.replacingOccurrences(of: "value += 1;", with: "value += 2;") }
        let state = try bench.run("replay", "--handler", "lab.tally", "--compare", other, "--json")
        let value = try json(state.output)
        let differences = try #require(value["differences"] as? [[String: Any]])
        #expect(state.status == 3 && value["differing"] as? Int == 6 && differences.count == 6, "\(state)")
        #expect(differences[0]["id"] as? String == "e1" && differences[0]["parts"] as? [String] == ["state"])
        let failing = try candidate(bench) {
            $0.replacingOccurrences(
                of: "value += 1;", with: "if (value == 2) return patchbay_fail(\"card: no funds\"); value += 1;")
        }
        let result = try bench.run("replay", "--handler", "lab.tally", "--compare", failing)
        #expect(result.status == 3 && result.output.contains("e3 (/test): done → fail (card)"), "\(result)")
    }

    @Test func `a candidate that crashes ends the comparison at its event`() throws {
        let (bench, _) = try bench()
        let crashing = try candidate(bench) {
            $0.replacingOccurrences(of: "value += 1;", with: "if (value == 2) abort(); value += 1;")
        }
        let result = try bench.run("replay", "--handler", "lab.tally", "--compare", crashing, "--json")
        let value = try json(result.output)
        #expect(result.status == 3 && value["ended"] as? String == "crash" && value["events"] as? Int == 3, "\(result)")
        let last = try #require((value["differences"] as? [[String: Any]])?.last)
        #expect(last["id"] as? String == "e3")
        #expect((last["candidate"] as? [String: Any])?["outcome"] as? String == "crash")
    }

    @Test(arguments: [
        (["--handler", "lab.tally", "--compare", "no.body"], "no.body"),
        (["--handler", "lab.tally", "--compare", "./nothing.so"], "nothing.so"),
        (["--handler", "no.body", "--compare", "lab.tally"], "no.body"), (["--compare", "lab.tally"], "--handler"),
        (["--handler", "lab.tally", "--compare", "lab.emit", "--mute"], "--mute"),
    ])
    func `refuses with 2 what cannot be compared`(arguments: [String], message: String) throws {
        let (bench, _) = try bench()
        let result = try bench.start(["replay"] + arguments).end(within: 60)
        #expect(result.status == 2 && result.output.isEmpty && result.errors.contains(message), "\(result)")
    }
}
