/// What the host traces with: whether, under which ids, and where finished spans go.
///
/// For an event that is not sampled a caller asks `sampler` or reads the context's flag, and does nothing more.
package final class Tracer: Sendable {
    package let sampler: Sampler
    package let ids: IDGenerator
    private let pipelines: [SpanPipeline]

    /// - Parameter pipelines: each gets every span; none means that nothing is traced.
    package init(sampler: Sampler, ids: IDGenerator, pipelines: [SpanPipeline]) {
        self.sampler = pipelines.isEmpty ? .never : sampler
        self.ids = ids
        self.pipelines = pipelines
    }

    /// A tracer that samples nothing.
    package static func off(ids: IDGenerator) -> Tracer { Tracer(sampler: .never, ids: ids, pipelines: []) }

    /// Whether anything listens.
    package var isOn: Bool { !pipelines.isEmpty }

    /// The context in which the event at `position` is received.
    ///
    /// A valid `parent` gives the trace and the decision; otherwise both begin here. With a tracer that is off, a valid
    /// parent's flag is kept for propagation, but nothing is to be recorded: ask `records(_:)`.
    package func receive(position: UInt64, parent: TraceContext) -> TraceContext {
        let span = ids.spanID(position: position, role: IDGenerator.Role.receive)
        if parent.isValid { return parent.child(spanID: span) }
        let trace = ids.traceID(position: position)
        let flags =
            sampler.samples(trace) ? TraceContext.Flag.sampled | TraceContext.Flag.random : TraceContext.Flag.random
        return TraceContext(traceID: trace, spanID: span, flags: flags)
    }

    /// Whether spans of `context` are to be made and recorded.
    package func records(_ context: TraceContext) -> Bool { context.isSampled && isOn }

    /// Hands over a finished span. Any thread; never waits.
    package func record(_ span: Span) {
        for pipeline in pipelines { pipeline.record(span) }
    }

    /// The counts of all pipelines together. Any thread.
    package var counts: SpanPipeline.Counts {
        pipelines.reduce(into: SpanPipeline.Counts()) { sum, pipeline in
            let counts = pipeline.counts
            sum.recorded += counts.recorded
            sum.exported += counts.exported
            sum.dropped += counts.dropped
            sum.refused += counts.refused
        }
    }

    /// Waits until everything recorded before is out, at most `timeout` nanoseconds a pipeline; false when it is not.
    package func flush(timeout: UInt64) -> Bool {
        pipelines.reduce(true) { $1.flush(timeout: timeout) && $0 }
    }

    /// Exports what waits, for at most `timeout` nanoseconds, and ends the threads.
    package func shutdown(timeout: UInt64) { shutdown(by: TelemetryClock.monotonicNow() &+ timeout) }

    /// As `shutdown(timeout:)`, until `deadline` in monotonic nanoseconds; all pipelines end at the same time.
    package func shutdown(by deadline: UInt64) {
        for pipeline in pipelines { pipeline.beginShutdown(by: deadline) }
        for pipeline in pipelines { pipeline.shutdown(by: deadline) }
    }

    /// Why spans could not be written to the files or the terminal that were asked for; empty when they could.
    package var diskErrors: [TelemetryError] { pipelines.compactMap(\.diskError) }
}
