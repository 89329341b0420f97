extension Configuration.Test {
    static let section = Section<Self>(
        "a test", { Self() },
        [
            Key(
                naming: "name", \.name, .text("a test's name") { $0.isEmpty ? "it is empty" : nil },
                "What the test is about, unique in the file.", example: .string("an outage opens the breaker"),
                location: \.location),
            Key("seed", \.seed, .integer(0...4_294_967_295), "Decides jitter and weighted choices."),
            Key(
                "send", \.send, Format<Sending>.sending.several(nonEmpty: true),
                "Events that come in: one or a list, each with a type, perhaps with at, every and times.",
                example: .map([.init(key: "type", value: .string("com.acme.order.paid"))]), required: true),
            Key(
                "inject", \.inject, Injection.section.format.several(),
                "What handlers do; those that are not named succeed at once."),
            Key(
                "expect", \.expect, Expectation.section.format.several(nonEmpty: true),
                "What is to come of it: one map or a list of them.",
                example: .map([.init(key: "attempts", value: .int(3))]), required: true),
        ])
}

extension Configuration.Test.Injection {
    static let section = Section<Self>(
        "an injection", { Self() },
        [
            Key(
                "handler", \.handler, .handlerName, "Whose attempts these are.", example: .string("billing.charge"),
                required: true),
            Key(
                "event", \.event, Format<String>.word("an event's id").optional,
                "The id of the event that it is about, instead of every event.", example: .string("order-1")),
            Key(
                "between", \.between, Format<Configuration.Bounds<Duration>>.span.optional,
                "Only attempts that begin in this span of virtual time.", example: .string("10s..5m")),
            Key(
                "fail", \.fail, Format<Configuration.Test.Step>.step.list(),
                "What one attempt after the other does.",
                example: .list([.string("transient"), .string("transient"), .string("ok")])),
            Key("then", \.then, .step, "What every attempt after the last step does."),
            Key(
                "perEvent", \.perEvent, .flag,
                "Whether each event plays the steps from their beginning; otherwise they are played once."),
            Key("takes", \.takes, .duration(), "How long an attempt takes that says nothing of its own."),
            Key(
                "emits", \.emits, Format<Configuration.Test.EventText>.event.several(),
                "Events that an attempt that is done emits."),
            Key(
                "concurrency", \.concurrency, .integer(0...1_000_000),
                "Calls at once that the handler's manifest allows; 0 is unlimited."),
        ])
}

