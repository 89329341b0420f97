import Testing

@testable import PatchbayRuntime

extension KeyProof {
    /// The keys of tests: two values, and what they make of a test.
    static let tests: [KeyProof] = given + injected + expected + counted

    private static func proof(
        _ key: String, _ first: String, _ second: String, _ test: @escaping @Sendable (String) -> String
    ) -> KeyProof {
        KeyProof("tests[].\(key)", first, second) { value in
            let result = try Tested.run(test(value))
            let failures = result.failures.map { "\($0.what) \($0.expected) \($0.actual)" }
            return "\(result.name), \(result.events) events, \(result.calls) calls, \(result.duration): \(failures)"
        }
    }

    private static let given: [KeyProof] =
        [
            proof("name", "a", "b") { "name: \($0)\nsend: {type: order.paid}\nexpect: {outcome: done}" },
            proof("seed", "1", "2") {
                "name: t\nseed: \($0)\nsend: {type: jittery}\ninject: {handler: jittery.do, fail: [transient]}\n"
                    + "expect: {outcome: done}"
            },
        ]
        + [
            ("type", "order.paid", "other"), ("id", "a", "b"), ("data", "{total: 1}", "{total: 1000}"),
            ("source", "/a", "/b"), ("subject", "a", "b"), ("time", "'2026-01-01T00:00:00Z'", "'2026-01-02T00:00:00Z'"),
            ("at", "1s", "2s"), ("every", "1s", "2s"), ("times", "2", "3"),
        ].map { key, first, second in
            proof("send.\(key)", first, second) { value in
                var send = ["type": "order.paid", "times": key == "every" ? "2" : nil].compactMapValues { $0 }
                send[key] = value
                let text = send.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
                // A dead letter repeats the event's attributes.
                return "name: t\nsend: {\(text)}\ninject: {handler: billing.charge, then: permanent}\n"
                    + "expect: {deadLetter: {id: x, source: x, subject: x, time: x, type: x}}"
            }
        }

    private static func inject(_ key: String, _ first: String, _ second: String, _ others: String = "") -> KeyProof {
        proof("inject.\(key)", first, second) { value in
            let handler = key == "handler" ? "" : "handler: narrow.do, "
            return "name: t\nsend: [{type: narrow, times: 6, every: 1ms}, {type: order.paid, data: {total: 1}}]\n"
                + "inject: {\(handler)\(others)\(key): \(value)}\nexpect: {ends: 0s, inFlight: 0}"
        }
    }

    private static let injected: [KeyProof] =
        [
            inject("handler", "narrow.do", "billing.charge", "then: skip, takes: 1s, "),
            inject("event", "1", "2", "takes: 1s, "), inject("between", "0s..1s", "10s..11s", "takes: 1s, "),
            inject("fail", "[ok]", "[transient]"), inject("then", "ok", "transient"),
            inject("perEvent", "false", "true", "fail: [transient], "), inject("takes", "0s", "1s"),
            inject("concurrency", "2", "1", "takes: 1s, "),
        ]
        + [
            ("type", "a.b", "order.x"), ("id", "a", "b"), ("source", "/a", "/b"), ("subject", "a", "b"),
            ("time", "'2026-01-01T00:00:00Z'", "'2026-01-02T00:00:00Z'"), ("data", "1", "2"),
        ].map { key, first, second in
            proof("inject.emits.\(key)", first, second) { value in
                let type = key == "type" ? "" : "type: a.b, "
                return "name: t\nsend: {type: narrow}\ninject: {handler: narrow.do, emits: {\(type)\(key): \(value)}}\n"
                    + "expect: {emitted: []}"
            }
        }

    /// A value that holds and one that does not, of a test in which much happens.
    private static func expect(_ key: String, _ first: String, _ second: String) -> KeyProof {
        proof("expect.\(key)", first, second) { value in
            let path = key.replacing("[]", with: "").split(separator: ".").map(String.init)
            var text = path.last == "*" ? value : "\(path[path.count - 1]): \(value)"
            for part in path.dropLast().reversed() { text = "\(part): {\(text)}" }
            let isScope = ["event", "handler"].contains(key)
            return """
                name: t
                send:
                  - {id: o, type: order.paid, data: {total: 200}, partitionkey: a}
                  - {id: p, type: order.paid, data: {total: 200}, partitionkey: a}
                  - {id: n, type: none, at: 1s}
                inject:
                  - {handler: billing.charge, event: o, fail: [transient, ok], takes: 1s}
                  - {handler: billing.charge, event: p, fail: [permanent],
                     emits: {type: order.x}}
                  - {handler: audit.append, event: o, emits: {id: e, source: /s, type: a.b, subject: s, time:
                     '2026-01-01T00:00:00Z', data: {a: 1}}}
                expect: {\(text)\(isScope ? ", attempts: 2" : "")}
                """
        }
    }

    private static let expected: [KeyProof] = [
        expect("event", "o", "p"), expect("handler", "billing.charge", "audit.append"),
        expect("route", "[orders, audit]", "orders"), expect("handlers", "[billing.charge]", "[audit.append]"),
        expect("unmatched", "true", "false"), expect("explain.*", "audit: matched", "audit: notMatched"),
        expect("outcome", "done", "dead"), expect("attempts", "1..2", "7"), expect("delays", "1s", "2s"),
        expect("starts", "[0s, 0s, 0s, 2s, 3s]", "[0s]"), expect("ends", "0s..3s", "9s"),
        expect("within", "10s", "1s"), expect("inFlight", "1", "9"), expect("order", "[o, p]", "[p, o]"),
        expect("breaker", "[]", "[open]"), expect("deadLetter.*", "dlqclass: permanent", "dlqclass: x"),
        expect("emitted.type", "a.b", "c"), expect("emitted.id", "e", "f"), expect("emitted.source", "/s", "/t"),
        expect("emitted.subject", "s", "t"), expect("emitted.data", "{a: 1}", "{a: 2}"),
        expect("emitted.time", "'2026-01-01T00:00:00Z'", "'2026-01-02T00:00:00Z'"),
    ]

    private static let counted: [KeyProof] = [
        "events", "emitted", "unmatched", "refused", "duplicates", "deliveries", "done", "skipped", "dead", "pending",
        "attempts",
        "retries", "timeouts", "busy",
    ].map { expect("counts.\($0)", "0..50", "60") }
}
