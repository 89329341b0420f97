import PatchbayResilience
import Testing

private let second: UInt64 = 1_000_000_000

@Suite struct CircuitBreakerTests {
    /// Opens on the sixth failure in a row.
    private func tripped(_ configuration: CircuitBreakerConfiguration = CircuitBreakerConfiguration(), at now: UInt64)
        -> CircuitBreaker
    {
        var breaker = CircuitBreaker(configuration)
        for _ in 0..<6 { _ = call(&breaker, .failure, now: now) }
        return breaker
    }

    @Test func `rejects calls while open and names the retry time`() {
        var breaker = tripped(at: 10 * second)
        #expect(breaker.state == .open)
        #expect(breaker.admit(now: 10 * second) == .rejected(retryAt: 40 * second))
        #expect(breaker.admit(now: 40 * second - 1) == .rejected(retryAt: 40 * second))
        #expect(breaker.retryTime(now: 40 * second - 1) == 40 * second)
        #expect(breaker.retryTime(now: 40 * second) == nil)
        #expect(breaker.metrics.rejected == 2)
        #expect(breaker.metrics.trips == 1)
    }

    @Test func `begins anew when it is reset, and counts nothing that it let through before`() {
        var breaker = tripped(at: 10 * second)
        let transition = breaker.reset(now: 11 * second)
        #expect(transition?.from == .open && transition?.to == .closed)
        #expect(breaker.state == .closed && breaker.counts(now: 11 * second).requests == 0)
        guard case .allowed(let before) = breaker.admit(now: 11 * second) else { return #expect(Bool(false)) }
        #expect(breaker.reset(now: 12 * second) == nil, "it was closed")
        for _ in 0..<9 {
            _ = breaker.record(.failure, duration: 1, generation: before, now: 12 * second)
        }
        #expect(breaker.state == .closed && breaker.counts(now: 12 * second).failures == 0)
        // The next time open is as short as the first.
        for _ in 0..<6 { _ = call(&breaker, .failure, now: 13 * second) }
        #expect(breaker.openUntil == 43 * second)
    }

    @Test func `opens on consecutive failures and says why`() {
        var breaker = CircuitBreaker(CircuitBreakerConfiguration())
        for _ in 0..<5 { #expect(call(&breaker, .failure, now: second) == nil) }
        #expect(call(&breaker, .success, now: second) == nil)
        for _ in 0..<5 { #expect(call(&breaker, .failure, now: second) == nil) }
        let transition = call(&breaker, .failure, now: 2 * second)
        #expect(transition?.to == .open)
        #expect(transition?.openUntil == 32 * second)
        #expect(transition?.counts.requests == 12)
        #expect(transition?.counts.consecutiveFailures == 6)
    }

    @Test func `opens on the failure ratio only with enough requests`() {
        var breaker = CircuitBreaker(CircuitBreakerConfiguration())
        for index in 0..<18 { #expect(call(&breaker, index % 2 == 0 ? .failure : .success, now: second) == nil) }
        #expect(call(&breaker, .success, now: second) == nil)
        #expect(call(&breaker, .failure, now: second)?.to == .open)
    }

    @Test func `forgets what is older than the interval`() {
        var breaker = CircuitBreaker(CircuitBreakerConfiguration(interval: .seconds(10)))
        for _ in 0..<5 { _ = call(&breaker, .failure, now: second) }
        #expect(breaker.counts(now: second).failures == 5)
        #expect(breaker.counts(now: 12 * second).requests == 0)
        #expect(call(&breaker, .failure, now: 12 * second) == nil)
        #expect(
            breaker.counts(now: 12 * second) == CircuitBreakerCounts(requests: 1, failures: 1, consecutiveFailures: 1))
    }

    @Test func `evaluates the trip expression only after failures and slow calls`() {
        let evaluations = Counter()
        var breaker = CircuitBreaker(
            CircuitBreakerConfiguration(slowCall: .seconds(1)) { _ in
                evaluations.value += 1
                return false
            })
        _ = call(&breaker, .success, now: second)
        #expect(evaluations.value == 0)
        _ = call(&breaker, .failure, now: second)
        #expect(evaluations.value == 1)
        _ = call(&breaker, .success, duration: second, now: second)
        #expect(evaluations.value == 2)
        #expect(breaker.counts(now: second).slow == 1)
    }

    @Test func `lets maxRequests probes through and closes when they succeed`() {
        var breaker = tripped(at: 0)
        let now = 30 * second
        let probes = (0..<3).compactMap { _ in generation(breaker.admit(now: now)) }
        #expect(probes.count == 3)
        #expect(breaker.state == .halfOpen)
        #expect(generation(breaker.admit(now: now)) == nil)
        #expect(breaker.retryTime(now: now) != nil)
        #expect(breaker.record(.success, duration: 1, generation: probes[0], now: now) == nil)
        #expect(breaker.record(.success, duration: 1, generation: probes[1], now: now) == nil)
        let closed = breaker.record(.success, duration: 1, generation: probes[2], now: now)
        #expect(closed?.from == .halfOpen)
        #expect(closed?.to == .closed)
        #expect(breaker.counts(now: now) == CircuitBreakerCounts())
        #expect(generation(breaker.admit(now: now)) != nil)
    }

    @Test func `opens again on a failed probe, twice as long up to maxTimeout, and starts over once closed`() {
        let configuration = CircuitBreakerConfiguration(
            timeout: .seconds(30), maxTimeout: .seconds(100), maxRequests: 1)
        var breaker = tripped(configuration, at: 0)
        var now = 30 * second
        var waits: [UInt64] = []
        for _ in 0..<4 {
            let transition = call(&breaker, .failure, now: now)
            #expect(transition?.to == .open)
            waits.append((breaker.openUntil - now) / second)
            now = breaker.openUntil
        }
        #expect(waits == [60, 100, 100, 100])
        #expect(call(&breaker, .success, now: now)?.to == .closed)
        for _ in 0..<6 { _ = call(&breaker, .failure, now: now) }
        #expect(breaker.openUntil == now + 30 * second)
    }

    @Test func `ignores late results of calls from before the trip`() {
        var breaker = CircuitBreaker(CircuitBreakerConfiguration(maxRequests: 1))
        let early = (0..<4).compactMap { _ in generation(breaker.admit(now: 0)) }
        for _ in 0..<6 { _ = call(&breaker, .failure, now: 0) }
        #expect(breaker.record(.success, duration: 1, generation: early[0], now: second) == nil)
        #expect(breaker.state == .open)
        let probe = generation(breaker.admit(now: 30 * second))
        #expect(breaker.record(.success, duration: 1, generation: early[1], now: 30 * second) == nil)
        #expect(breaker.record(.failure, duration: 1, generation: early[2], now: 30 * second) == nil)
        breaker.giveBack(generation: early[3])
        #expect(breaker.state == .halfOpen)
        #expect(generation(breaker.admit(now: 30 * second)) == nil, "a stale return frees no probe")
        #expect(breaker.record(.success, duration: 1, generation: probe ?? 0, now: 30 * second)?.to == .closed)
        #expect(breaker.metrics.late == 3)
    }

    @Test func `takes unstarted probes back`() {
        var breaker = tripped(CircuitBreakerConfiguration(maxRequests: 1), at: 0)
        let now = 30 * second
        guard let probe = generation(breaker.admit(now: now)) else {
            Issue.record("no probe was admitted")
            return
        }
        #expect(breaker.admit(now: now) == .rejected(retryAt: 60 * second))
        breaker.giveBack(generation: probe)
        #expect(generation(breaker.admit(now: now)) == probe)
    }

    @Test func `slow probes open it again only when slowness had opened it`() {
        let configuration = CircuitBreakerConfiguration(slowCall: .seconds(1), maxRequests: 1)
        var breaker = CircuitBreaker(configuration)
        for _ in 0..<20 { _ = call(&breaker, .success, duration: 2 * second, now: 0) }
        #expect(breaker.state == .open)
        #expect(call(&breaker, .success, duration: 2 * second, now: 30 * second)?.to == .open)
        var failing = tripped(configuration, at: 0)
        #expect(call(&failing, .success, duration: 2 * second, now: 30 * second)?.to == .closed)
    }

    @Test func `names the key of every impossible value`() {
        let configuration = CircuitBreakerConfiguration(
            interval: .zero, slowCall: .seconds(-1), timeout: .zero, maxTimeout: .seconds(-1), maxRequests: 0)
        #expect(
            configuration.problems().map(\.key) == ["interval", "timeout", "slowCall", "maxTimeout", "maxRequests"])
        #expect(CircuitBreakerConfiguration().problems().isEmpty)
    }

    /// A window kept as a list of all results, against the machine's buckets and totals.
    @Test(arguments: UInt64(0)..<12)
    func `counts like a plain list of results`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var breaker = CircuitBreaker(CircuitBreakerConfiguration(interval: .seconds(10)) { _ in false })
        var model: [(bucket: UInt64, failed: Bool)] = []
        var now = second
        for step in 0..<3_000 {
            now += random.upTo(random.next() % 50 == 0 ? 15 * second : second / 5)
            let failed = random.next() % 3 == 0
            _ = call(&breaker, failed ? .failure : .success, now: now)
            model.append((now / second, failed))
            model.removeAll { $0.bucket + 10 <= now / second }
            let counts = breaker.counts(now: now)
            check(Int(counts.requests) == model.count, "seed \(seed), step \(step)")
            check(Int(counts.failures) == model.count { $0.failed }, "seed \(seed), step \(step)")
            if Int(counts.requests) != model.count { return }
        }
    }

    /// Random calls that end late and out of order; states, generations and probes follow the rules at every step.
    @Test(arguments: UInt64(0)..<12)
    func `keeps its promises under random calls`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let maxRequests = Int(random.upTo(3)) + 1
        var breaker = CircuitBreaker(
            CircuitBreakerConfiguration(maxRequests: maxRequests) { $0.consecutiveFailures > 2 })
        var flying: [UInt32] = []
        var now: UInt64 = 1
        for step in 0..<5_000 {
            now += random.upTo(2 * second)
            let before = breaker
            if flying.isEmpty || random.next() & 1 == 0 {
                switch breaker.admit(now: now) {
                case .allowed(let generation):
                    check(before.state != .open || now >= before.openUntil, "seed \(seed), step \(step)")
                    flying.append(generation)
                case .rejected(let retryAt):
                    check(before.state != .closed && retryAt > now, "seed \(seed), step \(step)")
                }
            } else {
                let generation = flying.remove(at: Int(random.upTo(UInt64(flying.count - 1))))
                if random.next() % 8 == 0 {
                    breaker.giveBack(generation: generation)
                    check(breaker.state == before.state, "seed \(seed), step \(step)")
                } else {
                    let result = random.next() % 3 == 0 ? CircuitBreakerResult.success : .failure
                    let transition = breaker.record(result, duration: 1, generation: generation, now: now)
                    check(
                        transition == nil || generation == before.generation,
                        "seed \(seed), step \(step): a late result changed the state")
                    check((transition?.to ?? before.state) == breaker.state, "seed \(seed), step \(step)")
                }
            }
            if breaker.state == .halfOpen {
                let probes = flying.count { $0 == breaker.generation }
                check(probes <= maxRequests, "seed \(seed), step \(step)")
            }
        }
        let metrics = breaker.metrics
        check(
            metrics.allowed == metrics.successes + metrics.failures + metrics.givenBack + UInt64(flying.count),
            "seed \(seed)")
    }
}

/// Only used on one thread.
private final class Counter: @unchecked Sendable {
    // Invariant: a test creates it and calls the breaker from the same thread.
    var value = 0
}

private func generation(_ admission: CircuitBreakerAdmission) -> UInt32? {
    if case .allowed(let generation) = admission { generation } else { nil }
}

/// One whole call, if the breaker admits it.
private func call(
    _ breaker: inout CircuitBreaker, _ result: CircuitBreakerResult, duration: UInt64 = 1_000, now: UInt64
) -> CircuitBreakerTransition? {
    guard let generation = generation(breaker.admit(now: now)) else { return nil }
    return breaker.record(result, duration: duration, generation: generation, now: now)
}
