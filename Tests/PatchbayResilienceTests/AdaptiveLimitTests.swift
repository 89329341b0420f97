import PatchbayResilience
import Testing

private let millisecond: UInt64 = 1_000_000
private let second = 1_000 * millisecond

/// The adaptive limit in a closed loop with a handler whose capacity it does not know.
@Suite struct AdaptiveLimitTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var capacity: Int
        var noise: HiddenCapacity.Noise
        var seed: UInt64
        var testDescription: String { "capacity \(capacity), \(noise) times, seed \(seed)" }

        static let all = [1, 2, 3, 5, 8, 13, 21, 40, 80, 150].flatMap { capacity in
            HiddenCapacity.Noise.allCases.flatMap { noise in
                (1...(noise == .exponential ? 3 : 1)).map { Case(capacity: capacity, noise: noise, seed: $0) }
            }
        }
    }

    /// Slower handlers for larger capacities, so that each case takes about as many calls.
    private func loop(_ capacity: Int, _ noise: HiddenCapacity.Noise = .even, seed: UInt64 = 1) -> ClosedLoop {
        let service = capacity < 10 ? 50 * millisecond : capacity < 50 ? 200 * millisecond : 500 * millisecond
        return ClosedLoop(HiddenCapacity(capacity, service: service, noise: noise), seed: seed)
    }

    /// Within the hundred seconds that the limit has to be found in: nine tenths of the best throughput, and calls that
    /// take at most five times as long as with an idle handler, or three times with a capacity of eight or more.
    @Test(arguments: Case.all) func `finds the capacity of a handler`(of test: Case) {
        var loop = loop(test.capacity, test.noise, seed: test.seed)
        loop.run(for: 100 * second)
        loop.measure()
        loop.run(for: 60 * second)
        #expect(loop.throughput >= 0.9)
        let share = test.noise == .outliers ? 0.95 : 0.99
        #expect(loop.slowdown(at: share) <= (test.capacity < 8 ? 5 : 3))
        #expect(loop.limits.allSatisfy { (1...(5 * test.capacity / 2 + 20)).contains($0) }, "\(loop.limits)")
    }

    @Test(arguments: [1, 5, 30]) func `stays where it is with a handler that is saturated for hours`(capacity: Int) {
        var loop = ClosedLoop(HiddenCapacity(capacity, service: second), seed: 3)
        loop.run(for: 300 * second)
        loop.measure()
        loop.run(for: 7_200 * second)
        #expect(loop.throughput >= 0.9)
        #expect(loop.limits.max() ?? 0 <= 2 * capacity + 10, "\(loop.limits.max() ?? 0)")
    }

    @Test(arguments: UInt64(1)...5) func `follows a capacity that goes down and comes back`(seed: UInt64) {
        var loop = ClosedLoop(HiddenCapacity(60, service: 200 * millisecond), seed: seed)
        loop.run(for: 60 * second)
        loop.handler.resize(to: 6)
        loop.run(for: 60 * second)
        loop.measure()
        loop.run(for: 30 * second)
        #expect(loop.throughput >= 0.9 && loop.slowdown(at: 0.99) <= 5, "\(loop.slowdown(at: 0.99))")
        loop.handler.resize(to: 60)
        loop.run(for: 60 * second)
        loop.measure()
        loop.run(for: 60 * second)
        #expect(loop.throughput >= 0.9 && loop.slowdown(at: 0.99) <= 3, "\(loop.slowdown(at: 0.99))")
    }

    @Test func `learns that a handler has become slower, and faster, for all calls`() {
        var loop = ClosedLoop(HiddenCapacity(40, service: 100 * millisecond), seed: 6)
        loop.run(for: 60 * second)
        for service in [400 * millisecond, 50 * millisecond] {
            loop.handler.service = service
            loop.run(for: 120 * second)
            loop.measure()
            loop.run(for: 60 * second)
            #expect(loop.throughput >= 0.9 && loop.slowdown(at: 0.99) <= 3, "\(service)")
        }
    }

    @Test func `calls that run into their timeout make it smaller, so that few do`() {
        var loop = ClosedLoop(
            HiddenCapacity(10, service: 200 * millisecond), AdaptiveLimitPolicy(initial: 200, max: 500), seed: 7)
        loop.timeout = 600 * millisecond
        loop.run(for: 60 * second)
        loop.measure()
        loop.run(for: 120 * second)
        #expect(loop.throughput >= 0.9)
        #expect(Double(loop.counts[.late] ?? 0) < 0.05 * Double(loop.counts[.done] ?? 0), "\(loop.counts)")
    }

    @Test(arguments: [1.0, 0.5]) func `comes back after calls hung, or failed, for minutes`(share: Double) {
        for isHanging in [true, false] {
            var loop = ClosedLoop(HiddenCapacity(40, service: 200 * millisecond), seed: 8)
            loop.timeout = 2 * second
            loop.run(for: 60 * second)
            if isHanging { loop.handler.hanging = share } else { loop.handler.failing = share }
            loop.run(for: 120 * second)
            (loop.handler.hanging, loop.handler.failing) = (0, 0)
            loop.run(for: 60 * second)
            loop.measure()
            loop.run(for: 60 * second)
            #expect(loop.throughput >= 0.9 && loop.slowdown(at: 0.99) <= 3, "hanging: \(isHanging)")
        }
    }

    @Test func `a few calls that hang do not starve the others`() {
        var loop = ClosedLoop(HiddenCapacity(20, service: 100 * millisecond), seed: 9)
        loop.timeout = 30 * second
        loop.handler.hanging = 0.002
        loop.run(for: 120 * second)
        loop.measure()
        loop.run(for: 300 * second)
        #expect(loop.throughput >= 0.8, "\(loop.throughput), \(loop.limits)")
    }

    @Test func `an hour of silence changes nothing`() {
        var loop = ClosedLoop(HiddenCapacity(30, service: 200 * millisecond), seed: 10)
        loop.run(for: 60 * second)
        let before = loop.limit.limit
        loop.rest(for: 3_600 * second)
        #expect(loop.limit.limit == before)
        loop.measure()
        loop.run(for: 60 * second)
        #expect(loop.throughput >= 0.9 && loop.slowdown(at: 0.99) <= 3)
    }

    @Test(arguments: [1, 4, 15]) func `does not grow while the load leaves it unused`(demand: Int) {
        var loop = ClosedLoop(HiddenCapacity(100, service: 20 * millisecond), AdaptiveLimitPolicy(), seed: 5)
        loop.run(for: 120 * second, demand: demand)
        #expect(loop.limits.max() ?? 0 <= 20)
    }

    @Test func `begins with a few calls, and goes on with the initial limit`() {
        var limit = AdaptiveLimit(AdaptiveLimitPolicy(initial: 20))
        #expect(limit.limit == 5)
        var now = second
        for _ in 0..<31 {
            now += 10 * millisecond
            _ = limit.sample(nanoseconds: 50 * millisecond, inFlight: 5, now: now)
        }
        #expect(limit.limit == 20)
    }

    @Test func `never goes below its bounds nor above, whatever the samples`() {
        for seed in UInt64(0)..<10 {
            var random = SeededRandom(seed: seed)
            let policy = AdaptiveLimitPolicy(min: 3, initial: 5, max: 17, tolerance: 1)
            var limit = AdaptiveLimit(policy)
            var now: UInt64 = 1
            for _ in 0..<5_000 {
                now += random.upTo(400 * millisecond)
                let shift = random.upTo(63)
                let end: AdaptiveLimit.End = [.done, .done, .late, .failed][Int(random.upTo(3))]
                _ = limit.sample(nanoseconds: random.next() >> shift, end, inFlight: Int(random.upTo(30)), now: now)
                check((3...17).contains(limit.limit), "seed \(seed)")
            }
        }
    }

    @Test func `names the key of every impossible value`() {
        let policy = AdaptiveLimitPolicy(min: 0, initial: 300, max: -1, tolerance: 0.5)
        #expect(policy.problems().map(\.key) == ["min", "initial", "max", "tolerance"])
        #expect(AdaptiveLimitPolicy().problems().isEmpty)
    }
}
