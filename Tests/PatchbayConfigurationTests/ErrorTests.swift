import Testing

@testable import PatchbayConfiguration

@Suite struct ErrorTests {
    @Test func `reports everything that is wrong at once, sorted by place`() {
        let yaml = """
            apiVersion: patchbay/v2
            modul: {}
            modules:
              load:
                - {nam: x, name: "a b", sha256: zz}
                - {name: f, builtin: fail, path: ./x}
            policies:
              retries:
                fast: {duration: 5, maxRetries: -1, jitter: ful, multiplier: two}
                slow: {duration: 10s, maxInterval: 5s}
                slow: {duration: 1s}
              timeouts: {default: {attempt: 10m, total: 5m}}
              circuitBreakers: {default: {trip: "", timeout: 10m}}
              bulkheads: {a: {algorithm: gradient2, min: 10, max: 3}, b: {min: 4}}
            routes:
              - name: orders
                type: com.acme.order*
                type: com.acme.order.*
                filters: [{prefix: {Subject: eu/}}, {prefx: {}}, {all: []}]
                to:
                  - handler: charge
                  - oneOf: [{handler: a.b, weight: 0}, {handler: a.d, weight: 0}]
                  - {handler: a.c, oneOf: [{handler: a.b}]}
                use: {retry: fsat, timeout: none}
                final: yes
              - name: orders
                to: handler
            log: {bytes: 1KB}
            log: {}
            """
        #expect(
            errors(yaml) == [
                "1:13 badValue apiVersion: 'patchbay/v2' is not the version 'patchbay/v1': this host reads no other",
                "2:1 unknownKey modul: unknown key 'modul' in the configuration; did you mean 'modules'?",
                "5:8 unknownKey modules.load[0].nam: unknown key 'nam' in a module; did you mean 'name'?",
                "5:22 badValue modules.load[0].name: 'a b' is not a module's name: it has other characters, or none",
                "5:37 badValue modules.load[0].sha256: 'zz' is not 64 hexadecimal digits, or empty: it has 2 characters or other ones",
                "6:32 impossible modules.load[1].path: 'path' has no meaning beside 'builtin': the handler is the host's, not a file's",
                "9:22 badValue policies.retries.fast.duration: '5' is not a duration",
                "9:37 outOfRange policies.retries.fast.maxRetries: -1 is out of range",
                "9:49 badValue policies.retries.fast.jitter: 'ful' is not accepted; did you mean 'full'?",
                "9:66 wrongType policies.retries.fast.multiplier: expected a number, found the value 'two'",
                "10:40 impossible policies.retries.slow.maxInterval: maxInterval 5s is shorter than duration 10s",
                "11:5 duplicateKey policies.retries.slow: key 'slow' appears more than once in this map (first at line 10)",
                "12:33 impossible policies.timeouts.default.attempt: attempt 10m is longer than total 5m",
                "13:37 badValue policies.circuitBreakers.default.trip: the expression is empty",
                "14:46 impossible policies.bulkheads.a.min: min 10 is more than max 3",
                "14:63 impossible policies.bulkheads.b.min: 'min' has no meaning with 'algorithm: fixed'",
                "17:11 badValue routes[0].type: 'com.acme.order*' is not a type pattern: '*' stands for a whole token, not for a part of 'order*'",
                "18:5 duplicateKey routes[0].type: key 'type' appears more than once in this map (first at line 17)",
                "19:25 badValue routes[0].filters[0].prefix.Subject: 'Subject' is not a context attribute",
                "19:42 unknownKey routes[0].filters[1].prefx: unknown dialect 'prefx'; did you mean 'prefix'?",
                "19:60 badValue routes[0].filters[2].all: the list is empty",
                "21:18 badValue routes[0].to[0].handler: 'charge' is not a handler",
                "22:16 impossible routes[0].to[1].oneOf: every weight is 0, so no handler is ever chosen",
                "23:24 impossible routes[0].to[2].oneOf: a target has 'handler' or 'oneOf', not both",
                "24:18 unresolved routes[0].use.retry: no retry policy is named 'fsat'; did you mean 'fast'?",
                "24:33 unresolved routes[0].use.timeout: no timeout policy is named 'none'",
                "25:12 wrongType routes[0].final: expected true or false, found the value 'yes'",
                "26:11 duplicateName routes[1].name: a second route named 'orders' (the first is at line 16)",
                "27:9 wrongType routes[1].to: expected a list, found the value 'handler'",
                "28:14 impossible log.bytes: log.bytes 1KB has no room for an event of limits.eventBytes 1MiB",
                "29:1 duplicateKey log: key 'log' appears more than once in this map (first at line 28)",
            ])
    }

    @Test func `prints place, path, accepted values and remedy`() {
        let error = draft("policies:\n  retries:\n    default: {duration: 5}\n").errors.first
        #expect(
            error?.description == """
                p.yaml:3:25: error: policies.retries.default.duration: '5' is not a duration
                    accepted: 500ms, 30s, 5m, 1h30m, 24h, 7d, PT5M
                    remedy: say the unit, as in 5s or 5ms
                """)
    }

    @Test func `names the keys that a map takes, nearest first`() {
        let error = draft("limits: {evntBytes: 1}").errors.first
        #expect(error?.message == "unknown key 'evntBytes' in limits; did you mean 'eventBytes'?")
        #expect(error?.accepted == ["eventBytes", "nesting", "emitDepth"])
        #expect(draft("limits: {colour: 1}").errors.first?.message == "unknown key 'colour' in limits")
    }

    @Test(arguments: [
        ("http: {}", "HTTP"), ("tenancy: {}", "HTTP"),
        ("schemas: {}", "schema"), ("ordering: {}", "patterns"),
        ("correlations: {}", "patterns"), ("patterns: {}", "patterns"), ("projections: {}", "workflows"),
        ("commands: {}", "workflows"), ("queries: {}", "workflows"), ("workflows: {}", "workflows"),
        ("quality: {}", "patterns"), ("analytics: {}", "patterns"), ("alerts: {}", "patterns"),
        ("discovery: {}", "fleet"),
        ("telemetry: {metrics: /metrics}", "HTTP"), ("telemetry: {health: []}", "HTTP"),
    ])
    func `refuses what later work brings`(yaml: String, work: String) throws {
        let configuration = draft(yaml)
        let all =
            configuration.errors + HandlerCheck.errors(in: configuration.configuration) { _ in .found }
        #expect(!all.isEmpty && all.allSatisfy { $0.code == .later })
        let message = try #require(all.first?.message)
        #expect(message.contains("known, not in this version; the "))
        #expect(message.contains(work))
    }

    @Test(arguments: [
        ("modules: []", "1:10 wrongType modules: expected a map (modules), found a list"),
        ("routes: {}", "1:9 wrongType routes: expected a list, found a map"),
        ("- a", "1:1 wrongType : expected a map (the configuration), found a list"),
        (
            "policies: {retries: [a]}",
            "1:21 wrongType policies.retries: expected a map of policies by name, found a list"
        ),
        ("unmatched: [drop]", "1:12 wrongType unmatched: expected one of drop, deadLetter, error, found a list"),
        ("limits: {nesting: '7'}", "1:19 wrongType limits.nesting: expected a whole number, found the value '7'"),
        ("limits: {nesting: 7.5}", "1:19 wrongType limits.nesting: expected a whole number, found the value '7.5'"),
        ("limits: {nesting: }", "1:19 wrongType limits.nesting: expected a whole number, found nothing"),
        ("limits: {nesting: 0}", "1:19 outOfRange limits.nesting: 0 is out of range"),
        ("limits: {eventBytes: -1}", "1:22 badValue limits.eventBytes: '-1' is not a number of bytes"),
        ("limits: {eventBytes: 1kb}", "1:22 badValue limits.eventBytes: '1kb' is not a number of bytes"),
        ("telemetry: {sampleRatio: 1.5}", "1:26 outOfRange telemetry.sampleRatio: 1.5 is out of range"),
        (
            "telemetry: {sampleRatio: .nan}",
            "1:26 wrongType telemetry.sampleRatio: expected a number, found the value '.nan'"
        ),
        ("policies: {a b: {}}", "1:12 unknownKey policies[\"a b\"]: unknown key 'a b' in policies"),
        (
            "policies: {bulkheads: {default: {maxInFlight: many}}}",
            "1:47 wrongType policies.bulkheads.default.maxInFlight: expected auto or a whole number, found the value 'many'"
        ),
        (
            "policies: {bulkheads: {default: {maxInFlight: 0}}}",
            "1:47 outOfRange policies.bulkheads.default.maxInFlight: 0 is out of range"
        ),
        (
            "routes: [{name: a, to: [{handler: a.b}], ordering: {key: [event.source]}}]",
            "1:58 wrongType routes[0].ordering.key: expected a CEL text, found a list"
        ),
        (
            "routes: [{name: a, to: [{handler: a.b}], priority: 10}]",
            "1:52 outOfRange routes[0].priority: 10 is out of range"
        ),
        ("routes: [{to: [{handler: a.b}]}]", "1:10 missingKey routes[0]: a route needs the key 'name'"),
        ("routes: [{name: a}]", "1:10 missingKey routes[0]: a route needs the key 'to'"),
        ("routes: [{name: a, to: []}]", "1:24 badValue routes[0].to: the list is empty"),
        ("routes: [{name: a, to: [{}]}]", "1:25 missingKey routes[0].to[0]: a target needs a handler"),
        (
            "routes: [{name: a, type: a..b, to: [{handler: a.b}]}]",
            "1:26 badValue routes[0].type: 'a..b' is not a type pattern: it has an empty token"
        ),
        (
            "routes: [{name: a, type: '**.b', to: [{handler: a.b}]}]",
            "1:26 badValue routes[0].type: '**.b' is not a type pattern: '**' stands only at the end"
        ),
        (
            "routes: [{name: a, to: [{handler: a.b}], filters: [{exact: {type: a}, prefix: {type: a}}]}]",
            "1:52 badValue routes[0].filters[0]: a filter has one dialect, this one has 2"
        ),
        ("sources: [{name: a, type: file}]", "1:11 missingKey sources[0]: a file source needs the key 'path'"),
        (
            "sources: [{name: a, type: stdin, path: x}]",
            "1:34 impossible sources[0].path: 'path' has no meaning with 'type: stdin', which has none"
        ),
        (
            "sources: [{name: a, type: stdin, eventType: x}]",
            "1:34 impossible sources[0].eventType: 'eventType' has no meaning with 'format: cloudevents', which brings its own"
        ),
        (
            "sources: [{name: a, type: stdin, format: json, source: x}]",
            "1:11 missingKey sources[0]: 'format: json' needs the key 'eventType'"
        ),
        (
            "sources: [{name: a, type: stdin}, {name: b, type: stdin}]",
            "1:42 impossible sources[1]: standard input has a source already, at line 1"
        ),
        (
            "modules: {load: [{name: builtin}]}",
            "1:25 badValue modules.load[0].name: 'builtin' is the name of the host's own handlers"
        ),
        (
            "modules: {load: [{name: a, config: [1]}]}",
            "1:36 wrongType modules.load[0].config: expected a map, found a list"
        ),
        (
            "telemetry: {otlp: 'localhost:4318'}",
            "1:19 badValue telemetry.otlp: 'localhost:4318' is not an http:// or https:// URL, or empty: it begins with neither"
        ),
        (
            "telemetry: {otlp: 'http://a:99999'}",
            "1:19 badValue telemetry.otlp: 'http://a:99999' is not an http:// or https:// URL, or empty: '99999' is not a port"
        ),
    ])
    func `refuses wrong types, ranges and combinations`(yaml: String, expected: String) {
        #expect(errors(yaml) == [expected])
    }

    @Test(arguments: [
        ("policies: {rateLimits: {default: {key: event.source}}}", "key", "a key without a limit: count is 0"),
        (
            "policies: {bulkheads: {default: {algorithm: gradient2, maxInFlight: 3}}}", "maxInFlight",
            "'maxInFlight' has no meaning with 'algorithm: gradient2'"
        ),
        (
            "policies: {bulkheads: {default: {maxInFlight: 3, perKey: 4}}}", "perKey",
            "perKey 4 is more than maxInFlight 3"
        ),
        (
            "policies: {bulkheads: {default: {algorithm: gradient2, initial: 500}}}", "initial",
            "initial 500 is not between min 1 and max 200"
        ),
        (
            "policies: {circuitBreakers: {default: {timeout: 10m}}}", "timeout",
            "maxTimeout 5m is shorter than timeout 10m"
        ),
        ("policies: {retries: {default: {duration: 2m}}}", "duration", "maxInterval 1m is shorter than duration 2m"),
    ])
    func `refuses impossible policies`(yaml: String, key: String, message: String) {
        let found = draft(yaml).errors
        #expect(found.map(\.message) == [message])
        #expect(found.first?.code == .impossible)
        #expect(found.first?.path.hasSuffix(".\(key)") == true)
    }

    @Test(arguments: [
        // 0.5+1+2+4+8+16+32 = 63.5 s, then 60 s each: 3 more are 243.5 s and a fourth is past 300 s.
        ("{maxRetries: 11}", 10), ("{maxRetries: 10}", nil), ("{policy: none, maxRetries: 1000}", nil),
        ("{policy: constant, duration: 30s, maxRetries: 11}", 10),
        ("{policy: constant, duration: 30s, maxRetries: 10}", nil),
        // 30+60+60+60+60 = 270 s.
        ("{policy: linear, duration: 30s, maxRetries: 6}", 5),
        ("{policy: linear, duration: 30s, maxRetries: 5}", nil),
        ("{multiplier: 1, duration: 1s, maxRetries: 301}", 300), ("{duration: 0s, maxRetries: 1000000}", nil),
        ("{multiplier: 1.0000001, duration: 1ms, maxRetries: 1000000}", 295_588),
    ])
    func `refuses retries that wait longer than the delivery has`(policy: String, fits: Int?) {
        let yaml = """
            policies: {retries: {long: \(policy)}}
            routes:
              - {name: a, to: [{handler: a.b}], use: {retry: long}}
              - {name: b, to: [{handler: a.b}], use: {retry: long}}
            """
        let found = draft(yaml).errors
        #expect(found.count == (fits == nil ? 0 : 1))
        #expect(found.first?.location.line ?? 3 == 3)
        if let fits {
            #expect(found.first?.remedy == "lower maxRetries to \(fits), shorten the delays, or lengthen the total")
        }
    }

    @Test func `refuses a batch that its lane cannot hold`() {
        let yaml = "routes: [{name: a, to: [{handler: a.b}], batching: {count: 600}}]"
        #expect(
            errors(yaml) == [
                "1:60 impossible routes[0].batching.count: a batch of 600 never fills: bulkhead policy 'default' loads 512 (maxQueue)"
            ])
    }

    @Test func `reports handlers that nothing provides, with the candidates`() {
        let yaml = """
            modules: {load: [{name: flaky, builtin: fail}]}
            routes:
              - name: a
                to:
                  - {handler: biling.charge}
                  - oneOf: [{handler: billing.charge}, {handler: broken.run}]
                  - {handler: builtin.fali}
                  - {handler: flaky.log}
                  - {handler: flaky.fail}
                  - {handler: builtin.log}
            """
        let found = errors(
            yaml,
            handlers: { name in
                switch name {
                case "billing.charge": .found
                case "broken.run": .rejected(reason: "no manifest", remedy: "build it with the SDK")
                default: .unknown(candidates: ["billing.charge", "audit.append"])
                }
            })
        #expect(
            found == [
                "5:19 unresolved routes[0].to[0].handler: no handler is named 'biling.charge'; did you mean 'billing.charge'?",
                "6:54 unresolved routes[0].to[1].oneOf[1].handler: the module of 'broken.run' was refused: no manifest",
                "7:19 unresolved routes[0].to[2].handler: no handler is named 'builtin.fali'; did you mean 'builtin.fail'?",
                "8:19 unresolved routes[0].to[3].handler: no handler is named 'flaky.log': 'flaky' is the host's 'fail'",
            ])
    }

    @Test func `errors of the file and of its handlers come together`() {
        let yaml = "limits: {nestin: 1}\nroutes: [{name: a, to: [{handler: a.b}]}]"
        #expect(errors(yaml, handlers: { _ in .unknown(candidates: []) }).map { $0.prefix(2) } == ["1:", "2:"])
    }

    @Test func `takes errors of other parts of the host and places them`() throws {
        var draft = draft("modules:\n  load:\n    - name: a\n      config: {db: {port: x}}\n")
        let place = try #require(draft.location(of: "modules.load[0].config.db.port"))
        draft.add(ConfigurationError(code: .wrongType, message: "not a number", location: place, path: "x"))
        #expect(place.description == "p.yaml:4:27" && draft.errors.count == 1)
        #expect(throws: ConfigurationErrors.self) { try draft.validated { _ in .found } }
    }
}
