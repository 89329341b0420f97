extension Configuration.Policies {
    static let section = Section<Self>(
        "policies", { Self() },
        [
            Key(
                "timeouts", \.timeouts, Configuration.TimeoutPolicy.section.table,
                "How long attempts and deliveries may take."),
            Key(
                "retries", \.retries, Configuration.RetryPolicy.section.table,
                "When and how often failed attempts are repeated."),
            Key(
                "circuitBreakers", \.circuitBreakers, Configuration.CircuitBreakerPolicy.section.table,
                "When calls to a failing handler stop for a while."),
            Key("bulkheads", \.bulkheads, Configuration.BulkheadPolicy.section.table, "How much runs at once."),
            Key(
                "rateLimits", \.rateLimits, Configuration.RateLimitPolicy.section.table,
                "How many attempts start in a time."),
            Key(
                "connectionPools", \.connectionPools, Configuration.ConnectionPoolPolicy.section.table,
                "Connections of modules and of the builtin http to other services."),
        ], finish: finish)

    /// A host belongs to one pool.
    private static func finish(
        _ policies: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        var owners: [String: String] = [:]
        for pool in policies.connectionPools.entries {
            for (index, host) in pool.hosts.enumerated() {
                guard let owner = owners.updateValue(pool.name, forKey: host.lowercased()), owner != pool.name else {
                    continue
                }
                reading.fail(
                    .impossible, "'\(host)' is in the pool '\(owner)' already", at: pool.location ?? node.location,
                    "\(path).connectionPools.\(pool.name).hosts[\(index)]", remedy: "name it in one of the two")
            }
        }
    }
}

extension Section where Root: Configuration.NamedPolicy {
    /// A map of such policies by name, beside the built-in `default`.
    var table: Format<Configuration.Table<Root>> {
        Format(
            read: { node, path, reading in
                var table = Configuration.Table<Root>()
                switch node.content {
                case .map(let entries):
                    for entry in entries {
                        let entryPath = path.appendingKey(entry.key)
                        if !Names.isName(entry.key) {
                            reading.fail(
                                .badValue, "'\(entry.key.prefix(60))' is not a policy's name", at: entry.keyLocation,
                                entryPath, accepted: ["letters, digits, '_' and '-'"])
                        }
                        guard var policy = read(entry.value, entryPath, &reading) else { continue }
                        policy.name = entry.key
                        policy.location = entry.keyLocation
                        table.set(policy)
                    }
                case .scalar(let scalar) where scalar.isNull: break
                default:
                    reading.wrongType(
                        node, path, expected: "a map of policies by name", remedy: "write 'default: {…}' below it")
                    return nil
                }
                return table
            },
            show: { table in .map(table.entries.map { .init(key: $0.name, value: show($0)) }) },
            schema: {
                Schema.types(
                    ["object", "null"],
                    ("propertyNames", Schema.object(("pattern", .string("^[A-Za-z0-9_][A-Za-z0-9_-]*$")))),
                    ("additionalProperties", schema()))
            })
    }
}

extension Configuration.TimeoutPolicy {
    static let section = Section<Self>(
        "a timeout policy", { Self() },
        [
            Key("attempt", \.attempt, .duration(.milliseconds(1)...DurationText.longest), "One attempt."),
            Key(
                "total", \.total, .duration(.milliseconds(1)...DurationText.longest),
                "From the first attempt, without waits that the host caused."),
        ]
    ) { policy, node, path, reading in
        guard policy.attempt > policy.total else { return }
        reading.conflict(
            "attempt \(policy.attempt.text) is longer than total \(policy.total.text)", in: node, path,
            keys: ["attempt", "total"], remedy: "shorten attempt, or lengthen total")
    }
}

extension Configuration.RetryPolicy {
    static let section = Section<Self>(
        "a retry policy", { Self() },
        [
            Key("policy", \.policy, .choice(), "How delays grow; none never retries."),
            Key("duration", \.duration, .duration(), "The first delay."),
            Key("multiplier", \.multiplier, .number(1...1000), "The factor between delays of an exponential policy."),
            Key("maxInterval", \.maxInterval, .duration(), "The longest delay."),
            Key("maxRetries", \.maxRetries, .integer(0...1_000_000), "Retries after the first attempt."),
            Key("jitter", \.jitter, .choice(), "How delays are spread at random."),
            Key(
                "retryAfterMax", \.retryAfterMax, .duration(),
                "The longest retry-after that is honoured; 0s ignores retry-after."),
            Key(
                "holdSlotUpTo", \.holdSlotUpTo, .duration(),
                "A wait up to this keeps its permit; longer ones release it."),
            Key("matching", \.matching, Matching.section.format, "Which failures are retried."),
            Key("budget", \.budget, Budget.section.format, "How many retries may be in flight."),
        ]
    ) { policy, node, path, reading in
        if policy.policy != .none, policy.maxInterval < policy.duration {
            reading.conflict(
                "maxInterval \(policy.maxInterval.text) is shorter than duration \(policy.duration.text)", in: node,
                path, keys: ["maxInterval", "duration"], remedy: "lengthen maxInterval, or shorten duration")
        }
    }
}

