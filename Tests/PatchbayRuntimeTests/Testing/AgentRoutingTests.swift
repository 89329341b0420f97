import PatchbayConfiguration
import PatchbayEvents
import PatchbayRouting
import Testing

@testable import PatchbayRuntime

/// Routes that pick the handler by conditions, each under a bulkhead of its own, in virtual time.
@Suite struct AgentRoutingTests {
    private static let agents = """
        policies:
          bulkheads: {github: {maxInFlight: 1}, linear: {maxInFlight: 3}, default: {maxInFlight: 2}}
          retries: {default: {policy: none}}
        routes:
          - name: agents
            final: true
            to:
              - oneOf:
                  - {handler: github.comment, match: event.data.repository.private == false, use: {bulkhead: github}}
                  - {handler: linear.transition, match: '"linear" in event.data.labels', use: {bulkhead: linear}}
                  - {handler: slack.post, match: has(event.data.channel)}
          - {name: others, order: 1, to: [{handler: audit.append}]}
        """

    private func failures(_ test: String) throws -> [String] {
        try Tested.run("name: t\n\(test)", of: Self.agents).failures.map { "\($0.what): \($0.actual)" }
    }

    @Test(arguments: [
        ("{repository: {private: false}, labels: [linear]}", "agents", "github.comment"),
        ("{repository: {private: true}, labels: [linear]}", "agents", "linear.transition"),
        // The first condition has no value: the next one is asked.
        ("{labels: [bug, linear]}", "agents", "linear.transition"),
        ("{repository: {private: true}, labels: [], channel: '#x'}", "agents", "slack.post"),
        // Nobody: the route does not take it, though it is final.
        ("{repository: {private: true}, labels: []}", "others", "audit.append"),
    ])
    func `the event's data picks the agent`(data: String, route: String, handler: String) throws {
        #expect(try failures("send: {type: x, data: \(data)}\nexpect: {route: \(route), handlers: [\(handler)]}") == [])
    }

    @Test func `an event that no condition wants is unmatched where no other route takes it`() throws {
        let agents = "routes: [{name: agents, to: [{oneOf: [{handler: a.b, match: event.data.on}]}]}]"
        for (data, verdict) in [("{on: false}", "notMatched"), ("{}", "failed")] {
            let result = try Tested.run(
                """
                name: t
                send: {type: x, data: \(data)}
                expect: {unmatched: true, explain: {agents: \(verdict)}, deadLetter: {dlqclass: unmatched}}
                """, of: agents)
            #expect(result.failures.isEmpty, "\(result.failures)")
        }
    }

    @Test func `each agent has as many calls open as its own bulkhead allows, and waits for none but its own`() throws {
        let failures = try failures(
            """
            send:
              - {id: g, type: x, data: {repository: {private: false}}, every: 1ms, times: 6}
              - {id: l, type: x, data: {labels: [linear]}, every: 1ms, times: 6}
              - {id: s, type: x, data: {repository: {private: true}, labels: [], channel: '#x'}, every: 1ms, times: 6}
            inject:
              - {handler: github.comment, takes: 10s}
              - {handler: linear.transition, takes: 1s}
              - {handler: slack.post, takes: 1s}
            expect:
              - {handler: github.comment, inFlight: 1, ends: 10s..60.1s, counts: {done: 6}}
              - {handler: linear.transition, inFlight: 3, ends: 1s..2.1s, counts: {done: 6}}
              - {handler: slack.post, inFlight: 2, ends: 1s..3.1s, counts: {done: 6}}
            """)
        #expect(failures == [])
    }

    @Test func `a handler under several bulkheads has a lane for each`() throws {
        let bench = try RunBench()
        let yaml = """
            modules: {load: [{name: github, builtin: log}, {name: slack, builtin: log}]}
            policies: {bulkheads: {one: {maxInFlight: 1}}}
            routes:
              - name: agents
                to:
                  - oneOf:
                      - {handler: github.log, match: event.data.big, use: {bulkhead: one}}
                      - {handler: slack.log, match: event.data.chat}
                      - {handler: github.log}
            """
        let blueprint = try Blueprint(try bench.preparation(yaml).configuration, seed: 1)
        #expect(blueprint.lanes.map(\.name) == ["github.log#one", "slack.log", "github.log"])
        let explainer = Explainer(blueprint)
        for (data, lane) in [(#"{"big":true}"#, 0), (#"{"big":false,"chat":true}"#, 1), ("{}", 2)] {
            let event = #"{"specversion":"1.0","id":"1","source":"/s","type":"x","data":\#(data)}"#
            let routing = try explainer.explain(Array(event.utf8)[...]).routing
            #expect(routing.routes[0].targets.map(\.lane) == [lane])
        }
    }
}
