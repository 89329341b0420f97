import Glibc

/// Prints every event's journey as a tree once it is complete. A pipeline's thread.
package final class ConsoleExporter: SpanExporter {
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
        // A terminal is slower than the host: a burst of some thousand journeys is kept until it is printed.
        configuration.queueSpansMax = 65_536
        return configuration
    }

    package func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        let now = TelemetryClock.monotonicNow()
        var problem: Int32 = 0
        for span in spans {
            if let evicted = collector.take(span, now: now) { problem = max(problem, print([evicted])) }
        }
        guard problem != 0 else { return ExportResult(exported: spans.count) }
        return ExportResult(
            exported: 0, refused: spans.count,
            error: TelemetryError(
                .disk, "cannot write: \(String(cString: strerror(problem)))", location: "console"))
    }

    package func tick(now: UInt64, control: ExportControl) -> UInt64? {
        _ = print(collector.due(now: now))
        return collector.nextDue
    }

    package func flush(control: ExportControl) { _ = print(collector.flush()) }

    private func print(_ journeys: [JourneyCollector.Journey]) -> Int32 {
        if journeys.isEmpty { return 0 }
        var text = ""
        for journey in journeys {
            var notes: [String] = []
            if !journey.isComplete { notes.append("still open") }
            if journey.droppedSpans > 0 { notes.append("\(journey.droppedSpans) more spans not shown") }
            text += renderer.render(journey.spans, note: notes.joined(separator: "; ")) + "\n"
        }
        return writeAll(Array(text.utf8), to: file)
    }
}