extension Configuration.RetryPolicy.Matching {
    static let section = Section<Self>(
        "matching", { Self() },
        [
            Key(
                "retry", \.retry, Format<String>.failureCode.list(), "Failure codes that are retried; * is all."),
            Key("never", \.never, Format<String>.failureCode.list(), "Failure codes that are not; wins over retry."),
        ])
}

extension Format<String> {
    fileprivate static let failureCode = Format<String>.text(
        "a failure code", accepted: ["letters, digits, '.', '_' and '-'", "*"]
    ) { text in
        let isCode =
            !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        return text == "*" || isCode ? nil : "it has other characters, or none"
    }
}

extension Configuration.RetryPolicy.Budget {
    static let section = Section<Self>(
        "budget", { Self() },
        [
            Key("ratio", \.ratio, .number(0...1), "Share of the attempts in flight that may be retries."),
            Key("minConcurrency", \.minConcurrency, .integer(0...1_000_000), "Retries that are always allowed."),
        ])
}

extension Configuration.CircuitBreakerPolicy {
    static let section = Section<Self>(
        "a circuit breaker policy", { Self() },
        [
            Key(
                "interval", \.interval, .duration(.milliseconds(1)...DurationText.longest),
                "Length of the rolling window."),
            Key("slowCall", \.slowCall, .duration(), "A call that takes longer counts as slow."),
            Key(
                "trip", \.trip, .expression(.trip, mayBeEmpty: false),
                "CEL over consecutiveFailures, requests, failureRatio and slowRatio: when the breaker opens."),
            Key(
                "timeout", \.timeout, .duration(.milliseconds(1)...DurationText.longest),
                "How long it stays open; doubles up to maxTimeout."),
            Key(
                "maxTimeout", \.maxTimeout, .duration(.milliseconds(1)...DurationText.longest),
                "The longest time that it stays open."),
            Key("maxRequests", \.maxRequests, .integer(1...100_000), "Probes while half-open."),
            Key("scope", \.scope, .choice(), "What has a breaker of its own."),
            Key(
                "onOpen", \.onOpen, .choice(),
                "What happens to deliveries meanwhile: they wait, or become dead letters."),
        ]
    ) { policy, node, path, reading in
        guard policy.maxTimeout < policy.timeout else { return }
        reading.conflict(
            "maxTimeout \(policy.maxTimeout.text) is shorter than timeout \(policy.timeout.text)", in: node, path,
            keys: ["maxTimeout", "timeout"], remedy: "lengthen maxTimeout, or shorten timeout")
    }
}

extension Configuration.BulkheadPolicy {
    private static let permits = 1...1_000_000

    static let section = Section<Self>(
        "a bulkhead policy", { Self() },
        [
            Key("algorithm", \.algorithm, .choice(), "fixed holds maxInFlight; gradient2 adapts between min and max."),
            Key(
                "maxInFlight", \.maxInFlight, .maxInFlight,
                "Attempts in flight at once; auto is twice the cores, at least 4.",
                shownIf: { $0.algorithm == .fixed }),
            Key("maxQueue", \.maxQueue, .integer(permits), "Deliveries that a lane loads from the log at most."),
            Key("perKey", \.perKey, .integer(0...1_000_000), "Attempts in flight per ordering key; 0 is no bound."),
            Key(
                "min", \.min, .integer(permits), "gradient2: the lowest limit.", example: .int(1),
                shownIf: { $0.algorithm == .gradient2 }
            ),
            Key(
                "initial", \.initial, .integer(permits), "gradient2: the first limit.", example: .int(20),
                shownIf: { $0.algorithm == .gradient2 }),
            Key(
                "max", \.max, .integer(permits), "gradient2: the highest limit.", example: .int(200),
                shownIf: { $0.algorithm == .gradient2 }),
            Key(
                "tolerance", \.tolerance, .number(1...10), "gradient2: how much slower than usual calls may get.",
                example: .double(1.5),
                shownIf: { $0.algorithm == .gradient2 }),
        ], finish: finish)

