/// One rate limit per key, for at most `keysMax` keys that are busy at a time.
///
/// A key whose schedule has caught up with the clock is as good as new, so its place is reused; memory follows the
/// busy keys, not all keys ever seen. When `keysMax` keys are busy at once, further keys share one limiter: they are
/// held back more than they should be, never less. A pure value for one thread; allocates only while it grows.
package struct KeyedRateLimiter: Sendable {
    private struct Entry: Sendable {
        /// 0 is an empty place.
        var key: UInt64
        var limiter: RateLimiter
    }

    private static let keysFirst = 64

    package let keysMax: Int
    private let fresh: RateLimiter
    private var entries: [Entry]
    private var used = 0
    private var shared: RateLimiter
    /// Before this time a full table is not searched for idle keys again, so that a flood of keys stays O(1) each.
    private var nextSweep: UInt64 = 0
    private let interval: UInt64

    /// - Parameter keysMax: at least 64; rounded up to a power of two.
    package init(_ policy: RateLimitPolicy, keysMax: Int = 65_536) {
        var bound = KeyedRateLimiter.keysFirst
        while bound < keysMax, bound < 1 << 30 { bound <<= 1 }
        self.keysMax = bound
        fresh = RateLimiter(policy)
        shared = fresh
        entries = Array(repeating: Entry(key: 0, limiter: fresh), count: KeyedRateLimiter.keysFirst * 2)
        interval = unsigned(policy.interval)
    }

    /// Keys that have a place of their own.
    package var keys: Int { used }

    /// Takes one call of `key`, a good 64-bit hash (0 counts as 1).
    ///
    /// - Returns: nil when it may start, otherwise the time (monotonic nanoseconds, later than `now`) to ask again.
    package mutating func acquire(key: UInt64, now: UInt64) -> UInt64? {
        let key = key == 0 ? 1 : key
        var place = find(key)
        if entries[place].key == 0 {
            guard makeRoom(now: now) else { return shared.acquire(now: now) }
            place = find(key)
            entries[place] = Entry(key: key, limiter: fresh)
            used += 1
        }
        return entries[place].limiter.acquire(now: now)
    }

    /// Returns one call of `key` that `acquire` let through and that did not start.
    package mutating func giveBack(key: UInt64) {
        let key = key == 0 ? 1 : key
        let place = find(key)
        if entries[place].key == key { entries[place].limiter.giveBack() } else { shared.giveBack() }
    }

    /// The place of `key`, or the empty one where it would go. The table is at most half full.
    private func find(_ key: UInt64) -> Int {
        let mask = entries.count - 1
        var place = Int(truncatingIfNeeded: key ^ (key >> 32)) & mask
        while entries[place].key != key, entries[place].key != 0 { place = (place + 1) & mask }
        return place
    }

    /// Makes sure that one more key fits: forgets idle keys, then grows; false when `keysMax` keys are busy.
    private mutating func makeRoom(now: UInt64) -> Bool {
        if (used + 1) * 2 <= entries.count { return true }
        guard now >= nextSweep || entries.count < keysMax * 2 else { return false }
        let busy = entries.filter { $0.key != 0 && $0.limiter.due > now }
        nextSweep = now.advanced(byNanoseconds: interval)
        let grows = busy.count * 2 > entries.count / 2 && entries.count < keysMax * 2
        let size = grows ? entries.count * 2 : entries.count
        entries = Array(repeating: Entry(key: 0, limiter: fresh), count: size)
        used = busy.count
        for entry in busy { entries[find(entry.key)] = entry }
        return (used + 1) * 2 <= entries.count
    }
}
