import PatchbayEvents
import PatchbaySchemas
import Testing

@testable import PatchbayConfiguration

/// Faults that a reader found, each with what it must never do again.
@Suite struct FindingTests {
    @Test func `finding 1: no part of a secret is in any error, with or without its handlers`() throws {
        try withSecrets(["a": "hunter2-secret.x", "b": "hunter2 + oops", "c": "http://h:hunter2", "d": "hun.hunter2*"])
        {
            folder in
            let yaml = """
                telemetry: {otlp: "${secret:c}"}
                routes:
                  - {name: a, match: "${secret:b}", to: [{handler: "${secret:a}"}]}
                  - {name: b, type: "${secret:d}", to: [{handler: "${secret:a}@1"}], use: {retry: "${secret:a}"}}
                  - {name: c, to: [{oneOf: [{handler: "${secret:a}"}, {handler: "${secret:a}"}]}]}
                """
            let draft = draft(yaml, secrets: folder, check: Configuration.compileExpression)
            let errors = #expect(throws: ConfigurationErrors.self) {
                try draft.validated { _ in .unknown(candidates: ["hunter2-secret.x"]) }
            }
            let text = try #require(errors).description
            #expect(!text.contains("hunter2") && text.contains("nothing provides the handler that the secret names"))
            for path in ["telemetry.otlp", "routes[0].match", "routes[1].type", "routes[1].use.retry"] {
                #expect(text.contains("error: \(path): "), "\(path) in \(text)")
            }
        }
    }

    @Test(arguments: [
        "requests > 'a'", "requests + 1", "failureRatio.foo > 1", "requests < 20 || failureRatio.foo > 1",
        "requests / consecutiveFailures > 1", "requests == 1 ? true : 'no'",
    ])
    func `finding 9: a trip condition that fails or is no condition is refused`(trip: String) {
        let yaml = "policies: {circuitBreakers: {default: {trip: \"\(trip)\"}}}"
        let found = errors(yaml, check: Configuration.compileExpression)
        #expect(found.count == 1 && found[0].contains("expression policies.circuitBreakers.default.trip"), "\(found)")
    }

    @Test(arguments: [
        "consecutiveFailures > 5", "requests >= 20 && slowRatio / failureRatio > 0.5", "true",
    ])
    func `finding 9: a sound trip condition stays one`(trip: String) {
        let yaml = "policies: {circuitBreakers: {default: {trip: \"\(trip)\"}}}"
        #expect(errors(yaml, check: Configuration.compileExpression) == [])
    }

    @Test(arguments: [
        ("event.type", false), ("[event.data.a]", false), ("1 / 0 == 1", false), ("[1] == [1/0]", false),
        ("event.data.a", true), ("event.type == 'x'", true), ("1 < 2", true),
    ])
    func `finding 9: a condition that is known not to be one is refused`(text: String, isValid: Bool) {
        let yaml = "routes: [{name: a, match: \"\(text)\", to: [{handler: builtin.log}]}]"
        let found = errors(yaml, check: Configuration.compileExpression)
        #expect(found.isEmpty == isValid, "\(found)")
    }

    @Test func `finding 13: what is missing is named, with and without an entry`() throws {
        let schema = try JSONSchema(compiling: .object([("required", .list([.string("url")]))]))
        for yaml in ["apiVersion: patchbay/v1", "modules: {load: [{name: defs}]}"] {
            var draft = draft(yaml)
            draft.check(configOf: "defs", against: schema)
            #expect(draft.errors.map(\.message) == ["the configuration of module 'defs': /url: is required"])
        }
    }

    @Test(arguments: [
        "30m1h", "1s1s", "P", "PT", "P1DT", "P1", "", "h", "1.s", "PT5M1H", "P1D1W", "1m30", "1h30m", "30m", "30ms",
        "1s5us",
        "1.5h", "P1W", "P1W2D", "PT1.5S", "P2DT3H4M", "7d", "1d1ns", "5m5ms",
    ])
    func `finding 18: the schema takes the durations that the reader takes`(text: String) throws {
        let schema = try JSONSchema(
            compiling: .object([("pattern", .string(DurationText.pattern))]))
        #expect(schema.validate(.string(text)).isEmpty == (DurationText.parse(text) != nil))
    }

    @Test(arguments: [
        ("[{handler: a.b, weight: 1}, {handler: a.b, weight: 2}]", "'a.b' stands here twice"),
        ("[{handler: a.b, weight: 1}]", "one handler is no choice"),
        ("[{handler: a.b, match: event.data.x}, {handler: a.b}, {handler: a.b}]", "'a.b' stands here twice"),
        ("[{handler: a.b, weight: 0}, {handler: a.c, weight: 0}]", "every weight is 0"),
    ])
    func `finding 27: a choice has several handlers, each once`(choices: String, message: String) {
        #expect(
            errors("routes: [{name: a, to: [{oneOf: \(choices)}]}]")
                .contains { $0.contains("impossible routes[0].to[0].oneOf: \(message)") })
    }
}
