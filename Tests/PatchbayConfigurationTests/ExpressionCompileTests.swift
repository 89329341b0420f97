import Testing

@testable import PatchbayConfiguration

/// With the host's own CEL.
@Suite struct ExpressionCompileTests {
    private func errors(_ yaml: String) -> [String] {
        Configuration.read(text: yaml, file: "p.yaml").errors.map {
            "\($0.location.line):\($0.location.column) \($0.code) \($0.path)"
        }
    }

    @Test func `the design's expressions compile`() {
        #expect(Configuration.read(text: completeExample.replacing("${DB_URL}", with: ""), file: "p.yaml").errors == [])
    }

    @Test func `mistakes stand at their column in the file`() {
        let yaml = """
            policies:
              circuitBreakers:
                default:
                  trip: requests > 5 && failureRate > 0.5
              rateLimits: {default: {count: 1, key: "event.source +"}}
            routes:
              - name: a
                to: [{handler: a.b}]
                match: |
                  event.type == "x" &&
                    evnt.data.total > 1
                filters: [{cel: 'noSuch(event.id)'}]
                ordering: {key: "[event.source, "}
              - {name: b, to: [{handler: a.b}], match: "'text'"}
              - {name: c, to: [{handler: a.b}], match: true}
            """
        let found = Configuration.read(text: yaml, file: "p.yaml").errors
        #expect(
            errors(yaml) == [
                "4:29 expression policies.circuitBreakers.default.trip",
                "5:56 expression policies.rateLimits.default.key",
                "11:9 expression routes[0].match",
                "12:22 expression routes[0].filters[0].cel",
                "13:37 expression routes[0].ordering.key",
                "14:45 expression routes[1].match",
            ], "\(ConfigurationErrors(found))")
    }

    @Test func `the default trip condition compiles`() {
        #expect(Configuration.compileExpression(Configuration.CircuitBreakerPolicy.tripDefault, .trip) == nil)
    }
}
