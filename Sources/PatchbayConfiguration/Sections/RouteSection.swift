import PatchbayRouting

extension Configuration.Route {
    static let section = Section<Self>(
        "a route", { Self() },
        [
            Key(
                naming: "name", \.name, .name("a route's name"), "The route's name, unique in the file.",
                example: .string("orders"), location: \.location),
            Key(
                "order", \.order, .integer(-1_000_000...1_000_000),
                "Lower is tried first; equal ones in the file's order."),
            Key("priority", \.priority, .integer(0...9), "0 to 9, 9 first, inside a lane."),
            Key(
                "type", \.type,
                .text("a type pattern", remedy: "'*' is one token between dots, '**' the tail") {
                    TypePattern.problem(of: $0)
                },
                "Which event types: * is one token between dots, ** the tail, ** alone every type.",
                example: .string("com.acme.order.*")),
            Key(
                "filters", \.filters, Format<Configuration.Filter>.filter.list(), "Further conditions; all must hold.",
                example: .list([
                    .map([.init(key: "prefix", value: .map([.init(key: "subject", value: .string("eu/"))]))])
                ])),
            Key(
                "match", \.match, .expression(.condition), "CEL over event; empty takes every event.",
                example: .string("event.data.total > 100")),
            Key(
                "transform", \.transform, Format<Configuration.TransformStep>.transformStep.list(),
                "What handlers get instead of the event as it came, step by step; the log keeps the original.",
                example: .list([.map([.init(key: "redact", value: .list([.string("data.card")]))])])),
            Key(
                "to", \.to, Format<Configuration.Target>.target.list(nonEmpty: true), "Who receives; every entry does.",
                example: .list([.map([.init(key: "handler", value: .string("billing.charge"))])]), required: true),
            Key(
                "shadow", \.shadow, Configuration.Shadow.section.format.list(),
                "Handlers that are tried with events of this route, without effects, and compared with who gets them.",
                example: .list([
                    .map([
                        .init(key: "handler", value: .string("billing-next.charge")),
                        .init(key: "sample", value: .string("10%")),
                    ])
                ])),
            Key("final", \.final, .flag, "Whether the search ends with this route."),
            Key("use", \.use, Configuration.Use.section.format, "The policies of this route, by name."),
            Key("ordering", \.ordering, Configuration.Ordering.section.format, "Which events wait for each other."),
            Key(
                "dedup", \.dedup, Configuration.Deduplication.section.format.optional,
                "Takes events with the same key once within a window.",
                example: .map([.init(key: "window", value: .string("5m"))])),
            Key(
                "deadLetter", \.deadLetter, Configuration.DeadLetter.section.format,
                "What becomes of events that are given up, beside being kept."),
            Key("batching", \.batching, Configuration.Batching.section.format, "How many events one call takes."),
        ])
}

extension Configuration.Use {
    static let section = Section<Self>(
        "use", { Self() },
        [
            Key("retry", \.retry, .policy, "A name of policies.retries."),
            Key("circuitBreaker", \.circuitBreaker, .policy, "A name of policies.circuitBreakers."),
            Key("timeout", \.timeout, .policy, "A name of policies.timeouts."),
            Key("bulkhead", \.bulkhead, .policy, "A name of policies.bulkheads."),
            Key("rateLimit", \.rateLimit, .policy, "A name of policies.rateLimits."),
        ])
}

extension Format<Configuration.PolicyReference> {
    /// A policy's name; whether it exists is checked once all of the file is read.
    static let policy = Format(
        read: { node, path, reading in
            reading.scalar(node, path, expected: "a policy's name").map { .init($0.text, location: node.location) }
        },
        show: { .string($0.name) },
        schema: { Schema.type("string") })
}

extension Configuration.Ordering {
    static let section = Section<Self>(
        "ordering", { Self() },
        [
            Key(
                "key", \.key, .expression(.key),
                "CEL over event; events with the same value keep their order. Empty keeps none; a list joins."),
            Key("onFailure", \.onFailure, .choice(), "What a failed event does to those behind it."),
        ])
}

extension Configuration.Deduplication {
    static let section = Section<Self>(
        "dedup", { Self() },
        [
            Key(
                "key", \.key, .expression(.key, mayBeEmpty: false),
                "CEL over event; a list joins. An event for which it gives nothing is always taken."),
            Key(
                "window", \.window, .duration(.milliseconds(1)...DurationText.longest),
                "How long after an event others with its key are duplicates; up to 1,048,576 keys are kept."),
        ])
}

extension Configuration.DeadLetter {
    static let section = Section<Self>(
        "deadLetter", { Self() },
        [
            Key(
                "type", \.type, .text("an event type") { _ in nil },
                "A dead letter also comes in as an event of this type, which routes may match; empty is not so.",
                example: .string("com.acme.dead.order")),
            Key(
                "retention", \.retention, .duration(),
                "How long dead letters stay in a log in files before they are purged; 0s is for ever."),
        ])
}

extension Configuration.Batching {
    static let section = Section<Self>(
        "batching", { Self() },
        [
            Key("count", \.count, .integer(1...100_000), "Events of one call at most; 1 is no batching."),
            Key("byteSize", \.byteSize, .bytes(0...(1 << 40)), "Bytes of one batch at most; 0 is no bound."),
            Key("period", \.period, .duration(), "How long a batch waits to fill; 0s takes what is there."),
        ]
    ) { batching, node, path, reading in
        guard batching.count == 1 else { return }
        for key in ["byteSize", "period"] {
            guard let entry = node[key], key == "byteSize" ? batching.byteSize > 0 : batching.period > .zero else {
                continue
            }
            reading.fail(
                .impossible, "'\(key)' has no meaning with 'count: 1', which does not batch", at: entry.keyLocation,
                "\(path).\(key)", remedy: "raise count, or remove \(key)")
        }
    }
}
