import Foundation
import Testing

/// `patchbay config lint` and `patchbay explain --stored` as a user calls them.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineLintTests {
    private let bench: CommandLineBench

    init() throws { bench = try CommandLineBench() }

    /// One thing of each kind that cannot have the effect that it was written for.
    private static let faulty = """
        policies:
          timeouts: {short: {attempt: 10s, total: 30s}}
          retries:
            late: {policy: constant, duration: 10s, maxRetries: 3, jitter: none}
            idle: {maxRetries: 2, budget: {ratio: 1}}
          circuitBreakers: {never: {trip: failureRatio > 1.5}}
        routes:
          - {name: all, to: [{handler: builtin.log}], final: true, use: {retry: late, timeout: short}}
          - {name: hidden, type: com.a, to: [{handler: builtin.fail}]}
          - {name: early, order: -1, type: com.b, to: [{handler: builtin.log}], use: {retry: idle, circuitBreaker: never}}
          - {name: again, order: -1, type: com.b, to: [{handler: builtin.log}]}
        """

    @Test func `names what has no effect with place, reason and remedy, and ends with 1`() throws {
        try bench.write(Self.faulty, to: "patchbay.yaml")
        let result = try bench.run("config", "lint")
        #expect(result.status == 1, "\(result)")
        for code in ["unreachableRoute", "shadowedRoute", "retryBeyondTotal", "budgetNeverActs", "breakerNeverTrips"] {
            #expect(result.output.contains("[\(code)]\n    reason: "), "\(code) in \(result)")
        }
        let json = try bench.run("config", "lint", "--json")
        let value = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let warnings = try #require(value["warnings"] as? [[String: Any]])
        #expect(json.status == 1 && warnings.count == 5, "\(json)")
        for warning in warnings {
            for key in ["code", "message", "reason", "remedy", "path", "file"] {
                #expect((warning[key] as? String)?.isEmpty == false, "\(key) of \(warning)")
            }
        }
    }

    @Test func `ends with 0 for a file without warnings, and with 2 for one with errors`() throws {
        try bench.write("routes: [{name: a, to: [{handler: builtin.log}]}]", to: "patchbay.yaml")
        #expect(try bench.run("config", "lint").status == 0)
        try bench.write("routes: [{name: a}]", to: "patchbay.yaml")
        #expect(try bench.run("config", "lint").status == 2)
    }

    @Test func `explains what became of a stored event, attempt by attempt`() throws {
        try bench.write(
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [transient]}}]}
            policies: {retries: {default: {duration: 1ms, jitter: none}}}
            routes: [{name: all, to: [{handler: flaky.fail}]}]
            sources: [{name: in, type: file, path: ./e.jsonl}]
            log: {backend: file, path: ./data}
            """, to: "patchbay.yaml")
        try bench.write(CommandLineSamples.event("4711"), to: "e.jsonl")
        #expect(try bench.run("run", "--once", "-q").status == 0)
        let result = try bench.run("explain", "--stored", "4711")
        #expect(result.status == 0, "\(result)")
        for expected in [
            "✓ flaky.fail, route all: done after 2 attempts",
            "transient: scripted by builtin.fail; again after 1.00 ms",
            "by attempt 2", "today's configuration decides the same:",
        ] { #expect(result.output.contains(expected), "\(expected) in \(result)") }
        #expect(!result.output.contains("transient: transient"))
        #expect(try bench.run("explain", "--stored", "4712").status == 1)
    }
}
