/// Trace and span ids as functions of what they name, so a replay draws the same ids and nothing is shared by threads.
///
/// Mixing is SplitMix64's finaliser, applied once per word. Ids are never 0. Allocates nothing.
///
/// - Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014
package struct IDGenerator: Hashable, Sendable {
    /// What a span id is for, apart from position, lane and attempt.
    package enum Role {
        package static let receive: UInt32 = 1
        package static let route: UInt32 = 2
        package static let process: UInt32 = 3
        /// Spans that handlers open themselves begin here; add their index.
        package static let handler: UInt32 = 16
    }

    package let seed: UInt64

    /// - Parameter seed: drawn at start by the host; fixed in tests and simulation.
    package init(seed: UInt64) { self.seed = seed }

    /// The id of the trace that begins with the event at `position`.
    package func traceID(position: UInt64) -> TraceID {
        let high = mix(seed ^ mix(position &+ golden))
        return TraceID(high: high | 1, low: mix(high &+ golden))
    }

    /// The id of a span of the event at `position`; `lane` and `attempt` are 0 where a role has none.
    package func spanID(position: UInt64, lane: UInt32 = 0, attempt: UInt32 = 0, role: UInt32) -> UInt64 {
        let place = mix(position &+ golden) ^ (UInt64(lane) << 32 | UInt64(attempt))
        let id = mix(mix(place &+ seed) &+ UInt64(role) &* golden)
        return id == 0 ? golden : id
    }
}

private let golden: UInt64 = 0x9e37_79b9_7f4a_7c15

private func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
}
