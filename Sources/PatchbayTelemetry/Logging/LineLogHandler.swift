import Glibc
package import Logging
import Synchronization

/// Sends log lines to a writer that never makes them wait.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let writer: LogWriter

    package init(label: String, level: Logger.Level, writer: LogWriter) {
        self.label = label
        self.writer = writer
        logLevel = level
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
        if let metadata = event.metadata { all.merge(metadata) { $1 } }
        if let error = event.error, all["error"] == nil { all["error"] = .string("\(error)") }
        let line = LogLine(
            time: TelemetryClock.unixNow(), level: event.level, label: label, message: event.message.description,
            metadata: all.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) })
        writer.add(line.rendered(writer.format, colour: writer.colour))
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}

/// Sets up swift-log for the whole process.
package enum TelemetryLogging {
    /// Sends all loggers to standard error. Once a process, before any logger is made; a second call is our bug.
    ///
    /// What waits at the end of the process is written then, as far as that takes no longer than a second.
    package static func bootstrap(level: Logger.Level, format: LogFormat, colour: Bool) {
        let writer = LogWriter(format: format, colour: colour)
        shared.withLock { $0 = writer }
        LoggingSystem.bootstrap { LineLogHandler(label: $0, level: level, writer: writer) }
        atexit { _ = TelemetryLogging.shared.withLock { $0 }?.flush(timeout: 1_000_000_000) }
    }

    private static let shared = Mutex<LogWriter?>(nil)
}
