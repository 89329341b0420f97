import PatchbayConfiguration
import Testing

@testable import PatchbayRuntime

/// Runs tests of a small configuration, from their YAML.
enum Tested {
    /// Waits double from a second on, without jitter; five retries.
    static let shop = """
        policies:
          retries:
            default: {duration: 1s, maxInterval: 1h, maxRetries: 5, jitter: none}
            many: {policy: constant, duration: 60s, maxInterval: 60s, maxRetries: 1000000, jitter: none}
            jittery: {duration: 1s, jitter: full}
          circuitBreakers:
            default: {trip: consecutiveFailures >= 100}
            quick: {trip: consecutiveFailures >= 2, timeout: 10s, maxRequests: 1}
          timeouts: {default: {attempt: 5s, total: 7d}, endless: {total: 36500d}}
          bulkheads: {two: {maxInFlight: 2}}
          rateLimits: {slow: {count: 2, interval: 1s}}
        routes:
          - {name: orders, type: order.*, to: [{handler: billing.charge}], ordering: {key: event.partitionkey}}
          - {name: audit, type: order.*, match: event.data.total > 100, to: [{handler: audit.append}]}
          - {name: guarded, type: guarded, to: [{handler: guarded.do}], use: {circuitBreaker: quick}}
          - {name: limited, type: limited, to: [{handler: limited.do}], use: {rateLimit: slow}}
          - {name: narrow, type: narrow, to: [{handler: narrow.do}], use: {bulkhead: two}}
          - {name: many, type: many, to: [{handler: many.do}], use: {retry: many, timeout: endless}}
          - {name: jittery, type: jittery, to: [{handler: jittery.do}], use: {retry: jittery}}
          - name: changed
            type: changed
            transform: [{set: {data.total: event.data.total + 1}}]
            to: [{handler: changed.do}]
        limits: {emitDepth: 2}
        """

    /// What comes of one test, which is the map that `test` is.
    static func run(_ test: String, of configuration: String = shop) throws -> TestResult {
        let lines = test.split(separator: "\n", omittingEmptySubsequences: false)
        let item = lines.enumerated().map { $0 == 0 ? "  - \($1)" : "    \($1)" }.joined(separator: "\n")
        let draft = Configuration.read(text: "\(configuration)\ntests:\n\(item)", file: "shop.yaml")
        let read = try draft.validated { _ in .found }
        let runner = TestRunner(read, origins: read.origins, secrets: read.secrets, file: "shop.yaml")
        return try runner.run(try #require(read.tests.first), index: 0)
    }

    /// The failures, `what: -expected +actual`.
    static func failures(_ test: String) throws -> [String] {
        try run("name: t\n\(test)").failures.map { failure in
            "\(failure.what): -\(failure.expected.joined(separator: ",")) +\(failure.actual.joined(separator: ","))"
        }
    }

    /// The errors of a configuration with this test, `path: message`.
    static func errors(_ test: String) -> [String] {
        let draft = Configuration.read(text: "\(shop)\ntests: [{name: t, \(test)}]", file: "shop.yaml")
        return draft.errors.map { "\($0.path): \($0.message)" }
    }
}
