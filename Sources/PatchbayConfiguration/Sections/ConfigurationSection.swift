extension Configuration {
    /// The file's top level.
    static let section = Section<Configuration>(
        "the configuration", { Configuration() },
        [
            Key("apiVersion", \.apiVersion, .apiVersion, "The version of this file's shape; patchbay/v1."),
            Key(
                "modules", \.modules, Modules.section.format,
                "Which handler modules are loaded, and their configuration."),
            Key(
                "policies", \.policies, Policies.section.format,
                "Named policies that routes use; 'default' applies where a route names none."),
            Key(
                "routes", \.routes, Route.section.format.list(),
                "Which events go to which handlers: every matching route, by 'order'; a handler gets an event once.",
                example: .list([
                    .map([
                        .init(key: "name", value: .string("orders")),
                        .init(key: "type", value: .string("com.acme.order.*")),
                        .init(
                            key: "to",
                            value: .list([.map([.init(key: "handler", value: .string("billing.charge"))])])),
                    ])
                ])),
            Key(
                "event_routing", \.eventRouting, EventRouting.section.format.optional,
                "Routes in an older form; 'patchbay config effective' shows the routes that they stand for.",
                example: .map([.init(key: "routing_strategy", value: .string("content_based"))])),
            Key("unmatched", \.unmatched, .choice(), "What happens to an event that no route takes."),
            Key(
                "sources", \.sources, Source.section.format.list(), "Where events come from.",
                example: .list([
                    .map([.init(key: "name", value: .string("pipe")), .init(key: "type", value: .string("stdin"))])
                ])),
            Key("log", \.log, Log.section.format, "The event log in front of the handlers."),
            Key("limits", \.limits, Limits.section.format, "Bounds on what comes in and what handlers emit."),
            Key("shutdown", \.shutdown, Shutdown.section.format, "How the host stops."),
            Key("reload", \.reload, Reload.section.format, "How a running host takes a changed file."),
            Key("security", \.security, Security.section.format, "Whose modules may run."),
            Key("telemetry", \.telemetry, Telemetry.section.format, "Traces."),
            Key(
                "tests", \.tests, Test.section.format.list(),
                "Tests of this configuration, for patchbay test: what is sent, how handlers fare, what is to come of it."
            ),
        ],
        later: [
            ("http", .http), ("tenancy", .http),
            ("schemas", .schemas), ("ordering", .patterns), ("correlations", .patterns),
            ("patterns", .patterns), ("quality", .patterns), ("analytics", .patterns), ("alerts", .patterns),
            ("projections", .workflows), ("commands", .workflows), ("queries", .workflows), ("workflows", .workflows),
            ("discovery", .fleet),
        ])
}

extension Configuration.Log {
    static let section = Section<Self>(
        "log", { Self() },
        [
            Key(
                "backend", \.backend, .choice(),
                "Where events are kept until they are done: in memory, or in files, where they survive the process."),
            Key(
                "path", \.path, .text("a folder") { $0.isEmpty ? "it is empty" : nil },
                "The data folder of the file backend."),
            Key(
                "sync", \.sync, .choice(),
                "When the file backend waits for the disk: before an event counts as accepted, at an interval, or never."
            ),
            Key(
                "syncInterval", \.syncInterval, .duration(.milliseconds(1)...DurationText.longest),
                "The longest time between writing and syncing, with sync: interval."),
            Key(
                "retention", \.retention, Configuration.Log.Retention.section.format,
                "How long what is done stays in the files."),
            Key(
                "bytes", \.bytes, .bytes(0...(1 << 50)),
                "How many bytes of events may be pending before sources pause; at least limits.eventBytes. 0: 256MiB in memory, no bound in files."
            ),
        ])
}

extension Configuration.Log.Retention {
    static let section = Section<Self>(
        "log.retention", { Self() },
        [
            Key("age", \.age, .duration(), "Segments are removed when all in them is older and done; 0 keeps them."),
            Key("bytes", \.bytes, .bytes(0...(1 << 60)), "The oldest segments go beyond this; 0 is no bound."),
        ])
}

extension Configuration.Limits {
    static let section = Section<Self>(
        "limits", { Self() },
        [
            Key("eventBytes", \.eventBytes, .bytes(1...(1 << 30)), "The largest event that is accepted, in bytes."),
            Key("nesting", \.nesting, .integer(1...1000), "How deep the JSON of an event may nest."),
            Key(
                "emitDepth", \.emitDepth, .integer(0...1000),
                "How many times an emitted event may cause another; 0 refuses every emit."),
        ])
}

extension Configuration.Shutdown {
    static let section = Section<Self>(
        "shutdown", { Self() },
        [
            Key(
                "drain", \.drain, .duration(),
                "How long a drain waits for deliveries before it writes down what is pending.")
        ])
}

extension Configuration.Reload {
    static let section = Section<Self>(
        "reload", { Self() },
        [
            Key(
                "watch", \.watch, .flag,
                "Looks every second whether this file or a module's file has changed, and reloads; SIGHUP always does."),
            Key(
                "moduleDrain", \.moduleDrain, .duration(),
                "After that long the log says that a replaced version of a module still has open calls."),
        ])
}

extension Configuration.Telemetry {
    static let section = Section<Self>(
        "telemetry", { Self() },
        [
            Key(
                "otlp", \.otlp,
                .text("an http:// or https:// URL, or empty", accepted: ["http://127.0.0.1:4318", "\"\""]) { text in
                    text.isEmpty ? nil : HTTPAddress.problem(of: text)
                },
                "Base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318; empty exports nothing.",
                example: .string("http://127.0.0.1:4318")),
            Key(
                "context", \.context, .choice(),
                "Whether spans link to the trace that came with an event, or are its children."),
            Key("sampleRatio", \.sampleRatio, .number(0...1), "Share of events that are traced, 0 to 1."),
        ],
        later: [("metrics", .http), ("health", .http)])
}

extension Format<String> {
    /// The one version of the file's shape.
    static let apiVersion = Format.text("the version 'patchbay/v1'", accepted: ["patchbay/v1"]) {
        $0 == "patchbay/v1" ? nil : "this host reads no other"
    }
}

/// Rules for addresses of collectors.
enum HTTPAddress {
    /// Why `text` is not one; `nil` when it is.
    static func problem(of text: String) -> String? {
        let schemes = ["http://", "https://"]
        guard let scheme = schemes.first(where: text.hasPrefix) else { return "it begins with neither" }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if authority.isEmpty { return "it names no host" }
        if text.contains(where: { $0.isWhitespace || !$0.isASCII }) {
            return "it holds spaces or other text than ASCII"
        }
        if authority.contains("@") { return "it holds a user name" }
        let port = authority.last == "]" ? nil : authority.lastIndex(of: ":").map { authority[$0...].dropFirst() }
        if let port, UInt16(port) == nil { return "'\(port)' is not a port" }
        return nil
    }
}
