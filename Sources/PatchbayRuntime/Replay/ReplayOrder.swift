import PatchbayEvents
import PatchbayResilience
import PatchbayRouting

/// What is to be replayed: which stored events, to whom, and whether their handlers' calls have effects.
package struct ReplayOrder: Sendable, Equatable {
    /// Tells this replay's events and what comes of them from all others.
    package var id: String
    /// Of the event's type, as routes have it.
    package var type: String?
    /// Accepted at or after it, in Unix nanoseconds.
    package var from: UInt64?
    /// Accepted before it, in Unix nanoseconds.
    package var to: UInt64?
    /// Only what was delivered by this route.
    package var route: String?
    /// Only what was delivered to this handler.
    package var handler: String?
    /// Who gets the events instead of the handlers that had them.
    package var target: String?
    /// Calls may emit, write state and set timers, and nothing of that happens; outcomes count.
    package var isMuted = false

    package init(id: String) { self.id = id }

    /// Events that handlers emitted are left out where the replay makes their handlers emit them again.
    var leavesOutEmitted: Bool { !isMuted && route == nil && handler == nil && target == nil }

    /// What a replayed event has more than the stored one.
    var marks: [Event.Extension] {
        let id = Event.Extension(ReplayMark.attribute, id)
        return isMuted ? [id, Event.Extension(ReplayMark.muted, "true")] : [id]
    }

    /// A new replay's id; it means nothing.
    package static func newID(random: UInt64) -> String { "r" + String(random >> 16, radix: 36) }
}

/// What a replay did, or has done so far.
package struct ReplayCounts: Sendable, Equatable {
    package var events: UInt64 = 0
    package var deliveries: UInt64 = 0
    /// Left out: copies that other replays and redrives made.
    package var copies: UInt64 = 0
    /// Left out: emitted events, which their handlers emit again.
    package var emitted: UInt64 = 0
    /// Left out: deliveries to handlers that this configuration has not.
    package var orphaned: UInt64 = 0

    package init() {}

    package static func += (counts: inout ReplayCounts, more: ReplayCounts) {
        counts.events += more.events
        counts.deliveries += more.deliveries
        counts.copies += more.copies
        counts.emitted += more.emitted
        counts.orphaned += more.orphaned
    }
}

/// How far a replay is: between two events of the log.
package struct ReplayPlace: Sendable, Equatable {
    /// Of the frame; 0 is where the window begins.
    package var frame: UInt64 = 0
    /// Of the frame's events, from 0.
    package var event = 0

    package init(frame: UInt64 = 0, event: Int = 0) {
        self.frame = frame
        self.event = event
    }
}

/// How fast a replay goes.
package enum ReplaySpeed: Sendable, Equatable {
    /// As fast as the handlers allow.
    case max
    /// So many events a second.
    case rate(Double)
    /// So many times as fast as the events were accepted.
    case times(Double)
}

/// Spreads a replay's events over time. A value; time comes in.
package struct ReplayPace: Sendable {
    private let factor: Double?
    private var pace: Pace
    /// When the first event was accepted (Unix nanoseconds) and when it is replayed (monotonic ones).
    private var start: (at: UInt64, now: UInt64)?
    private var nextAt: UInt64?

    package init(_ speed: ReplaySpeed, stepMax: Int) {
        switch speed {
        case .max: (factor, pace) = (nil, Pace(rate: nil, stepMax: stepMax))
        case .rate(let rate): (factor, pace) = (nil, Pace(rate: rate, stepMax: stepMax))
        case .times(let times): (factor, pace) = (times, Pace(rate: nil, stepMax: stepMax))
        }
    }

    /// Events of the next step at most.
    package var step: Int { pace.step }

    /// The next step takes what was accepted before this time; `nil` is everything.
    package func before(now: UInt64) -> UInt64? {
        guard let factor else { return nil }
        guard let start else { return 0 }
        let passed = Double(now.elapsed(since: start.now)) * factor
        return start.at &+ UInt64(min(passed, 1e19)) &+ 1
    }

    /// Nanoseconds until the next step finds something.
    package func wait(now: UInt64) -> UInt64 {
        guard let factor else { return pace.wait(now: now) }
        guard let start, let nextAt, nextAt > start.at else { return 0 }
        let due = start.now &+ UInt64(min(Double(nextAt - start.at) / factor, 1e18))
        return due.elapsed(since: now)
    }

    /// A step took so many events; what comes next was accepted at `nextAt`.
    package mutating func did(_ events: Int, nextAt: UInt64?, now: UInt64) {
        pace.did(events, now: now)
        self.nextAt = nextAt
        if start == nil, let nextAt { start = (nextAt, now) }
    }
}
