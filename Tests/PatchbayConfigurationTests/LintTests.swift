import Testing

@testable import PatchbayConfiguration

/// Each warning, and beside it what is almost the same and no warning.
@Suite struct LintTests {
    /// `line code` of every warning.
    private func lint(
        _ yaml: String, environment: [String: String] = [:], facts: @escaping (String) -> HandlerFacts? = { _ in nil }
    ) throws -> [String] {
        Linter.warnings(in: try valid(yaml, environment: environment), handlers: facts).map {
            "\($0.location.line) \($0.code)"
        }
    }

    /// Routes of one line each, each to a handler of its own.
    private func routes(_ lines: String...) throws -> [String] {
        try lint(
            "routes:\n"
                + lines.enumerated().map { "- {name: r\($0), to: [{handler: a.h\($0)}], \($1)}" }.joined(
                    separator: "\n"))
    }

    @Test func `a route behind a final one that takes all of it is unreachable`() throws {
        #expect(try routes("final: true", "type: a.b") == ["3 unreachableRoute"])
        #expect(try routes("type: a.**, final: true", "type: a.*.c") == ["3 unreachableRoute"])
        #expect(try routes("type: a.*", "type: a.b") == [])
        #expect(try routes("type: a.*, final: true", "type: a.**") == [])
        #expect(try routes("type: a.*, final: true, order: 1", "type: a.b") == [])
        #expect(
            try routes("match: event.data.x > 1, final: true", "match: event.data.x > 1 && event.data.y > 1")
                == ["3 unreachableRoute"])
        #expect(try routes("match: event.data.x > 1, final: true", "match: event.data.x > 2") == [])
        #expect(
            try routes("match: \"event.type == 'a.b'\", final: true", "type: a.b") == ["3 unreachableRoute"])
        #expect(
            try routes("filters: [{prefix: {subject: eu/}}], final: true", "filters: [{exact: {subject: eu/1}}]")
                == ["3 unreachableRoute"])
        #expect(
            try routes("filters: [{prefix: {subject: eu/}}], final: true", "filters: [{exact: {subject: us/1}}]") == [])
    }

    @Test func `a shadow in the host's own process can end it`() throws {
        func shadowed(_ isolation: String) throws -> [String] {
            try lint(
                "modules: {load: [{name: n, isolation: \(isolation)}]}\n"
                    + "routes:\n- {name: a, to: [{handler: a.b}], shadow: [{handler: n.b}]}")
        }
        #expect(try shadowed("inline") == ["3 shadowInline"])
        #expect(try shadowed("process") == [])
    }

    @Test func `a route that nothing can match is unreachable`() throws {
        #expect(try routes("match: \"false\"") == ["2 unreachableRoute"])
        #expect(try routes("type: a.b, match: \"event.type == 'a.c'\"") == ["2 unreachableRoute"])
        #expect(try routes("type: a.*, match: \"event.type == 'a.c'\"") == [])
    }

    @Test func `a target that an earlier route has served is shadowed`() throws {
        func found(_ first: String, _ second: String) throws -> [String] {
            try lint("routes:\n- {name: a, \(first)}\n- {name: b, \(second)}")
        }
        let same = "to: [{handler: a.b}]"
        #expect(try found(same, "type: x, \(same)") == ["3 shadowedRoute"])
        #expect(try found("type: x, \(same)", same) == [])
        #expect(try found(same, "type: x, to: [{handler: a.c}]") == [])
        #expect(try found("to: [{oneOf: [{handler: a.b}, {handler: a.c}]}]", "type: x, \(same)") == [])
        #expect(
            try lint("routes:\n- {name: a, to: [{handler: a.b}, {handler: a.b}]}") == ["2 shadowedRoute"])
    }

    @Test func `an entry of a choice that no event gets to is named`() throws {
        func found(_ entries: String...) throws -> [String] {
            let list = entries.map { "    - {\($0)}" }.joined(separator: "\n")
            return try lint("routes:\n- name: a\n  to:\n  - oneOf:\n\(list)")
        }
        let (first, second) = ("handler: a.b, match: event.data.x", "handler: a.c, match: event.data.y")
        #expect(try found(first, second, "handler: a.d", "handler: a.e, weight: 3") == [])
        #expect(try found(first, "handler: a.d", second) == ["7 unreachableChoice"])
        #expect(
            try found(first, "handler: a.d", second, "handler: a.e") == ["7 unreachableChoice", "8 unreachableChoice"])
        #expect(try found(first, "handler: a.d, weight: 0", second) == [])
        #expect(try found(first, "handler: a.c, match: event.data.x") == ["6 unreachableChoice"])
        #expect(try found("handler: a.b, match: 'false'", second) == ["5 unreachableChoice"])
    }

    @Test func `what the conditions of a choice leave gets to later routes`() throws {
        func found(_ to: String) throws -> [String] {
            try lint("routes:\n- {name: a, final: true, to: [\(to)]}\n- {name: b, to: [{handler: a.z}]}")
        }
        #expect(try found("{oneOf: [{handler: a.b, match: event.data.x}]}") == [])
        #expect(try found("{oneOf: [{handler: a.b, match: event.data.x}]}, {handler: a.c}") == ["3 unreachableRoute"])
        #expect(
            try found("{oneOf: [{handler: a.b, match: event.data.x}, {handler: a.c}]}") == ["3 unreachableRoute"])
    }

    @Test func `a bulkhead of an entry alone is used, and counts for its handler`() throws {
        func found(_ entry: String) throws -> [String] {
            try lint(
                """
                policies:
                  bulkheads: {agents: {maxInFlight: 9}}
                routes: [{name: a, to: [{oneOf: [{handler: a.b, match: event.data.x\(entry)}, {handler: a.c}]}]}]
                """, facts: { _ in HandlerFacts(concurrency: 3) })
        }
        #expect(try found("") == ["2 unusedPolicy"])
        #expect(try found(", use: {bulkhead: agents}") == ["2 bulkheadBeyondHandler"])
    }

    @Test func `retries that come after the total timeout are named`() throws {
        func found(_ timeouts: String, _ retries: String) throws -> [String] {
            try lint(
                """
                policies:
                  timeouts: {default: {\(timeouts)}}
                  retries: {default: {\(retries)}}
                routes: [{name: a, to: [{handler: a.b}]}]
                """)
        }
        // 10 s, then 1 s and 10 s, and so on: the third retry would start after 33 s.
        let constant = "policy: constant, duration: 1s"
        #expect(try found("attempt: 10s, total: 30s", "\(constant), maxRetries: 3") == ["2 retryBeyondTotal"])
        #expect(try found("attempt: 10s, total: 34s", "\(constant), maxRetries: 3") == [])
        #expect(try found("attempt: 10s, total: 30s", "\(constant), maxRetries: 2") == [])
        #expect(try found("attempt: 10s, total: 10s", "\(constant), maxRetries: 3") == ["2 attemptTakesTotal"])
        #expect(try found("attempt: 10s, total: 10s", "policy: none") == [])
    }

    @Test func `a budget that cannot hold a retry back is named`() throws {
        func found(_ budget: String, bulkhead: String = "maxInFlight: 8", concurrency: Int = 0) throws -> [String] {
            try lint(
                """
                policies:
                  retries: {default: {\(budget)}}
                  bulkheads: {default: {\(bulkhead)}}
                routes: [{name: a, to: [{handler: a.b}]}]
                """, facts: { _ in HandlerFacts(concurrency: concurrency) }
            ).filter { $0.hasSuffix("budgetNeverActs") }
        }
        let warning = ["2 budgetNeverActs"]
        #expect(try found("budget: {minConcurrency: 8}") == warning)
        #expect(try found("budget: {minConcurrency: 7}") == [])
        #expect(try found("budget: {minConcurrency: 7}", concurrency: 7) == warning)
        #expect(try found("budget: {minConcurrency: 100}", bulkhead: "maxInFlight: auto") == [])
        #expect(try found("budget: {ratio: 1}") == warning)
        #expect(try found("budget: {ratio: 0.9}") == [])
        #expect(try found("policy: none, budget: {ratio: 0.1}") == warning)
        #expect(try found("policy: none") == [])
    }

    @Test func `a breaker that cannot trip is named`() throws {
        func found(
            _ trip: String, limit: String = "count: 0", breaker: String = "", timeout: String = "", second: String = ""
        ) throws -> [String] {
            try lint(
                """
                policies:
                  circuitBreakers:
                    default: {trip: "\(trip)", interval: 30s\(breaker)}
                  rateLimits: {slow: {\(limit)}}
                  timeouts: {default: {\(timeout)}}
                routes:
                - {name: a, to: [{handler: a.b}], use: {rateLimit: slow}}
                \(second)
                """)
        }
        let warning = ["3 breakerNeverTrips"]
        // 5 at once, then one every 12 s: of 61 s, in which an attempt may end that began before, 5 more.
        let slow = "count: 5, interval: 1m"
        #expect(try found("requests >= 20 && failureRatio > 0.5", limit: slow) == warning)
        #expect(try found("requests >= 11 && failureRatio > 0.5", limit: slow) == warning)
        #expect(try found("requests >= 10 && failureRatio > 0.5", limit: slow) == [])
        #expect(try found("requests >= 20 && failureRatio > 0.5", limit: "\(slow), key: event.subject") == [])
        #expect(
            try found(
                "requests >= 20 && failureRatio > 0.5", limit: slow,
                second: "- {name: b, type: x, to: [{handler: a.b}]}"
            )
            .filter { $0.hasSuffix("Trips") } == [])
        // Failures of all events count together, however few retries one has.
        #expect(try found("consecutiveFailures > 50") == [])
        #expect(try found("consecutiveFailures > 50", limit: slow) == warning)
        #expect(try found("failureRatio > 1") == warning)
        #expect(try found("failureRatio >= 1") == [])
        #expect(try found("consecutiveFailures > 5 && requests < 3") == warning)
        #expect(try found("consecutiveFailures > 5 && requests < 7") == [])
        #expect(try found("slowRatio > 0.5", breaker: ", slowCall: 10s", timeout: "attempt: 5s") == warning)
        #expect(try found("slowRatio > 0.5", breaker: ", slowCall: 5s", timeout: "attempt: 5s") == [])
        // What is more than comparisons is not judged.
        #expect(try found("double(requests) * failureRatio > 1e9", limit: slow) == [])
    }

    @Test func `policies that no route uses are named`() throws {
        let tables = ["timeouts", "retries", "circuitBreakers", "bulkheads", "rateLimits"]
        for (table, key) in zip(tables, ["timeout", "retry", "circuitBreaker", "bulkhead", "rateLimit"]) {
            let policies = "policies: {\(table): {default: {}, mine: {}}}\n"
            #expect(
                try lint(policies + "routes: [{name: a, to: [{handler: a.b}]}]") == ["1 unusedPolicy"], "\(table)")
            #expect(try lint(policies + "routes: [{name: a, to: [{handler: a.b}], use: {\(key): mine}}]") == [])
        }
    }

    @Test func `dropping everything is named`() throws {
        #expect(try lint("routes: []\nunmatched: drop") == ["2 everythingDropped"])
        #expect(try lint("routes: []\nunmatched: deadLetter") == [])
        #expect(try lint("routes: [{name: a, to: [{handler: a.b}]}]\nunmatched: drop") == [])
    }

    @Test func `a bulkhead that is wider than its handler is named`() throws {
        func found(_ bulkhead: String) throws -> [String] {
            try lint(
                "policies: {bulkheads: {default: {\(bulkhead)}}}\nroutes: [{name: a, to: [{handler: a.b}]}]",
                facts: { $0 == "a.b" ? HandlerFacts(concurrency: 4) : nil })
        }
        #expect(try found("maxInFlight: 5") == ["1 bulkheadBeyondHandler"])
        #expect(try found("maxInFlight: 4") == [])
        #expect(try found("algorithm: gradient2, initial: 2, max: 5") == ["1 bulkheadBeyondHandler"])
        #expect(try found("maxInFlight: auto") == [])
    }

    @Test func `secrets as plain text are named and not shown`() throws {
        func found(_ config: String) throws -> [String] {
            let warnings = Linter.warnings(
                in: try valid(
                    "modules: {load: [{name: a, config: {\(config)}}]}\nroutes: [{name: a, to: [{handler: a.b}]}]",
                    environment: ["X": "hunter2"]))
            #expect(!"\(warnings)".contains("hunter2"))
            return warnings.map(\.path)
        }
        #expect(try found("db: {password: hunter2}") == ["modules.load[0].config.db.password"])
        #expect(try found("API_KEY: hunter2") == ["modules.load[0].config.API_KEY"])
        #expect(try found("urls: [\"db://me:hunter2@host/x\"]") == ["modules.load[0].config.urls[0]"])
        #expect(try found("db: {password: \"${X}\"}") == [])
        #expect(try found("password: \"\", tokens_max: 5, token: 7, passwordFile: /run/x, url: \"db://me@host\"") == [])
    }

    @Test func `a warning says place, code, reason and remedy`() throws {
        let warning = Linter.warnings(in: try valid("routes: []\nunmatched: drop"))[0]
        #expect(
            warning.description == """
                p.yaml:2:12: warning: every event is dropped [everythingDropped]
                    reason: there are no routes, and 'unmatched' is drop
                    remedy: add a route, or choose unmatched: deadLetter
                """)
    }

    @Test func `the examples have nothing to warn of`() throws {
        #expect(try lint(olderExample) == [])
        #expect(try lint("") == [])
    }
}
