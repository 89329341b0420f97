import Glibc
import Synchronization

/// One exporter with its queue and its own thread: threads of the host record, this thread batches and exports.
package final class SpanPipeline: @unchecked Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Spans waiting at most before the backlog begins.
        package var queueSpansMax = 8_192
        /// Memory of the spans that wait beyond those; one that finds no room is dropped and counted.
        package var backlogBytesMax = 0
        /// Spans in one batch at most.
        package var batchSpansMax = 512
        /// How long a span waits for its batch to fill, nanoseconds.
        package var intervalNanoseconds: UInt64 = 1_000_000_000

        package init() {}
    }

    /// What became of the spans so far: `recorded` = `exported` + `dropped` + `refused` + those still waiting.
    package struct Counts: Hashable, Sendable {
        package var recorded: UInt64 = 0
        package var exported: UInt64 = 0
        /// The queue was full.
        package var dropped: UInt64 = 0
        /// The exporter could not deliver them.
        package var refused: UInt64 = 0
    }

    // Invariant: `exporter`, `standingError` and `hasSaidDropped` are touched only by the thread that `start` made, until it has been joined; `thread` and
    // `isJoined` only under `joining`; everything else is immutable or atomic.
    private let exporter: any SpanExporter
    private let configuration: Configuration
    private let name: String
    private let report: @Sendable (TelemetryError) -> Void
    private let queue: SpanQueue
    private let control = ExportControl()
    private let recorded = Atomic<UInt64>(0)
    private let dropped = Atomic<UInt64>(0)
    private let exported = Atomic<UInt64>(0)
    private let refused = Atomic<UInt64>(0)
    private let isStopping = Atomic<Bool>(false)
    private let flushWanted = Atomic<UInt64>(0)
    private let flushDone = Atomic<UInt64>(0)
    private let flushed = Doorbell()
    private let thread = Mutex<pthread_t?>(nil)
    private let firstDiskError = Mutex<TelemetryError?>(nil)
    /// What was reported last, until something succeeds; the pipeline's thread.
    private var standingError: TelemetryError?
    private var hasSaidDropped = false

    /// Starts the thread.
    ///
    /// - Parameter report: told of failed exports, once for a failure that goes on, and of the first drop, on the
    ///   pipeline's thread; it must not record spans.
    package init(
        exporter: sending any SpanExporter, configuration: Configuration = Configuration(),
        report: @escaping @Sendable (TelemetryError) -> Void
    ) {
        self.exporter = exporter
        self.configuration = configuration
        self.report = report
        name = exporter.name
        queue = SpanQueue(
            capacity: max(configuration.queueSpansMax, configuration.batchSpansMax),
            backlogBytesMax: configuration.backlogBytesMax)
        let started = startThread { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Hands over a finished span. Any thread; never waits.
    package func record(_ span: consuming Span) {
        recorded.add(1, ordering: .relaxed)
        switch queue.push(span) {
        case .taken: break
        case .wakes: control.doorbell.ring()
        case .full: dropped.add(1, ordering: .relaxed)
        }
    }

    /// Any thread.
    package var counts: Counts {
        Counts(
            recorded: recorded.load(ordering: .relaxed), exported: exported.load(ordering: .relaxed),
            dropped: dropped.load(ordering: .relaxed), refused: refused.load(ordering: .relaxed))
    }

    /// Why spans could not be written to the file or the terminal that was asked for; `nil` when they could. Any thread.
    package var diskError: TelemetryError? { firstDiskError.withLock { $0 } }

    /// Waits until everything recorded before is with the exporter and flushed, or `timeout` nanoseconds are over.
    ///
    /// - Returns: false when time ran out.
    package func flush(timeout: UInt64) -> Bool {
        let deadline = TelemetryClock.monotonicNow() &+ timeout
        let ticket = flushWanted.add(1, ordering: .sequentiallyConsistent).newValue
        control.doorbell.ring()
        while flushDone.load(ordering: .acquiring) < ticket {
            let now = TelemetryClock.monotonicNow()
            if now >= deadline { return false }
            // Other callers may take this ring, so nobody sleeps long.
            flushed.wait(until: min(deadline, now + 20_000_000))
        }
        return true
    }

    /// Exports what waits, for at most `timeout` nanoseconds, and ends the thread; repeated calls do nothing.
    package func shutdown(timeout: UInt64) { shutdown(by: TelemetryClock.monotonicNow() &+ timeout) }

    /// As `shutdown(timeout:)`, until `deadline` in monotonic nanoseconds.
    package func shutdown(by deadline: UInt64) {
        beginShutdown(by: deadline)
        guard
            let running = thread.withLock({ thread in
                defer { thread = nil }
                return thread
            })
        else { return }
        pthread_join(running, nil)
    }

    /// Begins what `shutdown(by:)` ends, so that several can end at the same time. Any thread.
    package func beginShutdown(by deadline: UInt64) {
        guard !isStopping.exchange(true, ordering: .sequentiallyConsistent) else { return }
        control.end(by: deadline)
    }

    private func run() {
        var batch: [Span] = []
        batch.reserveCapacity(configuration.batchSpansMax)
        var batchDue = UInt64.max
        while true {
            let stopping = isStopping.load(ordering: .sequentiallyConsistent)
            let flushTicket = flushWanted.load(ordering: .sequentiallyConsistent)
            let mustFlush = flushTicket > flushDone.load(ordering: .relaxed)
            while batch.count < configuration.batchSpansMax, let span = queue.pop() { batch.append(span) }
            var now = TelemetryClock.monotonicNow()
            if batch.isEmpty {
                batchDue = .max
            } else if batchDue == .max {
                batchDue = now &+ configuration.intervalNanoseconds
            }
            let isFull = batch.count == configuration.batchSpansMax
            if !batch.isEmpty, isFull || now >= batchDue || mustFlush || stopping {
                export(&batch)
                batchDue = .max
                if isFull { continue }
                now = TelemetryClock.monotonicNow()
            }
            if mustFlush || stopping {
                account(exporter.flush(control: control))
                flushDone.store(flushTicket, ordering: .releasing)
                flushed.ring()
            }
            if stopping { return }
            account(exporter.tick(now: now, control: control))
            sleep(gathered: batch.count, until: min(batchDue, exporter.nextTick ?? .max))
        }
    }

    private func sleep(gathered: Int, until due: UInt64) {
        let missing = gathered == 0 ? 1 : configuration.batchSpansMax - gathered
        // A ring that came while the exporter slept was taken there; what it stood for is asked again before waiting.
        if queue.armWake(after: missing), !isAskedForMore { control.doorbell.wait(until: due) }
        queue.disarmWake()
    }

    private var isAskedForMore: Bool {
        isStopping.load(ordering: .sequentiallyConsistent)
            || flushWanted.load(ordering: .sequentiallyConsistent) > flushDone.load(ordering: .relaxed)
    }

    private func export(_ batch: inout [Span]) {
        account(exporter.export(batch, control: control))
        batch.removeAll(keepingCapacity: true)
        if !hasSaidDropped, dropped.load(ordering: .relaxed) > 0 {
            hasSaidDropped = true
            report(
                TelemetryError(
                    .overflow,
                    "spans come faster than they go out, so some are dropped and counted: lower telemetry.sampleRatio",
                    location: name))
        }
    }

    private func account(_ result: ExportResult) {
        exported.add(UInt64(result.exported), ordering: .relaxed)
        refused.add(UInt64(result.refused), ordering: .relaxed)
        guard let error = result.error else {
            if result.exported > 0 { standingError = nil }
            return
        }
        if error != standingError { report(error) }
        standingError = error
        if error.code == .disk { firstDiskError.withLock { $0 = $0 ?? error } }
    }
}
