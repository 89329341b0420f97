package import Logging
import Synchronization

/// Writes log lines to a descriptor, each with one `write`; a line that cannot be written is lost.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let colour: Bool
    private let file: Int32

    /// - Parameters:
    ///   - file: an open descriptor, not closed here.
    ///   - colour: of the human format only.
    package init(label: String, level: Logger.Level, format: LogFormat, colour: Bool, file: Int32 = 2) {
        self.label = label
        self.format = format
        self.colour = colour
        self.file = file
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
        let bytes = line.rendered(format, colour: colour)
        LineLogHandler.writing.withLock { _ in _ = writeAll(bytes, to: file) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Lines of all loggers, one after the other.
    private static let writing = Mutex(())
}

/// Sets up swift-log for the whole process.
package enum TelemetryLogging {
    /// Sends all loggers to standard error. Once a process, before any logger is made; a second call is our bug.
    package static func bootstrap(level: Logger.Level, format: LogFormat, colour: Bool) {
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, colour: colour)
        }
    }
}
