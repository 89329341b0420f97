/// Where finished spans go. Used by one pipeline thread only, so implementations need no locks.
package protocol SpanExporter: AnyObject {
    /// What people know it by: the endpoint, the path, or `console`.
    var name: String { get }

    /// Takes a batch, in the order of recording; never empty. May block until `control` says that time is up.
    func export(_ spans: [Span], control: ExportControl) -> ExportResult

    /// Does what is due by itself.
    ///
    /// - Parameter now: monotonic nanoseconds.
    func tick(now: UInt64, control: ExportControl) -> ExportResult

    /// When it wants to be asked by `tick`, in monotonic nanoseconds; `nil` when it waits only for spans.
    var nextTick: UInt64? { get }

    /// Puts everything out that it holds back; more may follow.
    func flush(control: ExportControl) -> ExportResult
}

extension SpanExporter {
    package func tick(now: UInt64, control: ExportControl) -> ExportResult { ExportResult(exported: 0) }
    package var nextTick: UInt64? { nil }
    package func flush(control: ExportControl) -> ExportResult { ExportResult(exported: 0) }
}

/// What became of spans. An exporter that holds some back counts them once they are out: when everything is flushed,
/// `exported + refused` adds up to all that it was given.
package struct ExportResult: Sendable {
    package var exported: Int
    /// Lost for good: refused by the receiver, or not delivered in time.
    package var refused: Int
    package var error: TelemetryError?

    package init(exported: Int, refused: Int = 0, error: TelemetryError? = nil) {
        self.exported = exported
        self.refused = refused
        self.error = error
    }
}
