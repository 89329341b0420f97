import PatchbayDispatch
import PatchbayEvents
import PatchbayResilience
import Testing

/// Random plans, events and faults over virtual hours; what must hold after every step.
@Suite struct ConservationTests {
    #if DEBUG
        private static let seeds: UInt64 = 150
    #else
        private static let seeds: UInt64 = 2000
    #endif

    @Test func `nothing is lost, doubled, reordered or left behind, whatever handlers do`() {
        for seed in 1...Self.seeds {
            let story = Story(seed: seed)
            story.run()
            guard story.problems.isEmpty else {
                Issue.record("seed \(seed): \(story.problems.prefix(3).joined(separator: "; "))")
                return
            }
        }
    }
}

/// One run of the model for one seed.
private final class Story {
    private var random: SeededRandom
    private let bench: Bench
    private let isBlockKeyOnly: Bool
    private(set) var problems: [String] = []
    /// Ids in log order, for each lane and key.
    private var orders: [String: [String]] = [:]
    private var seenStarts = 0
    private var firsts: [String: [String]] = [:]
    private var attempted: Set<String> = []
    private var skipped: Set<String> = []
    private var calm = false
    private var sent = 0

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let plan = Self.plan(&random)
        self.random = random
        bench = Bench(plan, seed: seed, callCapacity: random.upTo(3) == 0 ? 3 : 256)
        isBlockKeyOnly = plan.routes.allSatisfy { $0.onFailure == .blockKey }
        bench.asynchronous = Set(plan.lanes.indices.filter { _ in random.upTo(1) == 0 })
        bench.burialDelay = random.upTo(1) == 0 ? 0 : .milliseconds(30)
    }

    func run() {
        bench.reply = { [unowned self] in self.reply($0) }
        for _ in 0...random.upTo(6) {
            send()
            bench.run(for: random.upTo(.seconds(40))) {
                if random.upTo(9) == 0 { bench.compact(recalled: random.upTo(3) > 0) }
                self.look()
            }
        }
        calm = true
        bench.flush()
        bench.run {
            if random.upTo(9) == 0 { bench.compact() }
            self.look()
        }
        lookAtTheEnd()
    }

    // MARK: Making

    private static func plan(_ random: inout SeededRandom) -> DispatchPlan {
        let routes = (0...Int(random.upTo(2))).map { route("r\($0)", &random) }
        let lanes = (0...Int(random.upTo(2))).map { lane("l\($0)", &random) }
        var plan = DispatchPlan(routes: routes, lanes: lanes)
        plan.cancelGrace = .milliseconds(500)
        return plan
    }

    private static func route(_ name: String, _ random: inout SeededRandom) -> RoutePlan {
        func pick<T>(_ choices: [T]) -> T { choices[Int(random.upTo(UInt64(choices.count - 1)))] }
        var route = RoutePlan(name: name)
        route.retry = RetryPolicy(
            policy: pick(RetryGrowth.allCases), duration: .milliseconds(pick([0, 1, 300, 2000])),
            maxInterval: .seconds(20), maxRetries: pick([0, 1, 4, 9]), jitter: pick(RetryJitter.allCases),
            retryAfterMax: .seconds(pick([0, 5])), holdSlotUpTo: .milliseconds(pick([0, 500, 30_000])))
        route.budgetRatio = pick([0.1, 0.2, 1])
        route.budgetMinConcurrency = pick([0, 1, 3])
        route.timeout = TimeoutPolicy(attempt: .seconds(pick([1, 5])), total: .seconds(pick([0, 60])))
        route.breakerName = pick(["default", name])
        let trips = pick([1, 3, UInt32.max])
        route.breaker = CircuitBreakerConfiguration(
            slowCall: .seconds(3), timeout: .seconds(pick([1, 10])), maxTimeout: .seconds(30),
            maxRequests: pick([1, 3]), trip: { $0.consecutiveFailures >= trips || $0.slow >= trips })
        route.breakerScope = pick([.handler, .route, .key])
        route.onOpen = pick([.pause, .pause, .pause, .deadLetter])
        route.rateLimitName = name
        route.rateLimit = RateLimitPolicy(count: pick([0, 0, 1, 20]))
        route.rateLimitIsKeyed = pick([true, false])
        route.onFailure = pick([.blockKey, .blockKey, .blockKey, .skipKey, .halt])
        return route
    }

    private static func lane(_ name: String, _ random: inout SeededRandom) -> LanePlan {
        func pick<T>(_ choices: [T]) -> T { choices[Int(random.upTo(UInt64(choices.count - 1)))] }
        var lane = LanePlan(name: name, handler: Handler(name: name) { _, _ in .ok }, maxInFlight: pick([1, 2, 5]))
        lane.maxQueue = pick([1, 3, 20])
        lane.perKey = pick([0, 0, 1, 2])
        lane.batching.count = pick([1, 1, 2, 7])
        lane.batching.bytes = pick([0, 300])
        lane.batching.period = pick([0, .milliseconds(700)])
        if random.upTo(4) == 0 { lane.adaptive = AdaptiveLimitPolicy(min: 1, initial: 2, max: 4) }
        return lane
    }

    /// Members of events that point into the line, into the arena, or nowhere.
    private static let members: [String?] = [
        nil, nil, #""subject":"plain","data":{"a":[1,2]}"#, #""subject":"esc\u0061ped\n","data":"esc\taped""#,
        #""data_base64":"AAECAwQ=""#, #""time":"2026-01-02T03:04:05Z","level":7,"flag":true,"note":"a\"b","data":null"#,
        #""datacontenttype":"text/plain","dataschema":"urn:a","data":"""#, #""note":"plain""#,
    ]

    private func send() {
        var batch: [Given] = []
        for _ in 0..<random.upTo(20) {
            let lane = Int(random.upTo(UInt64(bench.plan.lanes.count - 1)))
            let key = ["a", "b", "c", nil, nil][Int(random.upTo(4))]
            let id = "\(lane)\(key ?? "-")\(sent)"
            sent += 1
            var given = Given(
                id, lane: lane, route: Int(random.upTo(UInt64(bench.plan.routes.count - 1))), key: key,
                rateKey: ["x", "y", nil][Int(random.upTo(2))], priority: UInt8(random.upTo(2)),
                size: Int(random.upTo(100)))
            given.members = Self.members[Int(random.upTo(UInt64(Self.members.count - 1)))]
            batch.append(given)
            if let key { orders["\(lane)\(key)", default: []].append(id) }
        }
        bench.send(batch)
    }

    private func reply(_ call: Bench.Call) -> Reply {
        if calm { return random.upTo(3) == 0 ? .done(in: random.upTo(.milliseconds(900))) : .done }
        let takes = random.upTo(2) == 0 ? 0 : random.upTo(.seconds(4))
        switch random.upTo(19) {
        case 0...4: return Reply(.retry, after: random.upTo(3) == 0 ? random.upTo(.seconds(9)) : 0, takes: takes)
        case 5: return Reply(.fail, "bad", takes: takes)
        case 6: return Reply(.busy, after: random.upTo(1) * .seconds(2), takes: takes)
        case 7:
            skipped.insert(call.id)
            return Reply(.skip)
        case 8: return Reply(.done, takes: .never)
        case 9: return .deaf(random.upTo(.seconds(60)) + 1)
        case 10:
            var reply = Reply.done
            reply.losesState = true
            return reply
        case 11: return Reply(.cancelled, takes: takes)
        default: return .done(in: takes)
        }
    }

    // MARK: Looking

    private func look() {
        let counts = bench.counts
        expect(counts.created == UInt64(sent), "created \(counts.created) of \(sent)")
        expect(counts.pending == UInt64(bench.pendingCount), "\(counts.pending) pending, \(bench.pendingCount) there")
        if let drift = bench.drift { problems.append("drift: \(drift)") }
        expect(Int(counts.done) == bench.done.count, "done \(counts.done), handlers said \(bench.done.count)")
        for lane in bench.plan.lanes.indices {
            let open = bench.open.count { $0.lane == lane }
            expect(open <= bench.plan.lanes[lane].permits, "lane \(lane) has \(open) calls open")
        }
        expect(bench.releasedTwice == 0, "a batch was released twice")
        expect(bench.altered.isEmpty, "other events than were sent: \(bench.altered)")
        for call in bench.started[seenStarts...] { look(at: call) }
        seenStarts = bench.started.count
        lookAtKeys()
    }

    private func look(at call: Bench.Call) {
        let retries = bench.plan.routes[call.route].retry.maxRetries
        expect(
            call.attempt <= retries + 1 || bench.plan.routes[call.route].retry.policy == .none && call.attempt == 1,
            "\(call.id) has attempt \(call.attempt) with \(retries) retries")
        guard attempted.insert(call.id).inserted else { return }
        firsts[String(call.id.prefix(2)), default: []].append(call.id)
    }

    private func lookAtKeys() {
        guard isBlockKeyOnly else { return }
        var busy: Set<Substring> = []
        for call in bench.open where !call.isOwed && !call.id.hasPrefix("\(call.lane)-") {
            expect(busy.insert(call.id.prefix(2)).inserted, "two calls of the key of \(call.id) are open")
        }
    }

    private func lookAtTheEnd() {
        if isBlockKeyOnly {
            for (key, ids) in orders {
                // What an open breaker gave up on never started.
                let expected = ids.filter(attempted.contains)
                expect(firsts[key] ?? [] == expected, "key \(key) ran as \(firsts[key] ?? []), sent as \(expected)")
            }
        }
        let dead = bench.deaths.map(\.id)
        expect(Set(bench.done).count == bench.done.count, "an event is done twice")
        expect(Set(dead).count == dead.count, "an event died twice")
        expect(Set(dead).isDisjoint(with: bench.done), "an event is done and dead")
        for death in bench.deaths where death.attempts == 0 {
            expect(death.failureClass == "breaker", "\(death.id) died of \(death.failureClass) without an attempt")
        }
        expect(bench.core.owed == 0, "\(bench.core.owed) calls are owed")
        guard bench.halts.isEmpty else {
            expect(bench.counts.pending == 0 || bench.isStuck, "a halted run is not stuck")
            return
        }
        expect(bench.counts.pending == 0, "\(bench.counts.pending) are left")
        let batches = bench.sentBatches + bench.packed
        expect(bench.released == batches, "\(bench.released) of \(batches) batches came back")
        expect(!bench.core.hasOpenCalls && bench.core.nextTimer == nil, "something is still open or waits")
    }

    private func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition, problems.count < 10 { problems.append(problem()) }
    }
}
