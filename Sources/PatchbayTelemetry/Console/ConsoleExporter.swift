import Glibc

/// Prints every event's journey as a tree once it is complete. A pipeline's thread.
package final class ConsoleExporter: SpanExporter {
    package let name = "console"
    private let file: Int32
    private let renderer: JourneyRenderer
    private var collector = JourneyCollector()

    /// - Parameters:
    ///   - file: an open descriptor, not closed here; standard output in `patchbay run --trace console`.
    ///   - colour: asked for by the user, or `file` is a terminal.
    package init(file: Int32, colour: Bool) {
        self.file = file
        renderer = JourneyRenderer(colour: colour)
    }

    /// How a pipeline should be set up for this exporter: journeys appear at once.
    package static var pipeline: SpanPipeline.Configuration {
        var configuration = SpanPipeline.Configuration()
        configuration.intervalNanoseconds = 20_000_000
        // A terminal is slower than the host: a burst of a hundred thousand journeys is kept until it is printed.
        configuration.backlogBytesMax = 256 << 20
        return configuration
    }

    package func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        let now = TelemetryClock.monotonicNow()
        return print(spans.compactMap { collector.take($0, now: now) })
    }

    package func tick(now: UInt64, control: ExportControl) -> ExportResult { print(collector.due(now: now)) }

    package var nextTick: UInt64? { collector.nextDue }

    package func flush(control: ExportControl) -> ExportResult { print(collector.flush()) }

    /// A reader that has gone away costs the spans, but is no error of ours.
    private func print(_ journeys: [JourneyCollector.Journey]) -> ExportResult {
        var result = ExportResult(exported: 0)
        if journeys.isEmpty { return result }
        var text = ""
        for journey in journeys {
            result.exported += journey.spans.count
            result.refused += journey.droppedSpans
            var notes: [String] = []
            if !journey.isComplete { notes.append("still open") }
            if journey.droppedSpans > 0 { notes.append("\(journey.droppedSpans) more spans not shown") }
            text += renderer.render(journey.spans, note: notes.joined(separator: "; ")) + "\n"
        }
        let problem = writeAll(Array(text.utf8), to: file)
        guard problem != 0 else { return result }
        result.refused += result.exported
        result.exported = 0
        if problem != EPIPE {
            result.error = TelemetryError(
                .disk, "cannot write: \(String(cString: strerror(problem)))", location: name)
        }
        return result
    }
}
