/// How many calls may run and wait: `policies.bulkheads` of the configuration.
package struct BulkheadPolicy: Sendable, Hashable {
    /// Calls in flight; `auto` is resolved with `automatic(cores:)`.
    package var maxInFlight: Int
    /// Deliveries that a lane loads from the log at most.
    package var maxQueue: Int
    /// Calls in flight of one key; 0 is no limit.
    package var perKey: Int

    package init(maxInFlight: Int, maxQueue: Int = 512, perKey: Int = 0) {
        self.maxInFlight = maxInFlight
        self.maxQueue = maxQueue
        self.perKey = perKey
    }

    /// What `maxInFlight: auto` means: twice the cores, at least 4.
    package static func automatic(cores: Int) -> Int { max(4, cores * 2) }

    /// Everything that cannot be meant; empty when the policy is usable.
    package func problems() -> [PolicyProblem] {
        var found: [PolicyProblem] = []
        for (key, value) in [("maxInFlight", maxInFlight), ("maxQueue", maxQueue)] where value < 1 {
            found.append(PolicyProblem(key: key, message: "would let nothing through", accepted: "1 or more"))
        }
        if perKey < 0 {
            found.append(
                PolicyProblem(key: "perKey", message: "cannot be negative", accepted: "0 (no limit) or more"))
        }
        return found
    }
}

/// Whether a call may start.
package enum BulkheadVerdict: Sendable, Hashable {
    case acquired
    /// Every permit is taken; wait for any `release`.
    case full
    /// This key has its share; wait for a `release` of it.
    case keyFull
}

/// Permits for calls in flight, and their count by key.
///
/// A pure value for one thread. Keys in flight are at most the permits, so in the steady state nothing is allocated.
package struct Bulkhead: Sendable {
    /// Permits. May fall below `inFlight`: then nothing starts until enough has been released.
    package var limit: Int
    package let perKey: Int
    package internal(set) var inFlight = 0
    /// Times a call had to wait, since the start.
    package internal(set) var refused: UInt64 = 0
    package var keys: KeyCounts

    package init(_ policy: BulkheadPolicy) {
        limit = policy.maxInFlight
        perKey = policy.perKey
        keys = KeyCounts(capacity: policy.perKey > 0 ? min(policy.maxInFlight, 4096) : 0)
    }

    /// Takes a permit; `release` with the same key follows exactly once after `.acquired`.
    ///
    /// - Parameter key: a 64-bit hash of the key; 0 is no key, which `perKey` does not limit.
    @inlinable package mutating func acquire(key: UInt64 = 0) -> BulkheadVerdict {
        if inFlight >= limit {
            refused &+= 1
            return .full
        }
        if perKey > 0, key != 0, !keys.increment(key, below: perKey) {
            refused &+= 1
            return .keyFull
        }
        inFlight += 1
        return .acquired
    }

    /// Gives a permit back.
    @inlinable package mutating func release(key: UInt64 = 0) {
        precondition(inFlight > 0, "a permit was released that nobody held")
        inFlight -= 1
        if perKey > 0, key != 0 { keys.decrement(key) }
    }

    /// Calls of `key` in flight; 0 when keys are not limited.
    package func inFlight(key: UInt64) -> Int { keys.count(of: key) }
}
