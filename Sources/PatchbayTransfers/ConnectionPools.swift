/// Who may use a connection to which service, and who waits for one. A value: time comes in, decisions come out.
///
/// A transfer is asked in by `acquire` and out by `release`. Nobody overtakes: who waits is served in the order of
/// asking.
package struct ConnectionPools: Sendable {
    /// Of the pool that each service has to itself.
    package struct Settings: Sendable, Equatable {
        /// Connections that are kept open once the service has been used.
        package var min = 0
        /// Transfers at once.
        package var max = 20
        /// How long a transfer waits for its turn, in nanoseconds.
        package var acquireTimeout: UInt64 = 5_000_000_000
        /// How long a connection may lie idle and be used again, in nanoseconds.
        package var idleTimeout: UInt64 = 60_000_000_000

        package init() {}
    }

    private struct Waiter {
        let id: UInt64
        let until: UInt64
    }

    private struct Pool {
        var settings: Settings
        var inUse = 0
        var waiting: [Waiter] = []
        /// Nobody's wait ends before.
        var earliest = UInt64.max
        /// When the connections that `min` asks for are seen to next.
        var warmAt: UInt64
        var lastAsked: UInt64

        var isEmpty: Bool { inUse == 0 && waiting.isEmpty }
    }

    private var pools: [ServiceAddress: Pool] = [:]

    package init() {}

    /// Transfers under way.
    package func inUse(_ service: ServiceAddress) -> Int { pools[service]?.inUse ?? 0 }
    /// Transfers that wait.
    package func waiting(_ service: ServiceAddress) -> Int { pools[service]?.waiting.count ?? 0 }

    /// Whether the transfer `id` may begin now. Otherwise it waits until `release` names it, or `expire` does at
    /// `deadline` or after its `acquireTimeout`, whichever comes first. Times in nanoseconds of one clock.
    package mutating func acquire(
        _ id: UInt64, _ service: ServiceAddress, _ settings: Settings, now: UInt64, deadline: UInt64
    ) -> Bool {
        var pool = pools[service] ?? Pool(settings: settings, warmAt: now, lastAsked: now)
        defer { pools[service] = pool }
        pool.lastAsked = now
        if pool.inUse < settings.max, pool.waiting.isEmpty {
            pool.inUse += 1
            return true
        }
        let patience = now.addingReportingOverflow(settings.acquireTimeout)
        let until = min(deadline, patience.overflow ? .max : patience.partialValue)
        pool.waiting.append(Waiter(id: id, until: until))
        pool.earliest = min(pool.earliest, until)
        return false
    }

    /// Ends a transfer that was under way; the id of the one that may begin in its place.
    package mutating func release(_ service: ServiceAddress) -> UInt64? {
        guard var pool = pools[service], pool.inUse > 0 else { return nil }
        defer { pools[service] = pool.isEmpty && pool.settings.min == 0 ? nil : pool }
        guard !pool.waiting.isEmpty else {
            pool.inUse -= 1
            return nil
        }
        return pool.waiting.removeFirst().id
    }

    /// Takes out those that have waited long enough, earliest first.
    package mutating func expire(now: UInt64) -> [UInt64] {
        var expired: [Waiter] = []
        for (service, var pool) in pools where pool.earliest <= now {
            expired += pool.waiting.filter { $0.until <= now }
            pool.waiting.removeAll { $0.until <= now }
            pool.earliest = pool.waiting.lazy.map(\.until).min() ?? .max
            pools[service] = pool
        }
        return expired.sorted { ($0.until, $0.id) < ($1.until, $1.id) }.map(\.id)
    }

    /// The services some of whose connections `min` wants to be opened, or used before they are too old, and how many;
    /// each counts as under way until it is released. One place is left to others. A service that nobody has asked for
    /// during ten times `idleTimeout` is forgotten.
    package mutating func probes(now: UInt64) -> [(service: ServiceAddress, count: Int)] {
        var probes: [(service: ServiceAddress, count: Int)] = []
        for (service, var pool) in pools where pool.settings.min > 0 && pool.warmAt <= now {
            let (end, overflow) = pool.lastAsked.addingReportingOverflow(
                pool.settings.idleTimeout.multipliedReportingOverflow(by: 10).partialValue)
            if pool.isEmpty, !overflow, end <= now {
                pools[service] = nil
                continue
            }
            let wanted = min(pool.settings.min, pool.settings.max - 1)
            let count = pool.waiting.isEmpty ? max(0, wanted - pool.inUse) : 0
            pool.inUse += count
            pool.warmAt = now + max(1_000_000_000, pool.settings.idleTimeout / 2)
            pools[service] = pool
            if count > 0 { probes.append((service, count)) }
        }
        return probes.sorted { $0.service.description < $1.service.description }
    }

    /// When `expire` or `probes` have something to do next; `nil`: not before somebody asks.
    package var nextDeadline: UInt64? {
        let next = pools.values.lazy.map { pool in
            pool.settings.min > 0 ? Swift.min(pool.earliest, pool.warmAt) : pool.earliest
        }.min()
        return next == .max ? nil : next
    }
}
