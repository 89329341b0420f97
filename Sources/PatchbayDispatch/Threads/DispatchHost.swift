package import PatchbayEvents
package import PatchbayLog
package import PatchbayTelemetry

/// What the dispatcher is given from outside: everything that it does not decide itself.
///
/// All closures are called on the dispatcher's thread and must return promptly.
package struct DispatchHost: Sendable {
    /// Puts a call's state writes in place, all or none, and writes down how the keys stand then; false when a revision
    /// was lost.
    package var commitState:
        @Sendable (
            _ lane: Int, _ writes: [StateWrite], _ origin: StateOrigin, _ unixNow: UInt64, _ records: inout ByteWriter
        ) -> Bool
    /// What the keys hold that a call is about to write, for those who try another handler with its event.
    package var stateBefore: @Sendable (_ lane: Int, _ writes: [StateWrite], _ unixNow: UInt64) -> StateBefore = {
        _, _, _ in [:]
    }
    /// Whether streams take all that a call wants of them, as they stand now.
    package var streamsTake: @Sendable (_ appends: [StreamAppend], _ snapshots: [StreamSnapshotWrite]) -> Bool
    /// Does what they take, and writes it down.
    package var changeStreams:
        @Sendable (
            _ appends: [StreamAppend], _ snapshots: [StreamSnapshotWrite], _ unixNow: UInt64,
            _ recording: (StreamRecord) -> Void
        ) -> Void
    /// The log has the next records of streams: so many, in the frame with this sequence.
    package var placeStreams: @Sendable (_ count: Int, _ sequence: UInt64) -> Void
    /// What handlers have subscribed to; `nil` where nobody can.
    package var feed: SubscriptionFeed?
    package var changeTimers: @Sendable (_ lane: Int, _ changes: [TimerChange], _ records: inout ByteWriter) -> Void
    /// Timers that are due, each with the lane of its handler; that they have fired is written down.
    package var fireTimers: @Sendable (_ unixNow: UInt64, _ records: inout ByteWriter) -> [Reentry]
    /// Reads deliveries of a handler (by its number) back from the log; `nil` when it cannot be read now.
    package var reload: @Sendable (_ handler: UInt16, _ events: PendingEvents) -> EventBatch?
    /// How handlers' state and timers stand, for a checkpoint behind everything submitted so far; beside the emitted
    /// events that are to come in later.
    package var checkpointExtras:
        @Sendable (_ delayed: [(due: UInt64, event: Event)], _ deduplicator: Deduplicator) -> [CheckpointExtra]
    /// Unix nanoseconds of the earliest timer; `nil` when none is set.
    package var nextTimer: @Sendable () -> UInt64?
    /// Takes events in again: decodes, validates and routes them as a source's. What is refused is reported there.
    package var reenter: @Sendable (_ events: [Reentry]) -> [EventBatch]
    /// Writes a dead letter down, at some time soon; the answer comes through `Dispatcher.buried`.
    package var bury: @Sendable (_ letter: DeadLetter) -> Void
    /// Whether another dead letter can be taken now; room comes with `Dispatcher.buried`.
    package var mayBury: @Sendable () -> Bool
    /// Whether dead letters are still on their way.
    package var isBurying: @Sendable () -> Bool
    package var notice: @Sendable (_ notice: DispatchEffects.Notice) -> Void
    /// A failed, shed or closed attempt, for the log.
    package var attemptFailed: @Sendable (_ report: AttemptReport) -> Void
    package var spans: HandlerSpans?

    package init(
        commitState: @escaping @Sendable (Int, [StateWrite], StateOrigin, UInt64, inout ByteWriter) -> Bool,
        changeTimers: @escaping @Sendable (Int, [TimerChange], inout ByteWriter) -> Void,
        fireTimers: @escaping @Sendable (UInt64, inout ByteWriter) -> [Reentry],
        streamsTake: @escaping @Sendable ([StreamAppend], [StreamSnapshotWrite]) -> Bool = { _, _ in true },
        changeStreams:
            @escaping @Sendable ([StreamAppend], [StreamSnapshotWrite], UInt64, (StreamRecord) -> Void) -> Void = {
                _, _, _, _ in
            },
        placeStreams: @escaping @Sendable (Int, UInt64) -> Void = { _, _ in },
        reload: @escaping @Sendable (UInt16, PendingEvents) -> EventBatch? = { _, _ in nil },
        checkpointExtras: @escaping @Sendable ([(due: UInt64, event: Event)], Deduplicator) -> [CheckpointExtra] = {
            _, _ in []
        },
        nextTimer: @escaping @Sendable () -> UInt64?,
        reenter: @escaping @Sendable ([Reentry]) -> [EventBatch],
        bury: @escaping @Sendable (DeadLetter) -> Void,
        mayBury: @escaping @Sendable () -> Bool = { true },
        isBurying: @escaping @Sendable () -> Bool,
        notice: @escaping @Sendable (DispatchEffects.Notice) -> Void,
        attemptFailed: @escaping @Sendable (AttemptReport) -> Void,
        spans: HandlerSpans? = nil
    ) {
        self.commitState = commitState
        self.streamsTake = streamsTake
        self.changeStreams = changeStreams
        self.placeStreams = placeStreams
        self.changeTimers = changeTimers
        self.fireTimers = fireTimers
        self.reload = reload
        self.checkpointExtras = checkpointExtras
        self.nextTimer = nextTimer
        self.reenter = reenter
        self.bury = bury
        self.mayBury = mayBury
        self.isBurying = isBurying
        self.notice = notice
        self.attemptFailed = attemptFailed
        self.spans = spans
    }
}

