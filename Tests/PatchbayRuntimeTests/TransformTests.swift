import Foundation
import PatchbayConfiguration
import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// What handlers get of routes that have a transform, and what stays as it came.
@Suite struct `transforms of routes` {
    private static let source = "sources: [{name: events, type: file, path: FOLDER/events.jsonl}]\n"
    private static let lab = """
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}

        """

    private func bench(_ module: String, _ events: [String]) throws -> RunBench {
        let bench = try RunBench()
        try bench.install(module)
        try bench.write("events.jsonl", events.map { $0 + "\n" }.joined())
        return bench
    }

    @Test func `a handler gets the transformed event, with its own state, and others the event itself`() throws {
        let bench = try bench(
            "lab",
            (1...3).map {
                Events.line(
                    $0, data: #"{"card":"4111","net":\#($0),"exact":1.10}"#, extra: #","partitionkey":"k","tenant":"t""#
                )
            })
        let report = try bench.run(
            Self.lab.replacing(
                "}]}", with: "}, {name: other, path: FOLDER/plugins/lab.so, config: {path: FOLDER/plain}}]}")
                + Self.source + """
                    routes:
                      - name: changed
                        to: [{handler: lab.show}]
                        transform:
                          - redact: [data.card]
                          - set: {data.total: event.data.net * 2, subject: "event.tenant + '/' + event.id"}
                          - enrich: {data.last: {state: "'last'", default: null}}
                      - {name: plain, to: [{handler: other.show}]}
                    """)
        #expect(report.exitCode == 0 && report.status.counts.done == 6)
        #expect(
            try bench.lines("seen") == [
                #"1 com.acme.test t/1 {"card":"[redacted]","net":1,"exact":1.10,"total":2,"last":null}"#,
                #"2 com.acme.test t/2 {"card":"[redacted]","net":2,"exact":1.10,"total":4,"last":1}"#,
                #"3 com.acme.test t/3 {"card":"[redacted]","net":3,"exact":1.10,"total":6,"last":2}"#,
            ])
        #expect(
            try bench.lines("plain").sorted()
                == (1...3).map {
                    #"\#($0) com.acme.test  {"card":"4111","net":\#($0),"exact":1.10}"#
                })
    }

    @Test(arguments: ["lab.show", "batcher.sink"])
    func `an event that cannot be transformed is a dead letter at once, as it came`(handler: String) throws {
        let module = String(handler.prefix { $0 != "." })
        let bench = try bench(
            module, (1...30).map { Events.line($0, data: $0 % 3 == 0 ? #"{"other":1}"# : #"{"net":1}"#) })
        let report = try bench.run(
            Self.lab.replacing("lab", with: module) + Self.source + """
                policies: {circuitBreakers: {default: {trip: consecutiveFailures > 0}}}
                routes:
                  - name: all
                    to: [{handler: \(handler)}]
                    transform: [{unset: [data.x]}, {set: {data.total: event.data.net * 2}}]
                    batching: {count: \(module == "batcher" ? 8 : 1)}
                """)
        #expect(report.status.counts.done == 20 && report.status.counts.dead == 10 && report.drift == nil)
        let letters = try bench.objects("dead-letters.jsonl")
        #expect(letters.count == 10)
        for letter in letters {
            #expect(letter["dlqclass"] as? String == "permanent")
            #expect(letter["dlqreason"] as? String == "transform[1].set.data.total: there is no event.data.net")
            #expect("\(letter["dlqattempts"] ?? "")" == "1")
            #expect((letter["data"] as? [String: Int]) == ["other": 1])
        }
        // The fault is the events', so the breaker has not seen any.
        #expect(report.lanes.allSatisfy { $0.counts.done == 20 })
    }

    @Test func `a retry gets the event transformed again`() throws {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.line(1) + "\n")
        let report = try bench.run(
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [transient, transient, ok]}}]}
            policies: {retries: {default: {duration: 1ms, jitter: none}}}
            \(Self.source)
            routes: [{name: all, to: [{handler: flaky.fail}], transform: [{set: {subject: "'a'"}}]}]
            """)
        #expect(report.status.counts.done == 1 && report.status.counts.retries == 2)
    }

    @Test func `what a route hides is in no log line of its errors`() throws {
        let bench = try bench("lab", [Events.line(1, data: #"{"card":"4111","n":"x"}"#)])
        _ = try bench.run(
            Self.lab + Self.source + """
                unmatched: drop
                routes:
                  - name: all
                    match: event.data.card + event.data.n > 3
                    to: [{handler: lab.record}]
                    transform: [{redact: [data.card]}]
                """)
        let lines = bench.log.all.map { "\($0.text) \($0.metadata)" }
        #expect(lines.contains { $0.contains("event.data.card = [redacted]") })
        #expect(!lines.contains { $0.contains("4111") })
    }

    @Test func `mistakes in steps are named with their places`() throws {
        let errors = #expect(throws: ConfigurationErrors.self) {
            _ = try RunBench().preparation(
                """
                routes:
                  - name: all
                    to: [{handler: builtin.log}]
                    transform:
                      - {set: {id: "'x'", data.a: event.data.b +}}
                      - {sett: {data.a: 1}}
                      - {unset: [data.a], redact: [data.b]}
                      - {redact: [time]}
                      - {enrich: {data.a: {}}}
                      - {enrich: {data.a: {header: a, state: "'b'"}}}
                      - {map: 1 / 0}
                """)
        }
        let found = errors?.errors.map { "\($0.location.line) \($0.message)" } ?? []
        #expect(found.count == 8)
        #expect(found.contains { $0.hasPrefix("7 'id' is not a place in an event: an event keeps its id") })
        #expect(found.contains { $0.hasPrefix("7 value: ") })
        #expect(found.contains { $0.contains("unknown step 'sett'; did you mean 'set'?") })
        #expect(found.contains { $0.contains("a step has one key, this one has 2") })
        #expect(found.contains { $0.contains("'time' is not a place in an event: the form of time is fixed") })
        #expect(found.contains { $0.contains("an enrichment needs a source") })
        #expect(found.contains { $0.contains("'header' or 'state', not both") })
        #expect(found.contains { $0.contains("it always fails") })
    }

    @Test func `the effective configuration of a transform reads back as the same`() throws {
        let yaml = """
            routes:
              - name: all
                to: [{handler: builtin.log}]
                filters: [{sql: "tenant = 't1'"}, {cesql: EXISTS subject}]
                transform:
                  - {set: {"data['a b']": 1, subject: event.type}}
                  - {unset: ["data.items[*].x"]}
                  - {rename: {data.a: data.b}}
                  - {map: event.data}
                  - {redact: [data.c]}
                  - {enrich: {data.d: {header: tenant, default: "'x'"}, data.e: {state: "'k'"}}}
            """
        let bench = try RunBench()
        let first = EffectiveConfiguration(try bench.preparation(yaml).configuration).yaml
        let again = first.split(separator: "\n").filter { !$0.hasPrefix("apiVersion") }.joined(separator: "\n")
        let second = EffectiveConfiguration(try bench.preparation(again).configuration).yaml
        func values(_ text: String) -> [Substring] { text.split(separator: "\n").map { $0.prefix { $0 != "#" } } }
        #expect(values(first) == values(second))
        #expect(first.contains("sql:") && first.contains("cesql:") && first.contains("enrich:"))
    }
}
