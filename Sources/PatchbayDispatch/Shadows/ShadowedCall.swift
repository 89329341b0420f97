package import PatchbayEvents

/// What came of a delivery's first attempt, for handlers that are tried with the same event.
package struct ShadowedCall: Sendable {
    /// Structured JSON on one line, as the event came in.
    package var event: [UInt8]
    /// An outcome's name, or `timeout`.
    package var outcome: String
    package var details: ResultDetails?
    /// Of a call that is done; they hold no room.
    package var effects: CallEffects?
    /// How long the call took.
    package var nanoseconds: UInt64
    /// What the keys that it wrote held before.
    package var stateBefore: StateBefore

    package init(
        event: [UInt8], outcome: String, details: ResultDetails? = nil, effects: CallEffects? = nil,
        nanoseconds: UInt64, stateBefore: StateBefore
    ) {
        self.event = event
        self.outcome = outcome
        self.details = details
        self.effects = effects
        self.nanoseconds = nanoseconds
        self.stateBefore = stateBefore
    }

    /// What it takes until it was tried, roughly.
    package var byteCount: Int { event.count + (effects?.emits.reduce(0) { $0 + $1.heldByteCount } ?? 0) + 512 }
}

/// Who takes calls to try another handler with their events. Never blocks. [dispatcher]
package protocol ShadowSink: AnyObject, Sendable {
    /// Whether one more is taken, for which `add` is called then; counts it in either case.
    func takes() -> Bool
    func add(_ call: ShadowedCall)
}

/// A shadow of a route.
package struct RouteShadow: Sendable {
    /// Lanes of the handler that it is compared with.
    package var lanes: Set<Int>
    /// Of 10,000 ordering keys, or events without one.
    package var share: UInt32
    package var sink: any ShadowSink

    package init(lanes: Set<Int>, share: UInt32, sink: any ShadowSink) {
        self.lanes = lanes
        self.share = share
        self.sink = sink
    }

    func takes(lane: Int, key: UInt64) -> Bool {
        lanes.contains(lane) && KeyShare.takes(key, share: share, of: .shadows)
    }
}
