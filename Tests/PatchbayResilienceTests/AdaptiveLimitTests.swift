import PatchbayResilience
import Testing

private let millisecond: UInt64 = 1_000_000

@Suite struct AdaptiveLimitTests {
    /// A server that works on `capacity` calls at a time, each `service` long; further calls queue inside it.
    private struct Server {
        var capacity: Int
        var service: UInt64
        var busyUntil: [UInt64]

        init(capacity: Int, service: UInt64) {
            self.capacity = capacity
            self.service = service
            busyUntil = Array(repeating: 0, count: capacity)
        }

        mutating func call(at now: UInt64, random: inout SeededRandom) -> UInt64 {
            let worker = busyUntil.indices.min { busyUntil[$0] < busyUntil[$1] } ?? 0
            let spread = service - service / 10 + random.upTo(service / 5)
            busyUntil[worker] = max(now, busyUntil[worker]) + spread
            return busyUntil[worker]
        }
    }

    /// Keeps as many calls in flight as the limit allows.
    private struct Load {
        var limit: AdaptiveLimit
        var server: Server
        var random: SeededRandom
        var flying: [(start: UInt64, end: UInt64)] = []
        var now: UInt64 = 1

        mutating func run(until end: UInt64, demand: Int = .max) {
            while now < end {
                while flying.count < min(demand, limit.limit) {
                    flying.append((now, server.call(at: now, random: &random)))
                }
                guard let next = flying.indices.min(by: { flying[$0].end < flying[$1].end }) else { return }
                let call = flying[next]
                now = call.end
                _ = limit.sample(nanoseconds: call.end - call.start, inFlight: flying.count, now: now)
                flying.remove(at: next)
            }
        }
    }

    @Test(arguments: [(8, UInt64(60), 8...45), (30, 60, 30...60), (60, 120, 60...110)])
    func `settles near the hidden capacity of a server`(capacity: Int, seconds: UInt64, near: ClosedRange<Int>) {
        var load = Load(
            limit: AdaptiveLimit(AdaptiveLimitPolicy()), server: Server(capacity: capacity, service: 400 * millisecond),
            random: SeededRandom(seed: 1))
        load.run(until: seconds * 1_000 * millisecond)
        #expect(near.contains(load.limit.limit))
    }

    @Test func `shrinks when calls slow down and recovers afterwards`() {
        var load = Load(
            limit: AdaptiveLimit(AdaptiveLimitPolicy()), server: Server(capacity: 50, service: 100 * millisecond),
            random: SeededRandom(seed: 4))
        load.run(until: 40_000 * millisecond)
        let before = load.limit.limit
        load.server = Server(capacity: 5, service: 200 * millisecond)
        load.run(until: 80_000 * millisecond)
        let during = load.limit.limit
        #expect(during * 2 < before)
        load.server = Server(capacity: 50, service: 100 * millisecond)
        load.run(until: 140_000 * millisecond)
        #expect(load.limit.limit > during * 2)
    }

    @Test(arguments: UInt64(0)..<10)
    func `stays within its bounds whatever the samples`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let policy = AdaptiveLimitPolicy(min: 3, initial: 5, max: 17, tolerance: 1)
        var limit = AdaptiveLimit(policy)
        var now: UInt64 = 1
        for _ in 0..<5_000 {
            now += random.upTo(400 * millisecond)
            let shift = random.upTo(63)
            _ = limit.sample(nanoseconds: random.next() >> shift, inFlight: Int(random.upTo(30)), now: now)
            check((3...17).contains(limit.limit), "seed \(seed)")
        }
    }

    @Test func `does not grow while the load leaves it unused`() {
        var load = Load(
            limit: AdaptiveLimit(AdaptiveLimitPolicy()), server: Server(capacity: 100, service: 100 * millisecond),
            random: SeededRandom(seed: 5))
        load.run(until: 20_000 * millisecond, demand: 4)
        #expect(load.limit.limit == 20)
    }

    @Test func `names the key of every impossible value`() {
        let policy = AdaptiveLimitPolicy(min: 0, initial: 300, max: -1, tolerance: 0.5)
        #expect(policy.problems().map(\.key) == ["min", "initial", "max", "tolerance"])
        #expect(AdaptiveLimitPolicy().problems().isEmpty)
    }
}