extension Configuration.Test.Expectation {
    private static let keys: [Key<Self>] = [
        Key(
            "event", \.event, Format<String>.word("an event's id").optional,
            "The id of the event that this is about, instead of every event.", example: .string("order-1")),
        Key(
            "handler", \.handler, Format<String>.handlerName.optional,
            "The handler that this is about, instead of those that inject names, or else all.",
            example: .string("billing.charge")),
        Key(
            "route", \.route, Format<String>.word("a route's name").several().optional,
            "The routes that deliver each event, in their order.", example: .string("orders")),
        Key(
            "handlers", \.handlers, Format<String>.handlerName.list().optional,
            "The handlers that get each event, in order.", example: .list([.string("billing.charge")])),
        Key(
            "unmatched", \.unmatched, Format<Bool>.flag.optional, "Whether no route takes the events.",
            example: .bool(true)),
        Key(
            "explain", \.explain, Format<[Configuration.Test.RouteVerdict]>.verdicts.optional,
            "What each of these routes makes of the events.",
            example: .map([.init(key: "orders", value: .string("matched"))])),
        Key(
            "outcome", \.outcome, Format<Configuration.Test.Outcome>.choice().optional,
            "How each delivery ends.", example: .string("done")),
        Key(
            "attempts", \.attempts, Format<Configuration.Bounds<Int>>.count.optional,
            "Charged attempts of each delivery.", example: .int(3)),
        Key(
            "delays", \.delays, Format<Configuration.Bounds<Duration>>.span.several().optional,
            "Waits between the attempts of each delivery: each of a list, or one for all.",
            example: .list([.string("500ms"), .string("1s")])),
        Key(
            "starts", \.starts, Format<Configuration.Bounds<Duration>>.span.list().optional,
            "When attempts start, of all deliveries together.", example: .list([.string("0s"), .string("1s")])),
        Key(
            "ends", \.ends, Format<Configuration.Bounds<Duration>>.span.optional,
            "When each delivery is settled.", example: .string("1s..2s")),
        Key(
            "within", \.within, Format<Duration>.duration().optional,
            "How long after the beginning everything is settled at the latest.", example: .string("10m")),
        Key(
            "inFlight", \.inFlight, Format<Configuration.Bounds<Int>>.count.optional,
            "Most calls that are open at once.", example: .int(2)),
        Key(
            "order", \.order, Format<Configuration.Test.Order>.order.optional,
            "byKey: events of one ordering key end as they came in; or ids, which end in this order.",
            example: .string("byKey")),
        Key(
            "breaker", \.breaker, Format<Configuration.Test.Transition>.transition.list().optional,
            "Every change of the circuit breakers' state, perhaps with its time.",
            example: .list([
                .map([.init(key: "open", value: .string("3s"))]), .string("halfOpen"), .string("closed"),
            ])),
        Key(
            "deadLetter", \.deadLetter, Format<[Configuration.AttributeText]>.attributes.optional,
            "Attributes that each dead letter has.",
            example: .map([.init(key: "dlqclass", value: .string("permanent"))])),
        Key(
            "emitted", \.emitted, Format<Configuration.Test.EventText>.partialEvent.several().optional,
            "Events that handlers emit, each by some of its attributes and data; [] is none.",
            example: .map([.init(key: "type", value: .string("com.acme.payment.charged"))])),
        Key(
            "counts", \.counts, Configuration.Test.Counts.section.format.optional, "How many there are of what.",
            example: .map([.init(key: "dead", value: .int(0))])),
    ]

    static let section = Section<Self>("an expectation", { Self() }, keys) { _, node, path, reading in
        guard case .map(let entries) = node.content,
            !entries.contains(where: { !["event", "handler"].contains($0.key) })
        else { return }
        reading.fail(
            .missingKey, "it expects nothing", at: node.location, path,
            accepted: keys.map(\.name).filter { !["event", "handler"].contains($0) })
    }
}

extension Configuration.Test.Counts {
    private static let keys: [Key<Self>] = [
        key("events", \.events, "Events that came in or were emitted, and were accepted."),
        key("emitted", \.emitted, "Events that handlers emitted."),
        key("unmatched", \.unmatched, "Events that no route takes."),
        key("refused", \.refused, "Events that were refused."),
        key("duplicates", \.duplicates, "Events that every route which takes them had had before."),
        key("deliveries", \.deliveries, "Deliveries, one for each event and handler."),
        key("done", \.done, "Deliveries that are done."),
        key("skipped", \.skipped, "Deliveries that a handler skipped."),
        key("dead", \.dead, "Deliveries that were given up."),
        key("pending", \.pending, "Deliveries that have not ended."),
        key("attempts", \.attempts, "Attempts that were charged or succeeded."),
        key("retries", \.retries, "Failed attempts that are repeated."),
        key("timeouts", \.timeouts, "Attempts that timed out."),
        key("busy", \.busy, "Calls that a handler shed."),
    ]

    static let section = Section<Self>("counts", { Self() }, keys) { _, node, path, reading in
        guard case .map(let entries) = node.content, entries.isEmpty else { return }
        reading.fail(
            .missingKey, "it counts nothing", at: node.location, path, accepted: keys.map(\.name))
    }

    private static func key(
        _ name: String, _ property: any WritableKeyPath<Self, Configuration.Bounds<Int>?> & Sendable, _ help: String
    ) -> Key<Self> {
        Key(name, property, Format<Configuration.Bounds<Int>>.count.optional, help, example: .int(1))
    }
}
