import PatchbayConfiguration
import PatchbayLog
import PatchbayResilience
import PatchbayRouting

@testable import PatchbayRuntime

/// What a seed stands for: the configuration, the disk's faults, how handlers behave.
struct Scenario {
    let seed: UInt64
    /// Goes on where making the scenario ended.
    private(set) var random: SeededRandom
    private let configuration: Configuration
    private(set) var settings = LogSettings()
    /// Of processes that answer before they sync.
    private(set) var lazySettings = LogSettings()
    private(set) var faults = FaultPlan()
    /// Some of its processes accept events before they are synced: only what survives `kill -9` is promised then, and
    /// the power stays on for as long as they run.
    let isLazy: Bool
    /// Nanoseconds that a write of the log takes at most.
    let latencyMax: UInt64
    let reachMin: UInt64

    static let eventCountMin = 500
    static let crashesMin = 3
    /// Events of one subscription: so few that it is reached.
    static let unsettledMax = 6

    init(seed: UInt64) throws {
        self.seed = seed
        var random = SeededRandom(seed: seed)
        configuration = Self.configuration(&random)
        isLazy = random.upTo(2) == 0
        settings.segmentBytes = 8192 << Int(random.upTo(2))
        settings.checkpointBytes = 8 * settings.segmentBytes
        settings.retentionBytes = random.next() & 1 == 0 ? 0 : 4 * settings.segmentBytes
        settings.identity = seed
        // Of some the writer's queue is often full, and of some the memory.
        settings.queueDepth = seed % 3 == 0 ? 4 : 256
        settings.memoryBytes = seed % 4 == 0 ? 1 << 20 : 128 << 20
        lazySettings = settings
        lazySettings.sync = .interval(5_000_000)
        // A third of the disks fail when they are told to, and not by chance.
        if random.upTo(2) != 0 {
            faults.writeFailure = random.fraction() * 0.02
            faults.writeNoSpace = random.fraction() * 0.05
            // After a failed sync a system may have lost what was written: never where a kill is not a power cut.
            faults.syncFailure = random.fraction() * 0.05
            faults.otherFailure = random.fraction() * 0.02
            faults.readFailure = random.fraction() * 0.01
        }
        latencyMax = 1 << (16 + random.upTo(7))
        reachMin = 16 << random.upTo(4)
        self.random = random
    }

    // MARK: Configuration

    /// The configuration of a process.
    ///
    /// - Parameter first: what it began with.
    func blueprint(_ variation: Variation, keeping first: Blueprint? = nil) throws -> Blueprint {
        var configuration = configuration
        variation.change(&configuration)
        return try Blueprint(configuration, seed: seed, keeping: first)
    }

    /// The handlers that do something of their own, each behind a route of its name that takes events of that type.
    enum Part: String, CaseIterable {
        /// With an ordering key.
        case keyed
        /// Goes to two handlers, one of them in batches.
        case fan
        /// Takes an event once.
        case once
        /// Emits, at once and later; its descendants go to `child`.
        case emitting, child
        /// Counts by key in its state.
        case counting
        /// Appends to streams.
        case streaming
        /// Sets and cancels timers.
        case timed
        /// Fails in rows, behind a breaker.
        case fragile
        /// Dies often; its dead letters come in as `obituary`.
        case dying, obituary
        /// Not there in some lives.
        case absent
        /// Gets what `streaming` appends, by subscriptions, and no events by its route.
        case following
        /// Subscribes to what `streaming` appends, and unsubscribes, when it gets events by its route.
        case subscribing

        var handler: String { "sim.\(rawValue)" }
    }

    /// A type that most processes have no route for.
    static let stray = "stray"
    /// Within which `once` takes an event once: longer than any run.
    static let window = Duration.seconds(360_000)
    static let breakerProbesMax = 2

    private static func configuration(_ random: inout SeededRandom) -> Configuration {
        var configuration = Configuration()
        for part in Part.allCases {
            guard part != .following else {
                configuration.routes.append(route(part))
                continue
            }
            var retry = Configuration.RetryPolicy()
            retry.name = part.rawValue
            retry.policy = random.next() & 1 == 0 ? .constant : .exponential
            retry.duration = .microseconds(100 << Int64(random.upTo(8)))
            retry.maxInterval = .seconds(1)
            retry.maxRetries = 1 + Int(random.upTo(2))
            retry.holdSlotUpTo = random.next() & 1 == 0 ? .zero : .seconds(1)
            configuration.policies.retries.set(retry)
            var bulkhead = Configuration.BulkheadPolicy()
            bulkhead.name = part.rawValue
            bulkhead.maxInFlight = .count(1 + Int(random.upTo(4)))
            configuration.policies.bulkheads.set(bulkhead)
            configuration.routes.append(route(part))
        }
        var timeout = Configuration.TimeoutPolicy()
        timeout.attempt = .milliseconds(100)
        timeout.total = .seconds(86_400)
        configuration.policies.timeouts.set(timeout)
        configuration.policies.circuitBreakers.set(breaker("default", trip: "false"))
        configuration.policies.circuitBreakers.set(breaker("fragile", trip: "consecutiveFailures >= 3"))
        return configuration
    }

    private static func breaker(_ name: String, trip: String) -> Configuration.CircuitBreakerPolicy {
        var breaker = Configuration.CircuitBreakerPolicy()
        breaker.name = name
        breaker.trip = ExpressionSource(trip)
        breaker.timeout = .milliseconds(20)
        breaker.maxTimeout = .milliseconds(40)
        breaker.maxRequests = breakerProbesMax
        return breaker
    }

    private static func route(_ part: Part) -> Configuration.Route {
        var route = Configuration.Route()
        route.name = part.rawValue
        route.type = part.rawValue
        route.to = [target(part.handler)]
        if part != .following {
            route.use.retry.name = part.rawValue
            route.use.bulkhead.name = part.rawValue
        }
        route.ordering.key = ExpressionSource(part == .keyed ? "event.subject" : "")
        switch part {
        case .fan:
            route.to.append(target("sim.other"))
            route.batching.count = 3
            route.batching.period = .milliseconds(1)
        case .once:
            route.dedup = Configuration.Deduplication()
            route.dedup?.window = window
        case .fragile: route.use.circuitBreaker.name = "fragile"
        case .dying: route.deadLetter.type = Part.obituary.rawValue
        default: break
        }
        return route
    }

    private static func target(_ handler: String) -> Configuration.Target {
        .handler(Configuration.HandlerReference(name: handler, location: .none))
    }
}
