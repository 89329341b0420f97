extension Linter {
    /// Named policies that no route uses. A `default` is used wherever a route names none, and by timers.
    mutating func lintUnusedPolicies() {
        let policies = configuration.policies
        let uses = configuration.routes.map(\.use)
        unused(policies.timeouts.names, uses.map(\.timeout.name), "timeout policy", "timeouts", "timeout")
        unused(policies.retries.names, uses.map(\.retry.name), "retry policy", "retries", "retry")
        unused(
            policies.circuitBreakers.names, uses.map(\.circuitBreaker.name), "circuit breaker policy",
            "circuitBreakers", "circuitBreaker")
        let bulkheads = configuration.routes.flatMap(\.receivers).map(\.bulkhead.name)
        unused(policies.bulkheads.names, bulkheads, "bulkhead policy", "bulkheads", "bulkhead")
        unused(policies.rateLimits.names, uses.map(\.rateLimit.name), "rate limit policy", "rateLimits", "rateLimit")
    }

    private mutating func unused(
        _ names: [String], _ used: [String], _ what: String, _ table: String, _ key: String
    ) {
        for name in names where name != "default" && !used.contains(name) {
            warn(
                .unusedPolicy, "nothing uses \(what) '\(name)'", reason: "no route names it under 'use.\(key)'",
                remedy: "write 'use: {\(key): \(name)}' in a route, or remove the policy",
                at: ["policies.\(table).\(name)"])
        }
    }

    /// Bulkheads that allow more calls than the handler's module does.
    mutating func lintBulkheads() {
        var seen: Set<[String]> = []
        for (index, route) in configuration.routes.enumerated() {
            for receiver in route.receivers {
                let handler = receiver.handler
                guard let policy = configuration.policies.bulkheads[receiver.bulkhead.name], let most = policy.most,
                    let allowed = facts(handler.name)?.concurrency, allowed > 0, most > allowed,
                    seen.insert([policy.name, handler.name]).inserted
                else { continue }
                let key = policy.algorithm == .fixed ? "maxInFlight" : "max"
                warn(
                    .bulkheadBeyondHandler,
                    "bulkhead policy '\(policy.name)' allows \(most) calls of '\(handler.name)', which takes \(allowed)",
                    reason: "its module's manifest says 'concurrency: \(allowed)', and the lower number counts",
                    remedy: "lower \(key) to \(allowed), or give the route a bulkhead of its own",
                    at: [
                        "policies.bulkheads.\(policy.name).\(key)", "routes[\(index)].use.bulkhead",
                        "policies.bulkheads.\(policy.name)",
                    ], or: handler.location)
            }
        }
    }
}
