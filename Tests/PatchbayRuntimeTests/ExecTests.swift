import Foundation
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// `builtin.exec`: handlers that are commands.
@Suite struct `commands as handlers` {
    private static func yaml(_ config: String, retries: String = "policy: none", more: String = "") -> String {
        """
        modules: {load: [{name: tool, builtin: exec, config: {\(config)}}]}
        policies: {retries: {default: {\(retries)}}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: work, type: com.acme.test, to: [{handler: tool.exec}]\(more)}
          - {name: next, type: com.acme.next, to: [{handler: builtin.log}]}
        """
    }

    private func bench(_ count: Int = 1, _ backend: LogBackend = .memory) throws -> RunBench {
        let bench = try RunBench(backend)
        try bench.write("events.jsonl", Events.lines(count, data: #"{"n":1.50}"#, extra: #","partitionkey":"k""#))
        return bench
    }

    private static func shell(_ script: String) -> String { "command: [sh, -c, '\(script)']" }

    @Test func `get the event on standard input and the attempt in the environment`() throws {
        let bench = try bench(3)
        let report = try bench.run(
            Self.yaml(Self.shell("cat >> FOLDER/seen; echo \"$PATCHBAY_ROUTE $PATCHBAY_ATTEMPT $HOME\" >> FOLDER/more"))
        )
        #expect(report.status.counts.done == 3 && report.exitCode == 0 && report.drift == nil)
        let codec = CloudEventsCodec.ofStored()
        let events = try bench.lines("seen").map { try codec.event(Array($0.utf8)) }
        #expect(Set(events.map(\.id)) == ["1", "2", "3"])
        #expect(
            events.allSatisfy {
                $0["partitionkey"] == "k" && $0.data.map { String(decoding: $0, as: UTF8.self) } == #"{"n":1.50}"#
            })
        #expect(try Set(bench.lines("more")) == ["work 1 \(ProcessInfo.processInfo.environment["HOME"] ?? "")"])
    }

    @Test(
        arguments: [
            ("exit 0", 1, 0, 0, ""), ("exit 65", 0, 0, 1, "exit status 65"),
            ("echo no luck >&2; exit 3", 0, 2, 1, "exit status 3: no luck"), ("exit 7", 0, 0, 0, ""),
            ("kill -9 $$", 0, 2, 1, "ended by signal 9"),
        ])
    func `end as their exit status says`(script: String, done: Int, retries: Int, dead: Int, reason: String) throws {
        let bench = try bench()
        let report = try bench.run(
            Self.yaml(
                Self.shell(script) + ", exitCodes: {\"7\": skip}",
                retries: "policy: constant, duration: 1ms, maxRetries: 2, jitter: none"))
        let counts = report.counts("tool.exec")
        #expect(counts.done == UInt64(done) && counts.retries == UInt64(retries) && counts.dead == UInt64(dead))
        #expect(counts.pending == 0 && report.drift == nil)
        #expect(try bench.deadLetters().map { $0["dlqreason"]?.contains(reason) } == (dead == 1 ? [true] : []))
    }

    @Test(arguments: LogBackend.allCases)
    func `emit what they write, once they are done`(_ backend: LogBackend) throws {
        let bench = try bench(2, backend)
        let event = #"{"specversion":"1.0","id":"","source":"/tool","type":"com.acme.next"}"#
        let emitted = event.replacing(#""id":"""#, with: #""id":"'$$'""#)
        try bench.write(
            "tool.sh",
            "cat > /dev/null\necho '\(emitted)'\n[ -e \(bench.folder)/tried ] || { touch \(bench.folder)/tried; exit 1; }\n"
        )
        let report = try bench.run(
            Self.yaml(
                "command: [sh, FOLDER/tool.sh], stdout: emit",
                retries: "policy: constant, duration: 1ms, maxRetries: 1",
                more: ", ordering: {key: \"'one'\"}"))
        #expect(
            report.emits?.accepted == 2 && report.counts("builtin.log").done == 2 && report.drift == nil, "\(report)")
        let wrong = try RunBench(backend)
        try wrong.write("events.jsonl", Events.lines(1))
        let bad = try wrong.run(Self.yaml(Self.shell("echo nonsense") + ", stdout: emit"))
        #expect(bad.dead == 1)
        #expect(try wrong.deadLetters().first?["dlqreason"]?.contains("is no event") == true)
    }

    @Test func `stay for many events, answer by line, and are started anew when they end`() throws {
        let bench = try bench(6)
        try bench.write(
            "tool.sh",
            """
            echo start >> \(bench.folder)/starts
            n=0
            while read -r line; do
              n=$((n + 1))
              case "$line" in
                *'"id":"2"'*) echo '{"outcome": "fail", "reason": "two", "code": 9}' ;;
                *'"id":"3"'*) echo '{"outcome": "skip"}' ;;
                *'"id":"4"'*) [ -e \(bench.folder)/died ] || { touch \(bench.folder)/died; echo gone >&2; exit 3; }; echo '{"outcome": "done"}' ;;
                *'"id":"5"'*) echo 'what?' ;;
                *) echo '{"outcome": "done"}' ;;
              esac
            done
            """)
        let report = try bench.run(
            Self.yaml(
                "command: [sh, FOLDER/tool.sh], mode: lines",
                retries: "policy: constant, duration: 1ms, maxRetries: 1, jitter: none",
                more: ", ordering: {key: \"'one'\"}"))
        let counts = report.counts("tool.exec")
        #expect(counts.done == 3 && counts.skipped == 1 && counts.dead == 2 && report.drift == nil, "\(report)")
        // After the end of one, and after each line that is no answer.
        #expect(try bench.lines("starts").count == 4)
        let reasons = try Dictionary(bench.deadLetters().map { ($0.id, $0["dlqreason"] ?? "") }) { $1 }
        #expect(reasons["2"] == "two" && reasons["5"]?.contains("answered 'what?'") == true, "\(reasons)")
    }

    @Test func `are ended when their call is cancelled, with what they started`() throws {
        let bench = try bench()
        let report = try bench.run(
            Self.yaml(Self.shell("sleep 600 & echo $! > FOLDER/child; wait"))
                .replacing("policies: {", with: "policies: {timeouts: {default: {attempt: 300ms}}, "))
        #expect(report.dead == 1 && report.drift == nil)
        let child = try #require(try bench.lines("child").first.flatMap { Int32($0) })
        #expect(bench.eventually { kill(child, 0) != 0 })
    }

    /// Regression: a command that never stopped writing to standard error was never looked at again.
    @Test func `are ended at their timeout, however much they write`() throws {
        let bench = try bench()
        let report = try bench.run(
            Self.yaml(Self.shell("yes >&2")).replacing(
                "policies: {", with: "policies: {timeouts: {default: {attempt: 300ms}}, "))
        #expect(report.dead == 1 && report.drift == nil)
    }

    @Test func `that cannot be started are failures that say why`() throws {
        let bench = try bench()
        let report = try bench.run(Self.yaml("command: [/nowhere/tool]"))
        #expect(report.dead == 1)
        #expect(
            try bench.deadLetters().first?["dlqreason"]
                == "'/nowhere/tool' cannot be started: No such file or directory")
    }

    @Test func `have to be told which command`() throws {
        let bench = try bench()
        #expect(throws: (any Error).self) { try bench.preparation(Self.yaml("mode: lines")) }
        #expect(throws: (any Error).self) {
            try bench.preparation(Self.yaml("command: [cat], mode: lines, stdout: emit"))
        }
        #expect(throws: (any Error).self) {
            try bench.preparation("routes: [{name: a, to: [{handler: builtin.exec}]}]")
        }
    }
}
