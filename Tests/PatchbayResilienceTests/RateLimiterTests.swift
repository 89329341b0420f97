import PatchbayResilience
import Testing

private let second: UInt64 = 1_000_000_000

@Suite struct RateLimiterTests {
    @Test func `lets a burst of count through, then one per share of the interval`() {
        var limiter = RateLimiter(RateLimitPolicy(count: 4, interval: .seconds(1)))
        let start = 100 * second
        for _ in 0..<4 { #expect(limiter.acquire(now: start) == nil) }
        #expect(limiter.acquire(now: start) == start + second / 4)
        #expect(limiter.acquire(now: start + second / 4 - 1) == start + second / 4)
        #expect(limiter.acquire(now: start + second / 4) == nil)
        #expect(limiter.acquire(now: start + second / 4) == start + second / 2)
        limiter.giveBack()
        #expect(limiter.acquire(now: start + second / 4) == nil)
    }

    @Test func `without a count limits nothing`() {
        var limiter = RateLimiter(RateLimitPolicy(count: 0))
        for _ in 0..<1_000 { #expect(limiter.acquire(now: 0) == nil) }
    }

    @Test(arguments: UInt64(0)..<10)
    func `never exceeds its rate and always keeps its word`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = Int(random.upTo(50)) + 1
        let interval = random.upTo(10 * second) + 1_000
        var limiter = RateLimiter(RateLimitPolicy(count: count, interval: .nanoseconds(Int64(interval))))
        var now: UInt64 = second
        var started: [UInt64] = []
        for _ in 0..<3_000 {
            now += random.upTo(interval / UInt64(count))
            guard let retryAt = limiter.acquire(now: now) else {
                started.append(now)
                continue
            }
            check(retryAt > now, "seed \(seed)")
            var copy = limiter
            check(copy.acquire(now: retryAt) == nil, "seed \(seed)")
            copy = limiter
            check(copy.acquire(now: retryAt - 1) != nil, "seed \(seed)")
        }
        // Of count + k calls the last comes at least k spacings after the first.
        let spacing = Double(interval) / Double(count)
        for first in stride(from: 0, to: started.count, by: 7) {
            for last in stride(from: first + count, to: started.count, by: 11) {
                let calls = last - first + 1
                check(
                    Double(started[last] - started[first]) >= Double(calls - count) * spacing - 1, "seed \(seed)")
            }
        }
    }

    @Test(arguments: UInt64(0)..<6)
    func `keeps one limit per key`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let policy = RateLimitPolicy(count: 2, interval: .seconds(1))
        var keyed = KeyedRateLimiter(policy, keysMax: 4_096)
        var model: [UInt64: RateLimiter] = [:]
        var now: UInt64 = second
        for _ in 0..<20_000 {
            now += random.upTo(second / 500)
            let key = random.upTo(2_000) + 1
            var limiter = model[key] ?? RateLimiter(policy)
            let expected = limiter.acquire(now: now)
            model[key] = limiter
            check(keyed.acquire(key: key << 20, now: now) == expected, "seed \(seed)")
        }
        #expect(keyed.keys <= 4_096)
    }

    @Test func `stays bounded when more keys are busy than it may hold, and limits the rest together`() {
        var keyed = KeyedRateLimiter(RateLimitPolicy(count: 1, interval: .seconds(10)), keysMax: 64)
        let passed = (1...1_000).filter { keyed.acquire(key: UInt64($0), now: second) == nil }.count
        #expect(keyed.keys == 64)
        #expect(passed == 65)
        #expect(keyed.acquire(key: 2_000, now: 20 * second) == nil)
        #expect(keyed.keys <= 64)
    }

    @Test func `gives a call of a key back`() {
        var keyed = KeyedRateLimiter(RateLimitPolicy(count: 1, interval: .seconds(10)))
        #expect(keyed.acquire(key: 5, now: second) == nil)
        keyed.giveBack(key: 5)
        #expect(keyed.acquire(key: 5, now: second) == nil)
        #expect(keyed.acquire(key: 5, now: second) == 11 * second)
    }

    @Test func `names the key of every impossible value`() {
        #expect(RateLimitPolicy(count: -1, interval: .zero).problems().map(\.key) == ["count", "interval"])
        #expect(RateLimitPolicy(count: 20, interval: .nanoseconds(10)).problems().map(\.key) == ["count"])
        #expect(RateLimitPolicy().problems().isEmpty)
    }
}
