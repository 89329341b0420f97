/// Where finished spans go. Used by one pipeline thread only, so implementations need no locks.
package protocol SpanExporter: AnyObject {
    /// Takes a batch, in the order of recording; never empty. May block until `control` says that time is up.
    func export(_ spans: [Span], control: ExportControl) -> ExportResult

    /// Does what is due by itself.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: when it wants to be asked again, `nil` when it waits only for spans.
    func tick(now: UInt64, control: ExportControl) -> UInt64?

    /// Puts everything out that it holds back; more may follow.
    func flush(control: ExportControl)
}

extension SpanExporter {
    package func tick(now: UInt64, control: ExportControl) -> UInt64? { nil }
    package func flush(control: ExportControl) {}
}

/// What became of a batch: `exported + refused` is its count.
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
