import Foundation
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayViews
import Testing

@testable import PatchbayRuntime

/// The log as tables.
@Suite struct `views of a log` {
    private static func yaml(_ script: String, _ source: String = "events") -> String {
        """
        log: {backend: file, path: FOLDER/data}
        modules:
          directory: FOLDER/plugins
          load:
            - {name: flaky, builtin: fail, config: {script: [\(script)]}}
            - {name: lab, config: {path: FOLDER/seen}}
        policies: {retries: {default: {policy: constant, duration: 1ms, maxRetries: 2, jitter: none}}}
        sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
        routes:
          - {name: all, type: com.acme.test, ordering: {key: "'one'"}, to: [{handler: flaky.fail}]}
          - {name: state, type: com.acme.count, to: [{handler: lab.tally}]}
        """
    }

    /// Six events: done, done by the second attempt, skipped, dead at once, dead after three attempts, and one that
    /// changes state.
    private func bench() throws -> RunBench {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(5) + Events.line(6, type: "com.acme.count") + "\n")
        try bench.write("none.jsonl", "")
        let script = "ok, transient, ok, skip, permanent, transient, transient, transient"
        let report = try bench.run(Self.yaml(script))
        #expect(report.status.counts.dead == 2 && report.status.counts.skipped == 1 && report.problems == [])
        return bench
    }

    private func rows(_ bench: RunBench, _ sql: String, rebuilding: Bool = false) throws -> [String] {
        let views = try LogViews(folder: bench.path("data"))
        try views.refresh(rebuilding: rebuilding)
        var rows: [String] = []
        try views.query(sql) { _, values in
            rows.append(values.map { String(decoding: $0.json, as: UTF8.self) }.joined(separator: " "))
            return true
        }
        return rows
    }

    /// All tables.
    private func everything(_ bench: RunBench, rebuilding: Bool = false) throws -> [String] {
        var all = try rows(bench, "SELECT * FROM deliveries ORDER BY position, handler", rebuilding: rebuilding)
        for table in ["dead_letters", "outcomes", "state"] {
            all += try rows(bench, "SELECT * FROM \(table) ORDER BY 1, 2")
        }
        return all
    }

    @Test func `tell what became of deliveries, how they died, and the state`() throws {
        let bench = try bench()
        #expect(
            try rows(bench, "SELECT event_id, state, attempts, class FROM deliveries ORDER BY position") == [
                #""2" "done" 2 "transient""#, #""3" "skipped" 1 null"#, #""4" "dead" 1 "permanent""#,
                #""5" "dead" 3 "transient""#,
            ])
        #expect(
            try rows(bench, "SELECT handler, sum(done), sum(skipped), sum(dead), sum(failed) FROM outcomes GROUP BY 1")
                == [
                    #""flaky.fail" 2 1 2 5"#, #""lab.tally" 1 0 0 0"#,
                ])
        var letters: [String] = []
        try StoredLetters(folder: bench.path("data")).forEach { letter in
            letters.append("\"\(letter.id)\" \"\(letter.event.id)\" \"kept\"")
            return true
        }
        #expect(try rows(bench, "SELECT id, event_id, state FROM dead_letters") == letters && letters.count == 2)
        let definition = StableHash.text(Handler.definition(module: "lab", version: "1.0.0", handler: "tally"))
        #expect(
            try rows(bench, "SELECT handler, key, revision, definition, position FROM state WHERE key = 'n'")
                == [#""lab.tally" "n" 1 "\#(definition)" 5"#])
    }

    @Test func `go on from where they were, to what they would be if made anew`() throws {
        let bench = try bench()
        #expect(try everything(bench) == everything(bench, rebuilding: true))
        var letters: [StoredLetter] = []
        try StoredLetters(folder: bench.path("data")).forEach { letter in
            letters.append(letter)
            return true
        }
        do {
            var operations = try LetterOperations(
                folder: bench.path("data"), routes: ["all", "state"], handlers: ["flaky.fail", "lab.tally"], who: "ada")
            try operations.redrive([letters[0]])
            try operations.purge([letters[1]])
        }
        let states = "SELECT state, changed_by FROM dead_letters ORDER BY id"
        #expect(try Set(rows(bench, states)) == [#""redriven" "ada""#, #""purged" "ada""#])
        _ = try bench.run(Self.yaml("transient, ok", "none"))
        let now = try everything(bench)
        #expect(now.contains { $0.contains(#""done" 2"#) })
        #expect(try everything(bench, rebuilding: true) == now)
    }

    /// A folder that was put back from a copy has a log that ends elsewhere.
    @Test func `begin anew when the log is another one`() throws {
        let bench = try bench()
        try FileManager.default.copyItem(atPath: bench.path("data"), toPath: bench.path("copy"))
        try bench.write("more.jsonl", Events.lines(3))
        _ = try bench.run(Self.yaml("permanent, permanent, permanent", "more"))
        #expect(try rows(bench, "SELECT count(*) FROM dead_letters") == ["5"])
        for name in ["log", "checkpoint"] {
            try FileManager.default.removeItem(atPath: bench.path("data/\(name)"))
            try FileManager.default.copyItem(atPath: bench.path("copy/\(name)"), toPath: bench.path("data/\(name)"))
        }
        #expect(try rows(bench, "SELECT count(*) FROM dead_letters") == ["2"])
    }

    @Test func `are read only`() throws {
        let bench = try bench()
        let error = #expect(throws: ViewError.self) { try rows(bench, "DELETE FROM dead_letters") }
        #expect(error?.code == .sql)
        #expect(throws: ViewError.self) { try rows(bench, "SELECT nothing FROM nowhere") }
        #expect(try rows(bench, "SELECT count(*) FROM dead_letters") == ["2"])
    }

    /// Regression: what the log had dropped stayed in the tables.
    @Test(.enabled(if: CommandLineBench.executable != nil))
    func `lose what the log drops, and are then what they would be if made anew`() throws {
        let bench = try CommandLineBench()
        try bench.write(
            """
            apiVersion: patchbay/v1
            log: {backend: file, path: ./data, retention: {bytes: 40KiB}}
            modules: {load: [{name: flaky, builtin: fail, config: {script: [ok, transient, ok, skip], repeat: true}}]}
            policies: {retries: {default: {policy: constant, duration: 1ms}}}
            sources: [{name: in, type: stdin}]
            routes: [{name: all, to: [{handler: flaky.fail}]}]
            """, to: "patchbay.yaml")
        let program = try #require(CommandLineBench.executable)
        func patchbay(_ arguments: String..., input: String = "") throws -> String {
            let result = try bench.start(
                ["PATCHBAY_LOG_SEGMENT_BYTES=4096", program] + arguments, input: input, program: "/usr/bin/env"
            ).end(within: 60)
            try #require(result.status == 0, "\(result)")
            return result.output
        }
        func everything() throws -> [String] {
            try ["deliveries", "outcomes"].map { table in
                try patchbay("views", "query", "SELECT * FROM \(table) ORDER BY 1, 2", "--json")
            }
        }
        var all = 0
        for round in 0..<6 {
            let events = (0..<60).map {
                CommandLineSamples.event("\(round)-\($0)", data: #""\#(String(repeating: "x", count: 100))""#)
            }
            _ = try patchbay("run", "--once", "-q", input: events.joined())
            all = try everything()[0].split(separator: "\n").count
        }
        let kept = try everything()
        #expect(all > 0 && all < 200, "too much or nothing was dropped: \(all)")
        _ = try patchbay("views", "refresh", "--rebuild")
        #expect(try everything() == kept)
    }
}
