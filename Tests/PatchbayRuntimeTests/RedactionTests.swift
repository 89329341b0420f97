import Foundation
import Testing

@testable import PatchbayRuntime

/// Regression: policies of `explain` and the log's routing errors showed what came through a secret.
@Suite struct RedactionTests {
    @Test(.enabled(if: CommandLineBench.executable != nil), arguments: [[], ["--json"]])
    func `explain shows no policy that came through a secret`(options: [String]) throws {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        try bench.write(
            """
            apiVersion: patchbay/v1
            routes:
              - name: a
                ordering: {key: "${secret:KEY}"}
                to: [{handler: builtin.log}]
                use: {rateLimit: slow, circuitBreaker: odd, retry: some}
              - name: b
                to: [{oneOf: [{handler: builtin.log, match: "${secret:MATCH}"}]}]
              - name: c
                order: -1
                to: [{oneOf: [{handler: builtin.log, match: "${secret:MATCH}", use: {bulkhead: one}}, {handler: builtin.fail}]}]
            policies:
              bulkheads: {one: {maxInFlight: 1}}
              rateLimits: {slow: {count: 5, interval: 1s, key: "${secret:KEY}"}}
              circuitBreakers: {odd: {trip: "${secret:TRIP}"}}
              retries: {some: {maxRetries: 2, matching: {retry: ["${secret:CLASS}"]}}}

            """, to: "p.yaml")
        try bench.write(CommandLineSamples.event("1", type: "t", data: "{}"), to: "e.json")
        for (name, text) in [
            ("KEY", #"event.id + "s3c""#), ("TRIP", "requests > 77"), ("CLASS", "xyz"), ("MATCH", "event.id == 'm4c'"),
        ] {
            try bench.write(text, to: name)
        }
        let result = try bench.start(["explain", "e.json", "-c", "p.yaml", "--secrets", "."] + options).end(within: 60)
        #expect(result.status == 0, "\(result)")
        for secret in ["s3c", "77", "xyz", "m4c"] { #expect(!result.output.contains(secret), "\(result)") }
        #expect(result.output.contains("per [redacted]") && result.output.contains("by [redacted]"), "\(result)")
        #expect(result.output.contains("opens when [redacted]"), "\(result)")
        #expect(result.output.contains("only [redacted]"), "\(result)")
        #expect(result.output.contains("to[0].oneOf[0].match"), "\(result)")
    }

    @Test(.enabled(if: CommandLineBench.executable != nil))
    func `the log shows no condition's error that came through a secret`() throws {
        let bench = try CommandLineBench()
        try bench.write(
            """
            apiVersion: patchbay/v1
            routes:
              - {name: whole, match: "${secret:MATCH}", to: [{handler: builtin.log}]}
              - {name: choice, to: [{oneOf: [{handler: builtin.log, match: "${secret:MATCH}"}]}]}
              - {name: part, match: 'event.data["seen"] > 1', to: [{handler: builtin.log}]}
            unmatched: drop
            sources: [{name: events, type: file, path: ./e.jsonl}]

            """, to: "p.yaml")
        try bench.write("event.data.s3c > 1", to: "MATCH")
        try bench.write(CommandLineSamples.event("1"), to: "e.jsonl")
        let result = try bench.start(["run", "--once", "-c", "p.yaml", "--secrets", "."]).end(within: 60)
        #expect(result.status == 0 && !result.errors.contains("s3c"), "\(result)")
        let lines = result.errors.split(separator: "\n").filter { $0.contains("could not be compared") }
        #expect(lines.contains { $0.contains("route whole") && $0.contains("match: [redacted]") }, "\(result)")
        #expect(
            lines.contains { $0.contains("route choice") && $0.contains("to[0].oneOf[0].match: [redacted]") },
            "\(result)")
        #expect(
            lines.contains { $0.contains("route part") && $0.contains("match: ") && $0.contains("seen") }, "\(result)")
    }
}