/// An event that comes in again: emitted by a handler, a timer's, or a subscription's.
package struct Reentry: Sendable {
    package var event: Event
    /// The lane of the one handler that gets it (timers, subscriptions); `nil` is routed.
    package var lane: Int?
    /// Of a subscription, whose events go one after the other: its hash. 0 for all others.
    package var keyHash: UInt64

    package init(event: Event, lane: Int? = nil, keyHash: UInt64 = 0) {
        self.event = event
        self.lane = lane
        self.keyHash = keyHash
    }
}

/// What is said about an attempt that did not succeed.
package struct AttemptReport: Sendable {
    package var eventID: String
    package var eventSource: String
    package var route: Int
    package var lane: Int
    package var attempt: Int
    package var outcome: OutcomeKind
    package var reason: String
    package var verdict: Settlement.Verdict
    /// Nanoseconds until the next attempt.
    package var retryDelay: UInt64
    package var trace: TraceContext
}

/// A snapshot of the dispatcher for reports; taken about ten times a second and at the end.
package struct DispatchStatus: Sendable {
    /// Of deliveries to handlers.
    package var counts = DispatchCounts()
    /// Events that nobody handles: no route takes them, or they were emitted too deep. Dead once they are written.
    package var unmatched = DispatchCounts()
    package var lanes: [DispatchCounts] = []
    /// Lane by lane the calls at once that were found to be good; `nil` where the limit is fixed.
    package var limits: [Int?] = []
    /// Deliveries loaded and calls owed, lane by lane.
    package var loaded: [Int] = []
    package var log = LogUsage(boundBytes: 0, reserveBytes: 0)
    /// Events appended to the log.
    package var accepted: UInt64 = 0
    /// Events that handlers or timers brought in; part of `accepted`.
    package var emitted: UInt64 = 0
    /// Events that every route had had before, and that are not in the log: by source, the last of them emitted ones.
    package var duplicates: [UInt64] = []
    /// Keys that a route's deduplication forgot before their time.
    package var forgottenKeys: UInt64 = 0
    package var threads = 0
    package var callsOpen = 0
    /// What does not add up; `nil` when everything does.
    package var drift: String?
}

/// How the dispatcher ended.
package struct DispatchEnd: Sendable {
    package enum Reason: Sendable {
        /// Sources are at their end and everything is settled.
        case finished
        /// What is left sits in lanes that have stopped for good.
        case stuck
        /// What is left is kept in the log, for the next run.
        case kept
        /// The drain's time is over.
        case deadline
        /// Told to stop at once.
        case stopped
    }

    package var reason: Reason
    /// What is not settled, as structured JSON with the delivery's attributes.
    package var pending: [[UInt8]]
    /// How many of `pending` are deliveries or unmatched events; equals what `status` counts as pending.
    package var pendingDeliveries = 0
    /// How many of `pending` are events that came in and were not appended to the log.
    package var unread = 0
    package var status: DispatchStatus
}
