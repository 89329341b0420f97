/// One event that one handler is to get, as the router decided it at intake.
package struct RoutedDelivery: BitwiseCopyable, Sendable, Equatable {
    /// Index of the event in its batch.
    package var event: UInt32
    /// Index of the route whose policies apply.
    package var route: UInt16
    /// Index of the lane.
    package var lane: UInt16
    /// Hash of the ordering key; 0 is no key. A collision only serialises two keys that need not be.
    package var keyHash: UInt64
    /// Hash of the rate limit's key; 0 is no key.
    package var rateKeyHash: UInt64
    /// 0 to 9, 9 first.
    package var priority: UInt8

    @inlinable package init(
        event: UInt32, route: UInt16, lane: UInt16, keyHash: UInt64, rateKeyHash: UInt64 = 0, priority: UInt8
    ) {
        self.event = event
        self.route = route
        self.lane = lane
        self.keyHash = keyHash
        self.rateKeyHash = rateKeyHash
        self.priority = priority
    }
}

/// What an event is told apart by from earlier ones, for a route that takes each only once.
package struct DeduplicationMark: BitwiseCopyable, Sendable {
    /// Index of the event in its batch.
    package var event: UInt32
    /// Index of the route.
    package var route: UInt16
    /// 128 bits of the key's hash.
    package var high: UInt64
    package var low: UInt64

    @inlinable package init(event: UInt32, route: UInt16, high: UInt64, low: UInt64) {
        self.event = event
        self.route = route
        self.high = high
        self.low = low
    }
}

/// The deliveries of one batch to one lane: `deliveries[lower..<upper]`, in event order.
package struct LaneRun: BitwiseCopyable, Sendable {
    package var lane: UInt16
    package var lower: UInt32
    package var upper: UInt32

    @inlinable package init(lane: UInt16, lower: UInt32, upper: UInt32) {
        self.lane = lane
        self.lower = lower
        self.upper = upper
    }
}

/// Where an event stands in its trace, decided once at intake.
package struct EventTrace: BitwiseCopyable, Sendable {
    package var traceHigh: UInt64 = 0
    package var traceLow: UInt64 = 0
    /// The span that created the event elsewhere; 0 is none.
    package var creator: UInt64 = 0
    /// The host's receive span, parent of every attempt.
    package var receive: UInt64 = 0
    /// The event's position in the log, which stays with it where it is copied.
    package var position: UInt64 = 0
    package var sampled = false

    @inlinable package init() {}
}
