import CPatchbaySystem
package import PatchbayDispatch
package import PatchbayModules
package import PatchbayTelemetry

/// What a run did, or has done so far: counts that add up.
package struct RunReport: Sendable {
    /// What came in by one source.
    package struct Source: Sendable, Equatable {
        package var name: String
        package var received: UInt64
        package var refused: UInt64
        package var accepted: UInt64
        package var dropped: UInt64
        /// Neither accepted nor refused: every route had had the event.
        package var duplicate: UInt64

        /// `duplicate` of what the counters call accepted turned out to be.
        init(_ counters: IntakeCounters, duplicate: UInt64) {
            self.duplicate = duplicate
            name = counters.name
            received = counters.received.current
            refused = counters.refused.current
            accepted = counters.accepted.current - duplicate
            dropped = counters.dropped.current
        }
    }

    package struct Lane: Sendable, Equatable {
        package var name: String
        package var counts: DispatchCounts
        /// Calls at once that an adaptive bulkhead found to be good; `nil` for a fixed one.
        package var limit: Int?
    }

    package struct Misbehaviour: Sendable, Equatable {
        package var handler: String
        package var kind: String
        package var count: UInt64
    }

    package struct Spans: Sendable, Equatable {
        package var recorded: UInt64 = 0
        package var exported: UInt64 = 0
        package var dropped: UInt64 = 0
        package var refused: UInt64 = 0
    }

    /// What was not settled at the end.
    package struct Pending: Sendable, Equatable {
        package var count: Int
        /// Empty when it could not be written.
        package var path: String
    }

    /// The log in files.
    package struct Log: Sendable, Equatable {
        package var path: String
        /// Deliveries that an earlier run had left pending and this one took over.
        package var resumed: UInt64 = 0
        /// Deliveries that are pending in the files.
        package var pending: UInt64 = 0
        /// Some of them: for handlers that the configuration has not.
        package var orphaned: UInt64 = 0
        /// Dead letters that this run purged since their routes keep them no longer.
        package var expired: UInt64 = 0
    }

    package var status: DispatchStatus
    /// With `log.backend: file`.
    package var log: Log?
    /// `running`, `finished`, `kept` (what is pending waits in the log), `stuck`, `deadline` or `stopped`.
    package var end = "running"
    package var once = false
    package var sources: [Source] = []
    /// How much of what the sources are to read has been read; `nil` where nobody knows how much there is.
    package var input: InputExtent?
    package var emits: Source?
    package var lanes: [Lane] = []
    package var deadLettersWritten: UInt64 = 0
    package var deadLetterPath = ""
    package var pendingWritten: Pending?
    package var misbehaviour: [Misbehaviour] = []
    /// Versions of modules that came and went.
    package var versions = VersionCounts()
    package var reloads = ReloadCounts()
    package var shadows: [ShadowReport] = []
    package var spans = Spans()
    /// Accepted events that were not appended to the log before the end; they are among the pending ones.
    package var unread: UInt64 = 0
    /// Pending deliveries, counted one by one at the end.
    package var pendingDeliveries: UInt64 = 0
    /// What went wrong with the host itself.
    package var problems: [String] = []
    /// `nil` when no call was to be recorded.
    package var recording: CallRecorder.Progress?
    package var metrics: MetricsSnapshot?
    /// Memory of the process in bytes: now, and at its highest.
    package var residentBytes = pbs_resident_bytes()
    package var residentBytesPeak = pbs_resident_bytes_peak()

    init(status: DispatchStatus) { self.status = status }

    package var received: UInt64 { sources.reduce(0) { $0 + $1.received } }
    package var refused: UInt64 { sources.reduce(0) { $0 + $1.refused } }
    package var accepted: UInt64 { sources.reduce(0) { $0 + $1.accepted } }
    package var duplicate: UInt64 { sources.reduce(0) { $0 + $1.duplicate } }
    package var dropped: UInt64 { sources.reduce(emits?.dropped ?? 0) { $0 + $1.dropped } }
    /// Dead deliveries, and events that no route took.
    package var dead: UInt64 { status.counts.dead + status.unmatched.dead }

    /// The exit code of `patchbay run`.
    package var exitCode: Int32 {
        if !problems.isEmpty || pendingWritten != nil { return 1 }
        // What waits in the log is not lost, and a drain may end with it.
        if end == "stuck" || (end == "deadline" && log == nil) { return 1 }
        return once && dead > 0 ? 3 : 0
    }

    /// What does not add up; `nil` when everything does. Only meaningful at the end.
    package var drift: String? {
        guard end != "running" else { return nil }
        if let drift = status.drift { return drift }
        for source in sources where source.received != source.refused + source.duplicate + source.accepted {
            return "\(source.name): \(source.received) received, \(source.refused) refused, "
                + "\(source.duplicate) duplicate, \(source.accepted) accepted"
        }
        let taken = accepted + (emits?.accepted ?? 0)
        if taken != status.accepted + unread { return "\(taken) accepted, \(status.accepted) appended, \(unread) not" }
        let counts = status.counts
        if counts.pending + status.unmatched.pending != pendingDeliveries {
            return "\(counts.created) deliveries created, \(counts.done) done, \(counts.skipped) skipped, "
                + "\(counts.dead) dead; \(status.unmatched.created) events unmatched, \(status.unmatched.dead) dead; "
                + "\(pendingDeliveries) pending"
        }
        let lanes = self.lanes.reduce(0) { $0 + $1.counts.done + $1.counts.skipped + $1.counts.dead }
        let settled = status.counts.done + status.counts.skipped + status.counts.dead
        return lanes == settled ? nil : "\(settled) deliveries settled, \(lanes) by lane"
    }
}
