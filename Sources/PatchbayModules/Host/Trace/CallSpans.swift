import PatchbayEvents
import PatchbayTelemetry

/// The spans that a handler opened in one call.
///
/// It lies in the effects of its call and goes with them: what is still open when the call is settled is ended and
/// recorded then, so no span outlives its call.
final class CallSpans: @unchecked Sendable {
    // Invariant: reached only through the effects of its call, under their lock.
    private var spans: [Span] = []
    private let tracer: Tracer
    private let unixNow: @Sendable () -> UInt64

    init(tracer: Tracer, unixNow: @escaping @Sendable () -> UInt64) {
        self.tracer = tracer
        self.unixNow = unixNow
    }

    deinit {
        let open = spans.indices.filter { spans[$0].end == 0 }
        guard !open.isEmpty else { return }
        let now = unixNow()
        for index in open {
            spans[index]["patchbay.unended"] = true
            finish(&spans[index], now: now)
        }
    }

    /// Spans so far, ended ones included.
    var count: Int { spans.count }

    /// The new span's number, counted from 1.
    func begin(_ span: Span) -> Int {
        spans.append(span)
        return spans.count
    }

    /// The context of an open span.
    func context(of number: Int) -> TraceContext? {
        guard spans.indices.contains(number - 1), spans[number - 1].end == 0 else { return nil }
        return spans[number - 1].context
    }

    /// Changes an open span; an ended one stays as it is.
    func update(_ number: Int, _ change: (inout Span) -> Void) {
        guard spans.indices.contains(number - 1), spans[number - 1].end == 0 else { return }
        change(&spans[number - 1])
    }

    /// Ends and records an open span. `now` in Unix nanoseconds.
    func end(_ number: Int, isOK: Bool, now: UInt64) {
        update(number) { span in
            span.status = isOK ? .ok : .error("")
            finish(&span, now: now)
        }
    }

    private func finish(_ span: inout Span, now: UInt64) {
        span.end = max(now, span.start)
        tracer.record(span)
    }
}
