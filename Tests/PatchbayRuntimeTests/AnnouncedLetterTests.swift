import Foundation
import PatchbayDispatch
import Testing

@testable import PatchbayRuntime

/// Routes with `deadLetter.type`: their dead letters come in as events.
@Suite struct `dead letters as events` {
    private static func yaml(_ log: String) -> String {
        """
        \(log)
        modules:
          directory: FOLDER/plugins
          load:
            - {name: lab, config: {path: FOLDER/seen}}
            - {name: bad, builtin: fail, config: {script: [permanent, permanent, permanent]}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: work, type: com.acme.test, to: [{handler: bad.fail}], deadLetter: {type: com.acme.dead}}
          - {name: dead, type: com.acme.dead, match: event.dlqhandler == 'bad.fail', to: [{handler: lab.show}]}
        """
    }

    @Test(arguments: ["", "log: {backend: file, path: FOLDER/data}"])
    func `are routed like any other, with what they say`(log: String) throws {
        let bench = try RunBench()
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(3, data: #"{"n":1.10}"#))
        let report = try bench.run(Self.yaml(log))
        #expect(report.status.counts.dead == 3 && report.status.counts.done == 3 && report.drift == nil, "\(report)")
        #expect(report.emits?.accepted == 3 && report.problems == [])
        let seen = try bench.lines("seen")
        #expect(seen.count == 3 && seen.allSatisfy { $0.contains("com.acme.dead") && $0.hasSuffix(#"{"n":1.10}"#) })
        // Ids are derived: other than those of the events, and each its own.
        #expect(Set(seen.map { $0.prefix { $0 != " " } }).count == 3)
    }

    @Test func `that die themselves end at the depth`() throws {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(1))
        let report = try bench.run(
            """
            modules: {load: [{name: bad, builtin: fail, config: {script: [permanent], repeat: true}}]}
            limits: {emitDepth: 4}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: bad.fail}], deadLetter: {type: com.acme.dead}}]
            """)
        #expect(report.status.counts.dead == 5 && report.status.unmatched.dead == 1 && report.drift == nil, "\(report)")
    }

    @Test func `tests of the configuration see them`() throws {
        let configuration = """
            routes:
              - {name: work, type: order, to: [{handler: billing.charge}], deadLetter: {type: dead.order}}
              - {name: dead, type: dead.*, to: [{handler: audit.append}]}
            """
        let result = try Tested.run(
            """
            name: t
            send: {type: order}
            inject: {handler: billing.charge, then: permanent}
            expect: [{handler: audit.append, attempts: 1}, {emitted: {type: dead.order}}]
            """, of: configuration)
        #expect(result.failures.isEmpty, "\(result.failures)")
    }
}
