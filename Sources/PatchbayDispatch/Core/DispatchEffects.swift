package import PatchbayEvents
package import PatchbayResilience

/// What the dispatch core wants done. The shell performs it and empties the lists; capacity is kept.
package struct DispatchEffects {
    /// Calls to hand to workers: `call` is armed by the shell; more than one event is a batch, chained by
    /// `DispatchCore.nextInBatch`.
    package struct Start: BitwiseCopyable {
        package var call: UInt32
        package var lane: UInt16
        package var count: UInt16
    }

    /// A delivery that is given up; the core waits for `buried`.
    package struct Death {
        package var delivery: UInt32
        package var failureClass: String
        package var reason: String
        package var code: Int32
        /// What the last attempt's handler said for whoever inspects the letter, JSON; empty when it said nothing.
        package var detail: [UInt8]
        package var history: AttemptHistory?
        /// Of the code that ran last, which the shell knows; `nil` is the lane's.
        package var handlerVersion: String?
    }

    /// A charged attempt that failed, to be recorded; times are monotonic nanoseconds. With `DispatchCore.isRecording`.
    package struct Failure {
        package var delivery: UInt32
        package var attempt: AttemptHistory.Attempt
        package var verdict: Settlement.Verdict
        /// When it may be tried again; with `retries`.
        package var due: UInt64
        /// When its first attempt started, without waits that the host caused.
        package var firstStart: UInt64
        package var previousDelay: UInt64
    }

    /// Something an operator should hear of.
    package enum Notice {
        case breaker(name: String, CircuitBreakerTransition)
        /// An open breaker lets probes through.
        case breakerProbes(name: String)
        /// Nothing more of this lane starts until the process starts again.
        case laneHalted(lane: Int, reason: String)
        case laneQuarantined(lane: Int, owed: Int)
        /// A call was closed by the host after its deadline and grace.
        case callClosed(lane: Int)
        /// A handler that promised to return promptly did not: it gets threads of its own.
        case notPrompt(lane: Int, nanoseconds: UInt64)
        /// The system has no thread left for a pool.
        case noThread(String)
        /// Deliveries are unaccounted for.
        case drift(String)
    }

    package var starts: ContiguousArray<Start> = []
    /// Calls to ask for an end.
    package var cancels: ContiguousArray<UInt32> = []
    /// Calls whose grace is over; the shell answers with `closed` or, when the completion was faster, nothing.
    package var closes: ContiguousArray<UInt32> = []
    package var deaths: ContiguousArray<Death> = []
    package var failures: ContiguousArray<Failure> = []
    /// Batches that nothing needs any more.
    package var released: ContiguousArray<EventBatch> = []
    /// Breakers whose generation changed: calls admitted before must not start.
    package var generations: ContiguousArray<(breaker: Int, generation: UInt32)> = []
    /// Permits that waits keep, or (negative) have given back: workers count them as open calls.
    package var holds: ContiguousArray<(lane: Int, change: Int)> = []
    package var notices: ContiguousArray<Notice> = []
    /// Key hashes of deliveries by `DispatchCore.subscriptionRoute` that have ended, one for each.
    package var subscribed: ContiguousArray<UInt64> = []

    package init() {}

    /// Empties the lists, keeping their room.
    package mutating func clear() {
        starts.removeAll(keepingCapacity: true)
        if !cancels.isEmpty { cancels.removeAll(keepingCapacity: true) }
        if !closes.isEmpty { closes.removeAll(keepingCapacity: true) }
        if !deaths.isEmpty { deaths.removeAll(keepingCapacity: true) }
        if !failures.isEmpty { failures.removeAll(keepingCapacity: true) }
        if !released.isEmpty { released.removeAll(keepingCapacity: true) }
        if !generations.isEmpty { generations.removeAll(keepingCapacity: true) }
        if !holds.isEmpty { holds.removeAll(keepingCapacity: true) }
        if !notices.isEmpty { notices.removeAll(keepingCapacity: true) }
        if !subscribed.isEmpty { subscribed.removeAll(keepingCapacity: true) }
    }
}

/// What the core decided about one settled call, for its span and its log line.
package struct Settlement {
    package enum Verdict { case finished, retries, dies, goesBack, halts }

    package var verdict: Verdict
    /// Nanoseconds until the next attempt; only with `retries`.
    package var retryDelay: UInt64 = 0
    /// The attempt's number; 1 is the first.
    package var attempt = 0
    package var breakerState = CircuitBreakerState.closed
}

/// Running totals of deliveries: created = done + skipped + dead + pending, always.
package struct DispatchCounts: Sendable, Equatable {
    package var created: UInt64 = 0
    package var done: UInt64 = 0
    package var skipped: UInt64 = 0
    package var dead: UInt64 = 0
    /// Failed attempts that will be repeated.
    package var retries: UInt64 = 0
    /// Attempts that ended, whatever the outcome; uncharged ones are not among them.
    package var attempts: UInt64 = 0
    package var timeouts: UInt64 = 0
    package var busy: UInt64 = 0

    /// Created and not settled. What is counted twice shows as drift (`DispatchCore.drift`), not as a trap.
    package var pending: UInt64 { created &- done &- skipped &- dead }

    package init() {}
}
