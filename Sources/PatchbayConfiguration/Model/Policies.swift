extension Configuration {
    /// The named policies that routes use; each table has a `default`, the file's or the built-in one.
    package struct Policies: Sendable, Equatable {
        package var timeouts = Table<TimeoutPolicy>()
        package var retries = Table<RetryPolicy>()
        package var circuitBreakers = Table<CircuitBreakerPolicy>()
        package var bulkheads = Table<BulkheadPolicy>()
        package var rateLimits = Table<RateLimitPolicy>()
        package var connectionPools = Table<ConnectionPoolPolicy>()

        package init() {}
    }

    /// Policies of one kind by name, the file's order first.
    package struct Table<Policy: NamedPolicy>: Sendable, Equatable {
        /// Unique by name; always holds `default`.
        package private(set) var entries: [Policy] = [Policy()]

        package init() {}

        /// `nil` when no policy has this name.
        package subscript(name: String) -> Policy? { entries.first { $0.name == name } }

        /// The policy `name`; a validated configuration only names policies that exist.
        package func policy(_ name: String) -> Policy {
            guard let found = self[name] else { preconditionFailure("policy '\(name)' was not validated") }
            return found
        }

        package var names: [String] { entries.map(\.name) }

        /// Takes the place of a policy with the same name, else is added.
        package mutating func set(_ policy: Policy) {
            if let index = entries.firstIndex(where: { $0.name == policy.name }) {
                entries[index] = policy
            } else {
                entries.append(policy)
            }
        }
    }

    package protocol NamedPolicy: Sendable, Equatable {
        var name: String { get set }
        /// Where the name stands; `nil` for a built-in default.
        var location: SourceLocation? { get set }
        init()
    }

    package struct TimeoutPolicy: NamedPolicy {
        package var name = "default"
        package var location: SourceLocation?
        /// One attempt, from the handler's start.
        package var attempt = Duration.seconds(30)
        /// From the first attempt, without waits that the host caused.
        package var total = Duration.seconds(300)

        package init() {}
    }

    package struct RetryPolicy: NamedPolicy {
        package enum Backoff: String, Sendable, CaseIterable { case none, constant, linear, exponential }
        package enum Jitter: String, Sendable, CaseIterable { case none, full, equal, decorrelated }

        package var name = "default"
        package var location: SourceLocation?
        package var policy = Backoff.exponential
        /// The first delay.
        package var duration = Duration.milliseconds(500)
        package var multiplier = 2.0
        package var maxInterval = Duration.seconds(60)
        /// Excludes the first attempt.
        package var maxRetries = 5
        package var jitter = Jitter.full
        /// The longest retry-after that is honoured; zero ignores retry-after.
        package var retryAfterMax = Duration.seconds(120)
        /// A wait up to this keeps its permit; longer ones release it.
        package var holdSlotUpTo = Duration.seconds(1)
        package var matching = Matching()
        package var budget = Budget()

        package init() {}

        /// Which failure codes are retried; `never` wins.
        package struct Matching: Sendable, Equatable {
            /// Codes, `*` for all.
            package var retry = ["*"]
            package var never = ["invalid", "unauthorized"]

            package init() {}
        }

        /// How many retries may be in flight beside first attempts.
        package struct Budget: Sendable, Equatable {
            /// Share of attempts in flight that may be retries, 0 to 1.
            package var ratio = 0.2
            /// Retries that are always allowed.
            package var minConcurrency = 3

            package init() {}
        }
    }

    package struct CircuitBreakerPolicy: NamedPolicy {
        package enum Scope: String, Sendable, CaseIterable { case handler, route, key }
        package enum OnOpen: String, Sendable, CaseIterable { case pause, deadLetter }

        package static let tripDefault =
            "consecutiveFailures > 5 || (requests >= 20 && (failureRatio >= 0.5 || slowRatio >= 0.9))"

        package var name = "default"
        package var location: SourceLocation?
        /// Length of the rolling window.
        package var interval = Duration.seconds(30)
        /// A call that takes longer counts as slow.
        package var slowCall = Duration.seconds(10)
        /// CEL over `consecutiveFailures`, `requests`, `failureRatio`, `slowRatio`.
        package var trip = ExpressionSource(tripDefault)
        /// How long it stays open the first time; doubles up to `maxTimeout`.
        package var timeout = Duration.seconds(30)
        package var maxTimeout = Duration.seconds(300)
        /// Probes while half-open.
        package var maxRequests = 3
        package var scope = Scope.handler
        package var onOpen = OnOpen.pause

        package init() {}
    }

    package struct BulkheadPolicy: NamedPolicy {
        package enum Algorithm: String, Sendable, CaseIterable { case fixed, gradient2 }

        package var name = "default"
        package var location: SourceLocation?
        /// `fixed` holds `maxInFlight`; `gradient2` moves between `min` and `max`.
        package var algorithm = Algorithm.fixed
        package var maxInFlight = MaxInFlight.auto
        /// Deliveries that a lane loads from the log at most.
        package var maxQueue = 512
        /// In flight per ordering key at most; 0 is no bound.
        package var perKey = 0
        package var min = 1
        package var initial = 20
        package var max = 200
        package var tolerance = 1.5

        package init() {}

        package enum MaxInFlight: Sendable, Equatable {
            /// Twice the cores, at least 4.
            case auto
            case count(Int)
        }
    }

    package struct RateLimitPolicy: NamedPolicy {
        package var name = "default"
        package var location: SourceLocation?
        /// Attempts per `interval`; 0 is no limit.
        package var count = 0
        package var interval = Duration.seconds(1)
        /// CEL over `event`: one limit per value; empty is one limit for all.
        package var key = ExpressionSource("")

        package init() {}
    }

    /// Connections to each service (scheme, host and port) that modules and `builtin.http` use.
    package struct ConnectionPoolPolicy: NamedPolicy {
        package var name = "default"
        package var location: SourceLocation?
        /// `host` or `host:port`; `default` is for all others and has none.
        package var hosts: [String] = []
        /// Connections that are kept open once the service has been used.
        package var min = 0
        /// Exchanges at once.
        package var max = 20
        /// How long an exchange waits for its turn.
        package var acquireTimeoutMillis = 5_000
        package var connectTimeout = Duration.seconds(10)
        /// How long a connection may lie idle and be used again.
        package var idleTimeout = Duration.seconds(60)
        /// Certificates to trust, in PEM; empty: the system's.
        package var caFile = ""

        package init() {}
    }
}

/// The text of a CEL expression and where it begins.
package struct ExpressionSource: Sendable, Hashable {
    package var text: String
    /// `nil` for a default.
    package var location: SourceLocation?

    package init(_ text: String, location: SourceLocation? = nil) {
        self.text = text
        self.location = location
    }

    package var isEmpty: Bool { text.isEmpty }
}
