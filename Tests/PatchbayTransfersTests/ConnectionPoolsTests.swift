import PatchbayEvents
import Testing

@testable import PatchbayTransfers

@Suite struct ConnectionPoolsTests {
    private let bank: ServiceAddress
    private let shop: ServiceAddress

    init() throws {
        bank = try ServiceAddress(url: "https://bank.example/pay", schemes: ["https"])
        shop = try ServiceAddress(url: "https://shop.example/", schemes: ["https"])
    }

    private func settings(max: Int, min: Int = 0, acquire: UInt64 = 100, idle: UInt64 = 0) -> ConnectionPools.Settings {
        var settings = ConnectionPools.Settings()
        (settings.min, settings.max) = (min, max)
        (settings.acquireTimeout, settings.idleTimeout) = (acquire, idle)
        return settings
    }

    @Test func `lets as many begin as the pool has connections, and the next in the order of asking`() {
        var pools = ConnectionPools()
        let settings = settings(max: 2)
        let begun = (1...5).map { pools.acquire($0, bank, settings, now: 0, deadline: .max) }
        #expect(begun == [true, true, false, false, false])
        #expect(pools.inUse(bank) == 2)
        #expect(pools.waiting(bank) == 3)
        let next = [pools.release(bank), pools.release(bank), pools.release(bank)]
        #expect(next == [3, 4, 5])
        #expect(pools.inUse(bank) == 2)
        let last = [pools.release(bank), pools.release(bank)]
        #expect(last == [nil, nil])
        #expect(pools.inUse(bank) == 0)
    }

    @Test func `keeps services apart`() {
        var pools = ConnectionPools()
        let settings = settings(max: 1)
        let first = pools.acquire(1, bank, settings, now: 0, deadline: .max)
        let second = pools.acquire(2, shop, settings, now: 0, deadline: .max)
        #expect(first && second)
    }

    @Test func `gives up on who waits too long, by the pool's patience or its own deadline`() {
        var pools = ConnectionPools()
        let settings = settings(max: 1, acquire: 100)
        _ = pools.acquire(1, bank, settings, now: 0, deadline: .max)
        _ = pools.acquire(2, bank, settings, now: 0, deadline: .max)
        _ = pools.acquire(3, bank, settings, now: 0, deadline: 50)
        #expect(pools.nextDeadline == 50)
        let early = pools.expire(now: 49)
        #expect(early == [])
        let at50 = pools.expire(now: 50)
        #expect(at50 == [3])
        #expect(pools.nextDeadline == 100)
        let at100 = pools.expire(now: 100)
        #expect(at100 == [2])
        #expect(pools.nextDeadline == nil)
        let next = pools.release(bank)
        #expect(next == nil)
    }

    @Test func `sees to the connections that are to be open, when nobody else uses them`() {
        var pools = ConnectionPools()
        let settings = settings(max: 5, min: 3, idle: 10_000_000_000)
        _ = pools.acquire(1, bank, settings, now: 0, deadline: .max)
        let first = pools.probes(now: 0).map { "\($0.service.host) \($0.count)" }
        #expect(first == ["bank.example 2"])
        #expect(pools.inUse(bank) == 3)
        for _ in 0..<3 { _ = pools.release(bank) }
        #expect(pools.nextDeadline == 5_000_000_000)
        let early = pools.probes(now: 4_999_999_999)
        #expect(early.isEmpty)
        let later = pools.probes(now: 5_000_000_000).map(\.count)
        #expect(later == [3])
    }

    @Test func `leaves a place to others, and forgets a service that nobody asks for`() {
        var pools = ConnectionPools()
        let settings = settings(max: 2, min: 2, idle: 2_000_000_000)
        _ = pools.acquire(1, bank, settings, now: 0, deadline: .max)
        _ = pools.release(bank)
        let first = pools.probes(now: 0).map(\.count)
        #expect(first == [1])
        let other = pools.acquire(2, bank, settings, now: 0, deadline: .max)
        #expect(other)
        for _ in 0..<2 { _ = pools.release(bank) }
        let later = pools.probes(now: 20_000_000_000).map(\.count)
        #expect(later == [])
        #expect(pools.nextDeadline == nil)
    }

    /// A model of one pool: whoever holds, whoever waits in order.
    @Test func `never lets more begin than there are connections, and forgets nobody`() {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = Xorshift(seed)
            var pools = ConnectionPools()
            let most = Int(random.next() % 4) + 1
            let settings = settings(max: most, acquire: 20)
            var holding: Set<UInt64> = []
            var waiting: [(id: UInt64, until: UInt64)] = []
            var now: UInt64 = 0
            for id in 1...200 as ClosedRange<UInt64> {
                now += random.next() % 4
                let expired = pools.expire(now: now)
                #expect(Set(expired) == Set(waiting.filter { $0.until <= now }.map(\.id)))
                waiting.removeAll { $0.until <= now }
                if random.next() % 3 > 0 {
                    let deadline = now + random.next() % 40
                    if pools.acquire(id, bank, settings, now: now, deadline: deadline) {
                        #expect(waiting.isEmpty)
                        holding.insert(id)
                    } else {
                        waiting.append((id, min(deadline, now + 20)))
                    }
                } else if let done = holding.min() {
                    holding.remove(done)
                    let next = pools.release(bank)
                    #expect(next == waiting.first?.id)
                    if let next {
                        holding.insert(next)
                        waiting.removeFirst()
                    }
                }
                #expect(holding.count <= most)
                #expect(pools.inUse(bank) == holding.count)
                #expect(pools.waiting(bank) == waiting.count)
            }
        }
    }
}

private struct Xorshift {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state >> 11
    }
}
