import Foundation
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import PatchbayTransfers
import Testing

@testable import PatchbayRuntime

/// Policies: what the dispatch core is told, in its own machines' terms.
extension KeyProof {
    private static func policy(_ section: String, _ key: String, _ first: String, _ second: String, with: String = "")
        -> KeyProof
    {
        KeyProof("policies.\(section).*.\(key)", first, second) { value in
            let path = key.split(separator: ".")
            let entry = path.count == 2 ? "\(path[0]): {\(path[1]): \(value)}" : "\(key): \(value)"
            return try plan("policies: {\(section): {default: {\(entry)\(with)}}}")
        }
    }

    /// The route's plan and its lane's.
    static func plan(_ yaml: String, route: String = "") throws -> String {
        let bench = try RunBench()
        let preparation = try bench.preparation(
            """
            \(yaml)
            routes: [{name: all, to: [{handler: builtin.log}]\(route)}]
            """)
        let plan = try Blueprint(preparation.configuration, seed: 1).dispatchPlan(handlers: [
            "builtin.log": Handler(name: "builtin.log") { _, _ in .ok }
        ])
        var text = ""
        dump(plan.routes[0], to: &text)
        let lane = plan.lanes[0]
        text +=
            "\(lane.maxInFlight) \(lane.maxQueue) \(lane.perKey) \(String(describing: lane.adaptive)) \(lane.batching)"
        return text
    }

    static let policies = [
        policy("timeouts", "attempt", "20ms", "30ms"), policy("timeouts", "total", "31s", "32s"),
        policy("retries", "policy", "constant", "linear"), policy("retries", "duration", "10ms", "20ms"),
        policy("retries", "multiplier", "2", "3"), policy("retries", "maxInterval", "1s", "2s"),
        policy("retries", "maxRetries", "1", "2"), policy("retries", "jitter", "none", "equal"),
        policy("retries", "retryAfterMax", "1s", "0s"), policy("retries", "holdSlotUpTo", "1s", "0s"),
        policy("retries", "matching.retry", "['*']", "[transient]"),
        policy("retries", "matching.never", "[]", "[broken]"),
        policy("retries", "budget.ratio", "0.1", "0.5"), policy("retries", "budget.minConcurrency", "1", "9"),
        policy("circuitBreakers", "interval", "1s", "2s"), policy("circuitBreakers", "slowCall", "1s", "2s"),
        policy("circuitBreakers", "timeout", "1s", "2s"), policy("circuitBreakers", "maxTimeout", "40s", "50s"),
        policy("circuitBreakers", "maxRequests", "1", "2"), policy("circuitBreakers", "scope", "handler", "key"),
        KeyProof("policies.circuitBreakers.*.trip", "consecutiveFailures > 2", "consecutiveFailures > 4") { value in
            try tripping("trip: \(value), timeout: 1h, maxTimeout: 1h, onOpen: deadLetter")
        },
        KeyProof("policies.circuitBreakers.*.onOpen", "deadLetter", "pause") { value in
            let breaker = "trip: consecutiveFailures > 2, timeout: 50ms, maxTimeout: 50ms, onOpen: \(value)"
            return "\(try tripping(breaker).hasSuffix(" 0 of the breaker"))"
        },
        policy("bulkheads", "algorithm", "fixed", "gradient2"), policy("bulkheads", "maxInFlight", "1", "2"),
        policy("bulkheads", "maxQueue", "10", "20"), policy("bulkheads", "perKey", "0", "1"),
        policy("bulkheads", "min", "1", "2", with: ", algorithm: gradient2"),
        policy("bulkheads", "initial", "10", "20", with: ", algorithm: gradient2"),
        policy("bulkheads", "max", "100", "200", with: ", algorithm: gradient2"),
        policy("bulkheads", "tolerance", "1.5", "2", with: ", algorithm: gradient2"),
        policy("rateLimits", "count", "0", "5"), policy("rateLimits", "interval", "1s", "2s", with: ", count: 5"),
        KeyProof("policies.rateLimits.*.key", "", ", key: event.subject") { value in
            try plan("policies: {rateLimits: {default: {count: 5\(value)}}}")
        },
        pool("hosts", "[]", "[127.0.0.1]"), pool("min", "0", "2"), pool("max", "1", "2"),
        pool("acquireTimeoutMillis", "1", "2"), pool("connectTimeout", "1s", "2s"), pool("idleTimeout", "1s", "2s"),
        pool("caFile", "''", "/ca.pem"),
    ]

    /// How a service is reached, as the transfer engine is told.
    private static func pool(_ key: String, _ first: String, _ second: String) -> KeyProof {
        KeyProof("policies.connectionPools.*.\(key)", first, second) { value in
            let bench = try RunBench()
            let hosts = key == "hosts" ? "" : "hosts: [127.0.0.1], "
            let preparation = try bench.preparation(
                """
                policies: {connectionPools: {bank: {max: 3, \(hosts)\(key): \(value)}}}
                routes: [{name: all, to: [{handler: builtin.log}]}]
                """.replacing("max: 3, \(hosts)max", with: "\(hosts)max"))
            let ways = ConnectionWays(preparation.configuration.policies.connectionPools)
            return "\(ways[try ServiceAddress(url: "http://127.0.0.1:81/", schemes: ["http"])])"
        }
    }

    /// Ten failing events: how many died of the open breaker.
    private static func tripping(_ breaker: String) throws -> String {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(10))
        let report = try bench.run(
            """
            policies:
              retries: {default: {policy: none}}
              bulkheads: {default: {maxInFlight: 1}}
              circuitBreakers: {default: {\(breaker)}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: builtin.fail}]}]
            """)
        let classes = try bench.objects("dead-letters.jsonl").compactMap { $0["dlqclass"] as? String }
        return "\(report.dead) dead, \(classes.filter { $0 == "breaker" }.count) of the breaker"
    }
}