    private static func finish(
        _ policy: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        let unread = policy.algorithm == .fixed ? ["min", "initial", "max", "tolerance"] : ["maxInFlight"]
        for key in unread {
            guard let entry = node[key] else { continue }
            reading.fail(
                .impossible, "'\(key)' has no meaning with 'algorithm: \(policy.algorithm.rawValue)'",
                at: entry.keyLocation, "\(path).\(key)",
                remedy: policy.algorithm == .fixed
                    ? "add 'algorithm: gradient2', or remove it" : "remove it; 'max' is the bound")
        }
        let most: Int? =
            switch (policy.algorithm, policy.maxInFlight) {
            case (.gradient2, _): policy.max
            case (.fixed, .count(let count)): count
            case (.fixed, .auto): nil
            }
        if let most, policy.perKey > most {
            reading.conflict(
                "perKey \(policy.perKey) is more than \(policy.algorithm == .fixed ? "maxInFlight" : "max") \(most)",
                in: node, path, keys: ["perKey"], remedy: "lower perKey, or 0 for no bound")
        }
        guard policy.algorithm == .gradient2 else { return }
        if policy.min > policy.max {
            reading.conflict(
                "min \(policy.min) is more than max \(policy.max)", in: node, path, keys: ["min", "max"],
                remedy: "lower min, or raise max")
        } else if !(policy.min...policy.max).contains(policy.initial) {
            reading.conflict(
                "initial \(policy.initial) is not between min \(policy.min) and max \(policy.max)", in: node, path,
                keys: ["initial", "max", "min"], remedy: "choose an initial limit between the two")
        }
    }
}

extension Format<Configuration.BulkheadPolicy.MaxInFlight> {
    fileprivate static let maxInFlight = Format(
        read: { node, path, reading in
            if case .scalar(let scalar) = node.content, scalar.text == "auto" { return .auto }
            guard case .scalar(let scalar) = node.content, scalar.integer != nil else {
                reading.wrongType(node, path, expected: "auto or a whole number", accepted: ["auto", "1 to 1000000"])
                return nil
            }
            return Format<Int>.integer(1...1_000_000).read(node, path, &reading).map { .count($0) }
        },
        show: { limit in
            switch limit {
            case .auto: .string("auto")
            case .count(let count): .int(Int64(count))
            }
        },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([Schema.object(("const", .string("auto"))), Format<Int>.integer(1...1_000_000).schema()])
                ))
        })
}

extension Configuration.RateLimitPolicy {
    static let section = Section<Self>(
        "a rate limit policy", { Self() },
        [
            Key("count", \.count, .integer(0...1_000_000_000), "Attempts per interval; 0 is no limit."),
            Key(
                "interval", \.interval, .duration(.milliseconds(1)...DurationText.longest),
                "The time that count is for."),
            Key(
                "key", \.key, .expression(.key), "CEL over event: one limit per value; empty is one limit for all.",
                example: .string("event.data.customer")),
        ]
    ) { policy, node, path, reading in
        guard policy.count == 0, !policy.key.isEmpty else { return }
        reading.conflict(
            "a key without a limit: count is 0", in: node, path, keys: ["key"], remedy: "set count, or remove key")
    }
}

extension Configuration.ConnectionPoolPolicy {
    static let section = Section<Self>(
        "a connection pool policy", { Self() },
        [
            Key(
                "hosts", \.hosts, Format<String>.hostName.list(),
                "The hosts that it is for, each with connections of its own; default is for all others.",
                example: .list([.string("api.stripe.com")]), shownIf: { $0.name != "default" }),
            Key("min", \.min, .integer(0...1_000), "Connections that are kept open once the service has been used."),
            Key("max", \.max, .integer(1...1_000), "Exchanges with the service at once."),
            Key(
                "acquireTimeoutMillis", \.acquireTimeoutMillis, .integer(1...3_600_000),
                "How long an exchange waits for its turn, in milliseconds."),
            Key(
                "connectTimeout", \.connectTimeout, .duration(.milliseconds(1)...DurationText.longest),
                "How long a connection may take to open."),
            Key(
                "idleTimeout", \.idleTimeout, .duration(.seconds(1)...DurationText.longest),
                "How long a connection may lie idle and be used again."),
            Key(
                "caFile", \.caFile, .text("a file") { _ in nil },
                "Certificates to trust, in PEM; empty trusts those of the system.",
                example: .string("/etc/ssl/acme.pem")),
        ]
    ) { policy, node, path, reading in
        if policy.min > policy.max {
            reading.conflict(
                "min \(policy.min) is more than max \(policy.max)", in: node, path, keys: ["min", "max"],
                remedy: "lower min, or raise max")
        }
    }
}

extension Format<String> {
    /// `host` or `host:port`.
    fileprivate static let hostName = Format<String>.text(
        "a host, maybe with its port", accepted: ["api.example.com", "127.0.0.1:8080", "[::1]:8080"]
    ) { text in Names.isHost(text) ? nil : "it has other characters, or none" }
}

extension Reading {
    /// Reports values that cannot hold together, at the first of `keys` that the file has.
    mutating func conflict(
        _ message: String, in node: YAMLNode, _ path: String, keys: [String], remedy: String
    ) {
        let entry = keys.lazy.compactMap { node[$0] }.first
        let place = entry.map { path.appendingKey($0.key) } ?? path
        fail(.impossible, message, at: entry?.value.location ?? node.location, place, remedy: remedy)
    }
}

extension Duration {
    /// As the file writes it.
    var text: String { DurationText.format(self) }
}
