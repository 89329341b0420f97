import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents

/// What happened in a test. Times are nanoseconds since its beginning.
struct Journal: Sendable {
    /// An event that came in, or that a handler emitted.
    struct Arrival: Sendable {
        var id: String
        var type: String
        /// Structured JSON.
        var json: [UInt8]
        var at: UInt64
        /// The delivery whose handler emitted it; `nil` came in from outside.
        var cause: Int?
        /// Why it was refused; `nil` was accepted.
        var refusal: String?
        /// Every route that takes it had had it before.
        var isDuplicate = false
        /// In the order of its routes and their targets.
        var deliveries: [Int] = []
        /// What was written down of an event that no route takes, or that was emitted too deep.
        var deadLetter: Event?

        var isUnmatched: Bool { refusal == nil && !isDuplicate && deliveries.isEmpty }
    }

    /// One event for one handler.
    struct Delivery: Sendable {
        var event: Int
        var route: Int
        var lane: Int
        /// Hash of its ordering key; 0 is none.
        var key: UInt64
        var outcome = Configuration.Test.Outcome.pending
        var endedAt: UInt64 = 0
        /// Its place among all deliveries in the order of ending.
        var endedAs = 0
        /// Charged ones and the one that succeeded.
        var attempts = 0
        var retries = 0
        var timeouts = 0
        var busy = 0
        var deadLetter: Event?
        /// Every call that began, or the first and the last of very many.
        var calls = Calls()
        /// The shortest and the longest wait between two calls.
        var shortestDelay = UInt64.max
        var longestDelay: UInt64 = 0
        var emitted: [Int] = []
        /// What a transform made of the event; `nil` leaves it as it came.
        var received: Event?
    }

    /// One call of a handler.
    struct Call: Sendable {
        var startedAt: UInt64
        var endedAt: UInt64
        /// The attempt's number.
        var number: Int
        var outcome: Configuration.Test.Step.Outcome
        /// It outlived its timeout.
        var isLate: Bool
        var reason: String
        var verdict: Settlement.Verdict
        /// Until the next attempt at the earliest; with a verdict that has one.
        var retryDelay: UInt64
    }

    /// The first and the last of many calls.
    struct Calls: Sendable {
        static let firstMax = 1000
        static let lastMax = 100

        private(set) var first: [Call] = []
        /// A ring once it is full.
        private var ring: [Call] = []
        private(set) var count = 0

        mutating func append(_ call: Call) {
            if first.count < Self.firstMax {
                first.append(call)
            } else if ring.count < Self.lastMax {
                ring.append(call)
            } else {
                ring[(count - Self.firstMax) % Self.lastMax] = call
            }
            count += 1
        }

        /// Those after the first ones, oldest first.
        var last: [Call] {
            guard ring.count == Self.lastMax else { return ring }
            let oldest = (count - Self.firstMax) % Self.lastMax
            return Array(ring[oldest...] + ring[..<oldest])
        }
        /// How many are not kept.
        var left: Int { count - first.count - ring.count }
        /// The end of the call before.
        var lastEnd: UInt64? {
            ring.isEmpty ? first.last?.endedAt : ring[(count - 1 - Self.firstMax) % Self.lastMax].endedAt
        }
    }

    struct BreakerChange: Sendable {
        var name: String
        var state: Configuration.Test.Transition.State
        var at: UInt64
    }

    var events: [Arrival] = []
    var deliveries: [Delivery] = []
    var breakerChanges: [BreakerChange] = []
    /// What an operator would hear of: lanes that stopped.
    var notices: [(at: UInt64, text: String)] = []
    /// When the last thing happened.
    var endedAt: UInt64 = 0
    var callCount = 0
    /// Why the test was broken off; `nil` came to its end.
    var brokenOff: String?
    private var ended = 0

    mutating func add(_ call: Call, to delivery: Int) {
        let index = delivery
        if let end = deliveries[index].calls.lastEnd {
            let delay = call.startedAt - min(end, call.startedAt)
            deliveries[index].shortestDelay = min(deliveries[index].shortestDelay, delay)
            deliveries[index].longestDelay = max(deliveries[index].longestDelay, delay)
        }
        deliveries[index].calls.append(call)
        callCount += 1
        if call.outcome == .busy, call.verdict == .goesBack {
            deliveries[index].busy += 1
        } else {
            deliveries[index].attempts += 1
        }
        if call.verdict == .retries { deliveries[index].retries += 1 }
        if call.isLate { deliveries[index].timeouts += 1 }
    }

    mutating func end(_ delivery: Int, _ outcome: Configuration.Test.Outcome, at time: UInt64) {
        ended += 1
        deliveries[delivery].outcome = outcome
        deliveries[delivery].endedAt = time
        deliveries[delivery].endedAs = ended
    }
}

extension Journal.Delivery {
    /// Waits between the calls that are kept.
    var delays: [UInt64] {
        zip(calls.first.dropFirst(), calls.first).map { $0.startedAt - min($1.endedAt, $0.startedAt) }
    }
}
