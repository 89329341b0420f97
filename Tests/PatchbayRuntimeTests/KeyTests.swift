import Foundation
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import Testing

@testable import PatchbayRuntime

/// For every key that the configuration accepts: two values of it, and what they make different.
///
/// The keys come from the JSON Schema of the file, so a key without a proof fails. Each proof is observed twice with
/// its first value, so a difference that is not the key's doing fails, too.
@Suite struct `keys of the configuration` {
    @Test func `every accepted key has a proof, and every proof a key`() throws {
        let schema = try JSONSerialization.jsonObject(with: Data(Configuration.jsonSchema().utf8))
        let keys = Set(SchemaKeys.leaves(of: try #require(schema as? [String: Any])))
        let proven = Set(KeyProof.all.map(\.key))
        #expect(keys.subtracting(proven).sorted() == [])
        #expect(proven.subtracting(keys).sorted() == [])
    }

    @Test(arguments: KeyProof.all) func `another value, another outcome`(proof: KeyProof) throws {
        let first = try proof.observe(proof.first)
        let again = try proof.observe(proof.first)
        let second = try proof.observe(proof.second)
        #expect(first == again, "what is observed of \(proof.key) differs by itself")
        #expect(first != second, "\(proof.key): \(proof.first) and \(proof.second) both give \(first)")
    }
}

/// The keys of a JSON Schema as dotted paths: `[]` is an entry of a list, `*` any name.
enum SchemaKeys {
    static func leaves(of schema: [String: Any]) -> [String] {
        let filter =
            ((schema["definitions"] as? [String: Any])?["filter"] as? [String: Any])?["properties"] as? [String: Any]
        return walk(schema, "") + (filter ?? [:]).keys.map { "filter.\($0)" }
    }

    private static func walk(_ schema: [String: Any], _ path: String) -> [String] {
        if let any = (schema["anyOf"] as? [[String: Any]])?.first, schema["properties"] == nil {
            return walk(any, path)
        }
        // A module's own configuration is the module's to describe.
        if path.hasSuffix(".config") { return [path] }
        // Stands for routes, which `AliasRoutingTests` prove.
        if path == "event_routing" { return [] }
        if let properties = schema["properties"] as? [String: [String: Any]] {
            return properties.flatMap { walk($1, path.isEmpty ? $0 : "\(path).\($0)") }
        }
        if let items = schema["items"] as? [String: Any] { return walk(items, "\(path)[]") }
        if let entries = schema["additionalProperties"] as? [String: Any] { return walk(entries, "\(path).*") }
        return [path.hasSuffix("[]") ? String(path.dropLast(2)) : path]
    }
}

struct KeyProof: Sendable, CustomTestStringConvertible {
    /// As `SchemaKeys` names it.
    var key: String
    var first: String
    var second: String
    /// What a value brings about.
    var observe: @Sendable (String) throws -> String

    var testDescription: String { key }

    init(_ key: String, _ first: String, _ second: String, _ observe: @escaping @Sendable (String) throws -> String) {
        self.key = key
        self.first = first
        self.second = second
        self.observe = observe
    }

    static let all = policies + routes + filters + rest + tests + functions

    // MARK: Routes and the rest: whole runs.

    /// Runs six events; which were handled (by route and instance), refused and given up.
    private static func run(_ yaml: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", sixEvents)
        try bench.write("seen", "")
        let report: RunReport
        do {
            report = try bench.run(yaml)
        } catch let errors as ConfigurationErrors {
            return "refused: \(errors.errors.map(\.code))"
        } catch let error as HostError {
            return "failed: \(error.message)"
        }
        let seen = try bench.lines("seen").map { line in
            line.split(separator: " ").filter { part in
                !["most", "trace", "cause"].contains { part.hasPrefix("\($0)=") }
            }.joined(separator: " ")
        }
        let letters = try bench.objects("dead-letters.jsonl").map { "\($0["id"] ?? "") \($0["dlqclass"] ?? "")" }
        return """
            \(seen.sorted().joined(separator: "\\n"))
            \(letters.sorted()) \(report.sources.map { "\($0.name) \($0.accepted) \($0.refused) \($0.dropped)" })
            \(report.lanes.map { "\($0.name) \($0.counts.done)" }) exit \(report.exitCode)
            """
    }

    private static let sixEvents = (1...6).map {
        Events.line(
            $0, type: $0 < 4 ? "com.acme.order.paid" : "com.acme.order.sent", data: #"{"total":\#($0)}"#,
            extra: #","subject":"eu/\#($0 % 2)","tenant":"t\#($0 % 3)""#) + "\n"
    }.joined()

    static let modules = """
        modules:
          directory: FOLDER/plugins
          load:
            - {name: lab, config: {path: FOLDER/seen}}
            - {name: other, path: FOLDER/plugins/lab.so, config: {path: FOLDER/seen, text: other}}

        """
    static let source = "sources: [{name: events, type: file, path: FOLDER/events.jsonl}]\n"

    /// A proof of a key of the first of two routes.
    private static func route(_ key: String, _ first: String, _ second: String) -> KeyProof {
        KeyProof("routes[].\(key)", first, second) { value in
            try run(
                modules + source + """
                    routes:
                      - {name: one, to: [{handler: lab.record}], \(value)}
                      - {name: two, order: 1, to: [{handler: other.record}]}
                    """)
        }
    }

    /// A proof of a step of a transform, by the event that handlers get.
    private static func transform(_ key: String, _ first: String, _ second: String) -> KeyProof {
        KeyProof("routes[].transform[].\(key)", first, second) { value in
            let preparation = try RunBench().preparation(
                "routes: [{name: all, to: [{handler: builtin.log}], transform: [\(value)]}]")
            let explainer = Explainer(try Blueprint(preparation.configuration, seed: 1))
            let event = Events.line(1, data: #"{"total":1}"#, extra: #","subject":"eu/1","tenant":"t1""#)
            let explanation = try explainer.explain(Array(event.utf8)[...])
            return "\(explanation.routing.routes.map(\.transform))"
        }
    }

    /// A proof of a key of `use`, by what the plan says.
    private static func use(_ key: String, _ section: String, _ policy: String) -> KeyProof {
        KeyProof("routes[].use.\(key)", "default", "named") { value in
            try plan("policies: {\(section): {named: {\(policy)}}}", route: ", use: {\(key): \(value)}")
        }
    }

    private static let routes = [
        KeyProof("routes[].name", "one", "uno") { value in
            try run(modules + source + "routes: [{name: \(value), to: [{handler: lab.record}]}]")
        },
        route("type", "type: com.acme.order.*", "type: com.acme.order.paid"),
        route("match", "match: event.data.total > 2", "match: event.data.total > 3"),
        route("filters", "filters: []", "filters: [{exact: {subject: eu/1}}]"),
        route("final", "final: true", "final: false"),
        transform("set.*", "{set: {subject: \"'a'\"}}", "{set: {subject: \"'b'\"}}"),
        transform("unset", "{unset: [data.total]}", "{unset: [subject]}"),
        transform("rename.*", "{rename: {data.total: data.sum}}", "{rename: {data.total: data.all}}"),
        transform("map", "{map: event.data.total}", "{map: '[event.data.total]'}"),
        transform("redact", "{redact: [data.total]}", "{redact: [subject]}"),
        transform("enrich.*.header", "{enrich: {data.x: {header: tenant}}}", "{enrich: {data.x: {header: subject}}}"),
        transform(
            "enrich.*.default", "{enrich: {data.x: {header: none, default: 1}}}",
            "{enrich: {data.x: {header: none, default: 2}}}"),
        KeyProof("routes[].transform[].enrich.*.state", "\"'last'\"", "\"'first'\"") { value in
            let bench = try RunBench()
            try bench.install("lab")
            try bench.write("events.jsonl", Events.lines(2, extra: #","partitionkey":"k""#))
            _ = try bench.run(
                modules + source + """
                    routes: [{name: all, to: [{handler: lab.show}], transform: [{enrich: {data.x: {state: \(value)}}}]}]
                    """)
            return try bench.lines("seen").joined(separator: "\n")
        },
        KeyProof("routes[].order", "0", "2") { value in
            try run(
                modules + source + """
                    routes:
                      - {name: one, order: \(value), final: true, to: [{handler: lab.record}]}
                      - {name: two, order: 1, final: true, to: [{handler: other.record}]}
                    """)
        },
        KeyProof("routes[].priority", "5", "9") { value in try lastHandled(priority: value) },
        KeyProof("routes[].to[].handler", "lab.record", "other.record") { value in
            try run(modules + source + "routes: [{name: all, to: [{handler: \(value)}]}]")
        },
        KeyProof("routes[].to[].oneOf[].handler", "lab.record", "other.record") { value in
            try run(
                modules + source + """
                    routes:
                      - name: all
                        to: [{oneOf: [{handler: \(value), weight: 1}, {handler: builtin.log, weight: 0}]}]
                    """)
        },
        KeyProof("routes[].to[].oneOf[].weight", "0", "1") { value in
            try run(
                modules + source + """
                    routes:
                      - name: all
                        to: [{oneOf: [{handler: lab.record, weight: \(value)}, {handler: other.record, weight: \
                    \(value == "0" ? 1 : 0)}]}]
                    """)
        },
        KeyProof("routes[].to[].oneOf[].match", "event.data.total > 4", "event.data.total > 2") { value in
            try run(
                modules + source + """
                    routes:
                      - name: all
                        to: [{oneOf: [{handler: lab.record, match: \(value)}, {handler: other.record}]}]
                    """)
        },
        KeyProof("routes[].to[].oneOf[].use.bulkhead", "default", "agents") { value in
            try run(
                modules + source + """
                    policies: {bulkheads: {agents: {maxInFlight: 2}}}
                    routes:
                      - name: all
                        to: [{oneOf: [{handler: lab.record, match: 'true', use: {bulkhead: \(value)}}]}]
                    """)
        },
        KeyProof("routes[].shadow[].handler", "lab.record", "other.record") { value in
            try shadowed("handler: \(value), beside: lab.record")
        },
        KeyProof("routes[].shadow[].sample", "0%", "100%") { value in
            try shadowed("handler: lab.record, beside: lab.record, sample: \(value)")
        },
        KeyProof("routes[].shadow[].beside", "lab.record", "other.record") { value in
            try shadowed("handler: lab.record, beside: \(value)")
        },
        use("retry", "retries", "duration: 7ms"), use("circuitBreaker", "circuitBreakers", "slowCall: 7ms"),
        use("timeout", "timeouts", "attempt: 7ms"), use("bulkhead", "bulkheads", "maxQueue: 7"),
        use("rateLimit", "rateLimits", "count: 7"),
        KeyProof("routes[].ordering.key", "event.type", "\"''\"") { value in try mostAtOnce(key: value) },
        KeyProof("routes[].ordering.onFailure", "blockKey", "halt") { value in
            try plan("", route: ", ordering: {onFailure: \(value)}")
        },
        KeyProof("routes[].dedup.key", "event.id", "event.type") { value in try deduplicated("key: \(value)") },
        KeyProof("routes[].dedup.window", "1s", "3s") { value in
            "\(try plan("", route: ", dedup: {window: \(value)}"))"
        },
        KeyProof("routes[].deadLetter.type", "com.acme.dead", "''") { value in
            try plan("", route: ", deadLetter: {type: \(value)}")
        },
        KeyProof("routes[].deadLetter.retention", "1ms", "1h") { value in try lettersLeft(retention: value) },
        KeyProof("routes[].batching.count", "1", "3") { value in try batches("count: \(value)") },
        KeyProof("routes[].batching.byteSize", "0", "1") { value in try batches("count: 3, byteSize: \(value)") },
        KeyProof("routes[].batching.period", "0s", "7ms") { value in
            try plan("", route: ", batching: {count: 3, period: \(value)}")
        },
    ]

    /// Which shadow was tried, beside which handler, and how often.
    private static func shadowed(_ shadow: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(6))
        let report = try bench.run(
            modules + source + """
                routes: [{name: all, to: [{handler: lab.record}, {handler: other.record}], shadow: [{\(shadow)}]}]
                """)
        return "\(report.shadows.map { "\($0.handler) \($0.beside) \($0.sampled)" })"
    }

    /// Whether the last event of all is handled late by a lane of one permit.
    private static func lastHandled(priority: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(100) + Events.line(101, type: "com.acme.urgent") + "\n")
        _ = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 1}}]}
            policies: {bulkheads: {default: {maxInFlight: 1}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes:
              - {name: plain, type: com.acme.test, to: [{handler: lab.record}]}
              - {name: urgent, type: com.acme.urgent, priority: \(priority), to: [{handler: lab.record}]}
            """)
        // Without a key there is no strict order.
        let place = try bench.lines("seen").firstIndex { $0.hasPrefix("101 ") } ?? -1
        return "\(place > 60)"
    }

    /// Whether more than one call ran at once.
    private static func mostAtOnce(key: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(60))
        _ = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, sleep: 5}}]}
            policies: {bulkheads: {default: {maxInFlight: 8}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.record}], ordering: {key: \(key)}}]
            """)
        return "\(try bench.lines("seen").allSatisfy { $0.contains("most=1 ") })"
    }

    /// Whether any call took more than one event.
    private static func batches(_ batching: String) throws -> String {
        let bench = try RunBench()
        try bench.install("batcher")
        try bench.write("events.jsonl", Events.lines(60))
        _ = try bench.run(
            """
            modules: {directory: FOLDER/plugins, load: [{name: batcher, config: {path: FOLDER/seen}}]}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: batcher.sink}], batching: {\(batching)}}]
            """)
        return "\(try bench.lines("seen").allSatisfy { $0.hasPrefix("batch 1 ") })"
    }

    private static func filter(_ dialect: String, _ first: String, _ second: String) -> KeyProof {
        KeyProof("filter.\(dialect)", first, second) { value in
            try run(
                modules + source
                    + "routes: [{name: all, filters: [{\(dialect): \(value)}], to: [{handler: lab.record}]}]")
        }
    }

    private static let filters = [
        filter("exact", "{subject: eu/1}", "{subject: eu/0}"), filter("prefix", "{subject: eu/}", "{subject: us/}"),
        filter("suffix", "{tenant: '1'}", "{tenant: '2'}"),
        filter("all", "[{exact: {tenant: t1}}]", "[{exact: {tenant: t1}}, {exact: {subject: eu/1}}]"),
        filter("any", "[{exact: {tenant: t1}}]", "[{exact: {tenant: t1}}, {exact: {subject: eu/1}}]"),
        filter("not", "{exact: {tenant: t1}}", "{exact: {tenant: t2}}"),
        filter("cel", "event.data.total == 1", "event.data.total == 2"),
        filter("cesql", "tenant = 't1'", "tenant LIKE '%2'"),
        filter("sql", "tenant IN ('t1')", "tenant IN ('t2')"),
    ]

    private static let all1 = "routes: [{name: all, to: [{handler: lab.record}]}]\n"

    private static func whole(
        _ key: String, _ first: String, _ second: String, _ text: @escaping @Sendable (String) -> String
    )
        -> KeyProof
    {
        KeyProof(key, first, second) { value in try run(text(value)) }
    }

    /// A proof of a key of a module in a process of its own, seen in what one of its handlers notes.
    private static func isolated(_ key: String, _ first: String, _ second: String, _ handler: String) -> KeyProof {
        KeyProof("modules.load[].\(key)", first, second) { value in
            let isWrite = key == "grant.write"
            let grant = key == "grant.read" ? "read: \(value), " : ""
            let limit = key.hasPrefix("limits.") ? "limits: {\(key.dropFirst(7)): \(value)}, " : ""
            return try run(
                "modules: {directory: FOLDER/plugins, load: [{name: lab, isolation: process, \(limit)"
                    + "grant: {\(grant)write: \(isWrite ? value : "[FOLDER/seen, FOLDER/new]")}, "
                    + "config: {path: FOLDER/seen, gate: FOLDER/events.jsonl, count: 4, sleep: 100}}]}\n" + source
                    + "policies: {retries: {default: {policy: none}}}\n"
                    + "routes: [{name: all, match: event.data.total == 1, to: [{handler: lab.\(handler)}]}]\n"
                    + "unmatched: drop\n")
        }
    }

    private static let rest = [
        KeyProof("apiVersion", "patchbay/v1", "patchbay/v2") { value in
            let bench = try RunBench()
            try bench.write("version.yaml", "apiVersion: \(value)\nroutes: []\n")
            do {
                return try Preparation(path: bench.path("version.yaml"), inputs: ConfigurationInputs())
                    .configuration.apiVersion
            } catch let errors as ConfigurationErrors {
                return "\(errors.errors.map(\.code))"
            }
        },
        whole("modules.directory", "FOLDER/plugins", "FOLDER") { value in
            "modules: {directory: \(value)}\n" + source + all1
        },
        whole("modules.load[].name", "lab", "laboratory") { value in
            "modules: {load: [{name: \(value), path: FOLDER/plugins/lab.so, config: {path: FOLDER/seen}}]}\n" + source
                + "routes: [{name: all, to: [{handler: lab.record}]}]"
        },
        whole("modules.load[].path", "FOLDER/plugins/lab.so", "FOLDER/plugins/none.so") { value in
            "modules: {load: [{name: lab, path: \(value), config: {path: FOLDER/seen}}]}\n" + source + all1
        },
        whole("modules.load[].sha256", "\"\"", String(repeating: "0", count: 64)) { value in
            "modules: {directory: FOLDER/plugins, load: [{name: lab, sha256: \(value)}]}\n" + source + all1
        },
        // Isolated it may not write there.
        whole("modules.load[].isolation", "inline", "process") { value in
            "modules: {directory: FOLDER/plugins, load: [{name: lab, isolation: \(value), "
                + "config: {path: FOLDER/seen}}]}\n" + source + all1
        },
        isolated("limits.memory", "0", "64KiB", "record"), isolated("limits.openFiles", "0", "3", "record"),
        isolated("limits.threads", "0", "2", "threads"), isolated("limits.cpuTime", "0s", "20ms", "spin"),
        isolated("grant.read", "[FOLDER]", "[/nowhere]", "peek"),
        isolated("grant.write", "[FOLDER]", "[/nowhere]", "record"),
        whole("modules.load[].builtin", "log", "fail") { value in
            "modules: {load: [{name: it, builtin: \(value)}]}\npolicies: {retries: {default: {policy: none}}}\n"
                + source
                + "routes: [{name: all, to: [{handler: it.\(value)}]}]"
        },
        whole("modules.load[].grant.network", "[]", "[a.com]") { value in
            "modules: {directory: FOLDER/plugins, load: [{name: lab, grant: {network: \(value)}, "
                + "config: {path: FOLDER/seen}}]}\n" + source + all1
        },
        whole("modules.load[].config", "{path: FOLDER/seen}", "{path: FOLDER/seen, text: other}") { value in
            "modules: {directory: FOLDER/plugins, load: [{name: lab, config: \(value)}]}\n" + source + all1
        },
        whole("unmatched", "drop", "deadLetter") { value in
            modules + source + "unmatched: \(value)\nroutes: [{name: all, type: a.b, to: [{handler: lab.record}]}]"
        },
        whole("sources[].name", "events", "others") { value in
            modules + "sources: [{name: \(value), type: file, path: FOLDER/events.jsonl}]\n" + all1
        },
        whole("sources[].type", "file", "socket") { value in
            modules + "sources: [{name: events, type: \(value), path: FOLDER/events.jsonl}]\n" + all1
        },
        whole("sources[].path", "FOLDER/events.jsonl", "/dev/null") { value in
            modules + "sources: [{name: events, type: file, path: \(value)}]\n" + all1
        },
        whole("sources[].format", "cloudevents", "json, eventType: a, source: b") { value in
            modules + "sources: [{name: events, type: file, path: FOLDER/events.jsonl, format: \(value)}]\n" + all1
        },
        whole("sources[].eventType", "com.acme.one", "com.acme.two") { value in
            modules
                + "sources: [{name: e, type: file, path: FOLDER/events.jsonl, format: json, eventType: \(value), source: b}]\n"
                + "routes: [{name: all, type: com.acme.one, to: [{handler: lab.record}]}]"
        },
        whole("sources[].source", "/one", "/two") { value in
            modules
                + "sources: [{name: e, type: file, path: FOLDER/events.jsonl, format: json, eventType: a, source: \(value)}]\n"
                + "routes: [{name: all, match: event.source == '/one', to: [{handler: lab.record}]}]"
        },
        KeyProof("sources[].pattern", "'*.jsonl'", "'*.none'") { value in
            try inbox("pattern: \(value)")
        },
        KeyProof("sources[].done", "rename", "delete") { value in try inbox("done: \(value)") },
        KeyProof("sources[].cron", "0 3 * * *", "0 4 * * *") { try nextTick("cron: '\($0)'") },
        KeyProof("sources[].timezone", "UTC", "Asia/Kolkata") { try nextTick("cron: 0 3 * * *, timezone: \($0)") },
        KeyProof("sources[].every", "30s", "40s") { try nextTick("every: \($0)") },
        KeyProof("log.backend", "memory", "file") { value in try logged("backend: \(value)") },
        KeyProof("log.path", "FOLDER/one", "FOLDER/two") { value in
            try logged("backend: file, path: \(value)", looksAt: "one/log")
        },
        KeyProof("log.sync", "always", "never") { try "\(settings("sync: \($0)").sync)" },
        KeyProof("log.syncInterval", "1s", "2s") { try "\(settings("sync: interval, syncInterval: \($0)").sync)" },
        KeyProof("log.retention.age", "1h", "2h") { try "\(settings("retention: {age: \($0)}").retentionAge)" },
        KeyProof("log.retention.bytes", "1MiB", "2MiB") {
            try "\(settings("retention: {bytes: \($0)}").retentionBytes)"
        },
        KeyProof("log.bytes", "2MiB", "3MiB") { value in
            let bench = try RunBench()
            let report = try bench.run("log: {bytes: \(value)}\nroutes: [{name: all, to: [{handler: builtin.log}]}]")
            return "\(report.status.log)"
        },
        whole("limits.eventBytes", "1MiB", "50B") { value in modules + source + all1 + "limits: {eventBytes: \(value)}"
        },
        whole("limits.nesting", "64", "1") { value in modules + source + all1 + "limits: {nesting: \(value)}" },
        whole("limits.emitDepth", "0", "1") { value in
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, text: a.b, count: 1}}]}
            limits: {emitDepth: \(value)}
            routes:
              - {name: all, type: com.acme.order.*, to: [{handler: lab.emit}]}
              - {name: next, type: a.b, to: [{handler: lab.record}]}

            """ + source
        },
        KeyProof("shutdown.drain", "1ms", "10m") { value in try drained(value) },
        KeyProof("security.requireSignedModules", "false", "true") { value in
            try TrustProof.run("requireSignedModules: \(value), trustedKeys: [FOLDER/release.pub]")
        },
        KeyProof("security.trustedKeys", "[FOLDER/release.pub]", "[FOLDER/events.jsonl]") { value in
            try TrustProof.run("trustedKeys: \(value)")
        },
        KeyProof("reload.watch", "false", "true") { value in try ReloadProof.watched(value) },
        KeyProof("reload.moduleDrain", "1ms", "1h") { value in try ReloadProof.retired(value) },
        KeyProof("telemetry.otlp", "\"\"", "http://127.0.0.1:1") { value in
            let bench = try RunBench()
            bench.adjust = { $0.traces = [.otlp] }
            do {
                return try bench.run("telemetry: {otlp: \(value)}").end
            } catch let error as HostError {
                return error.message
            }
        },
        KeyProof("telemetry.sampleRatio", "1", "0") { value in
            "\(try spans("sampleRatio: \(value)", traced: false).count)"
        },
        KeyProof("telemetry.context", "link", "parent") { value in
            "\(try spans("context: \(value)").contains { $0.contains(#""parentSpanId":"b7ad6b7169203331""#) })"
        },
    ]

    /// What is left of a folder with one file after a run, and how many events came.
    private static func inbox(_ keys: String) throws -> String {
        let bench = try RunBench()
        try FileManager.default.createDirectory(atPath: bench.path("in"), withIntermediateDirectories: true)
        try bench.write("in/a.jsonl", Events.lines(2))
        let report = try bench.run(
            """
            sources: [{name: in, type: directory, path: FOLDER/in, \(keys)}]
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """)
        return "\(report.accepted) \(try FileManager.default.contentsOfDirectory(atPath: bench.path("in")))"
    }

    /// When a timer fires first after a moment.
    private static func nextTick(_ keys: String) throws -> String {
        let bench = try RunBench()
        let preparation = try bench.preparation(
            """
            sources: [{name: clock, type: timer, eventType: a.b, \(keys)}]
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """)
        let source = TimerSource(preparation.configuration.sources[0], logger: Logger(label: "test"))
        return "\(source.next(after: 1_790_000_000_000_000_000) ?? 0)"
    }

    /// How many of three events are duplicates.
    /// How many of three dead letters a second run leaves, which has time to purge those that may go at once.
    private static func lettersLeft(retention: String) throws -> String {
        let bench = try RunBench(.file)
        try bench.write("events.jsonl", Events.lines(3))
        try bench.write("none.jsonl", "")
        func yaml(_ source: String) -> String {
            """
            modules: {load: [{name: flaky, builtin: fail, config: {script: [permanent, permanent, permanent]}}]}
            sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
            routes: [{name: all, to: [{handler: flaky.fail}], deadLetter: {retention: \(retention)}}]
            """
        }
        _ = try bench.run(yaml("events"))
        let host = try bench.host(yaml("none"), once: false)
        try host.start()
        let isShort = retention == "1ms"
        #expect(try !isShort || bench.eventually { try bench.deadLetters().isEmpty })
        host.drain()
        #expect(host.wait().problems == [])
        return try "\(bench.deadLetters().count)"
    }

    private static func deduplicated(_ dedup: String) throws -> String {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(3))
        let report = try bench.run(
            source + "routes: [{name: all, to: [{handler: builtin.log}], dedup: {\(dedup)}}]")
        return "\(report.duplicate)"
    }

    /// Whether a run with a log leaves a folder behind.
    private static func logged(_ log: String, looksAt folder: String = "data/log") throws -> String {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(1))
        let path = log.contains("path") ? "" : ", path: FOLDER/data"
        _ = try bench.run(
            """
            log: {\(log)\(path)}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """)
        return "\(FileManager.default.fileExists(atPath: bench.path(folder)))"
    }

    private static func settings(_ log: String) throws -> LogSettings {
        let bench = try RunBench()
        let preparation = try bench.preparation(
            "log: {backend: file, \(log)}\nroutes: [{name: all, to: [{handler: builtin.log}]}]")
        return DataFolder.settings(preparation.configuration.log)
    }

    /// The spans of one event, which comes with a trace or without.
    private static func spans(_ telemetry: String, traced: Bool = true) throws -> [String] {
        let bench = try RunBench()
        let trace = #","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#
        try bench.write("events.jsonl", Events.lines(1, extra: traced ? trace : ""))
        bench.adjust = { [path = bench.path("traces.jsonl")] in $0.traces = [.file(path)] }
        _ = try bench.run(
            """
            telemetry: {\(telemetry)}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: builtin.log}]}]
            """)
        return try bench.lines("traces.jsonl").flatMap { $0.components(separatedBy: #"{"traceId""#).dropFirst() }
            .map { #"{"traceId""# + $0 }
    }

    /// Drains while a handler is stuck behind a gate that opens once the drain has begun.
    private static func drained(_ time: String) throws -> String {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(1))
        let host = try bench.host(
            """
            modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen, gate: FOLDER/open}}]}
            policies: {timeouts: {default: {attempt: 1h, total: 1h}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: lab.gate}]}]
            shutdown: {drain: \(time)}
            """, once: false)
        try host.start()
        guard try bench.eventually({ try !bench.lines("seen").isEmpty }) else { throw BenchError("never started") }
        host.drain()
        if time != "1ms" { try bench.write("open", "") }
        let end = host.wait().end
        try bench.write("open", "")
        return end
    }
}
