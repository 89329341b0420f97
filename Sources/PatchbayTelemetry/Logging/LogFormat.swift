package import Logging

/// How log lines look.
package enum LogFormat: String, CaseIterable, Sendable {
    /// `14:03:22.117 info    dispatch: message  key=value`, for people.
    case human
    /// One JSON object a line, for machines.
    case json
}

extension Logger.Level {
    /// Reads a level's name in any case; `warn` and `err` are understood too; `nil` for anything else.
    package init?(parsing text: String) {
        switch text.lowercased() {
        case "warn": self = .warning
        case "err": self = .error
        case let name: self.init(rawValue: name)
        }
    }
}

/// The keys under which log lines name what they belong to.
package enum LogKey {
    package static let traceID = "trace_id"
    package static let spanID = "span_id"
    package static let eventID = "event_id"
}

extension Logger.Metadata {
    /// What ties a log line to an event and its trace; nothing of an invalid context.
    package init(context: TraceContext, eventID: String) {
        self.init()
        if context.isValid {
            self[LogKey.traceID] = .string(context.traceID.hexadecimal)
            self[LogKey.spanID] = .string(hexadecimalText(context.spanID))
        }
        if !eventID.isEmpty { self[LogKey.eventID] = .string(eventID) }
    }
}
