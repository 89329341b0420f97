package import Logging
package import PatchbayModules

/// How a host is run, beside its configuration: what the command line says.
package struct HostOptions: Sendable {
    /// Where finished spans go.
    package enum TraceOutput: Sendable, Equatable {
        case none
        /// A tree for people, on standard output.
        case console(colour: Bool)
        /// OTLP/JSON lines.
        case file(String)
        /// To `telemetry.otlp`.
        case otlp
    }

    package var traces: [TraceOutput] = []
    /// Ends when the finite sources are at their end and everything is settled.
    package var once = false
    /// Replays a part of the log instead of reading the sources; with `once` and a log in files.
    package var replay: (order: ReplayOrder, speed: ReplaySpeed)?
    package var deadLetterPath = "dead-letters.jsonl"
    package var pendingPath = "pending.jsonl"
    /// Where the control socket of a host with a log in memory is; `nil` is nowhere. With a log in files it is in the
    /// data folder.
    package var controlPath: String?
    package var version = ""
    /// Takes the fatal signals of the whole process to say whose code ended it, and heeds what earlier runs wrote down.
    package var watchesCrashes = false
    /// Where calls of modules' handlers are recorded, and which; `nil`: none is.
    package var recording: (folder: String, bounds: CallRecorder.Bounds)?
    package var logger: Logger
    /// 0 draws one.
    package var seed: UInt64 = 0

    package init(logger: Logger) { self.logger = logger }
}

/// Why a host could not start, or had to end.
package struct HostError: Error, Sendable, CustomStringConvertible {
    package var message: String
    package var description: String { message }

    package init(_ message: String) { self.message = message }
}
