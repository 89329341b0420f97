import Foundation
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// Handlers that routes name with a version.
@Suite struct HandlerVersionTests {
    private func bench() throws -> RunBench {
        let bench = try RunBench(.file)
        for (version, name) in [("1.4.0", "one"), ("2.0.3", "two")] {
            try FileManager.default.copyItem(
                atPath: try RecordedModule.library(version), toPath: bench.path("\(name).so"))
        }
        return bench
    }

    private func yaml(_ to: String, _ more: String = "") -> String {
        """
        policies:
          retries: {default: {policy: none}}
          circuitBreakers: {default: {trip: requests > 1000000}}
        modules:
          directory: FOLDER/plugins
          load:
            - {name: till, path: FOLDER/one.so, config: {key: a}}
            - {name: next, path: FOLDER/two.so, config: {key: b}}
        unmatched: drop
        routes: [{name: charge, type: com.example.charge, to: [\(to)]\(more)}]
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        """
    }

    @Test func `weights share keys between versions, which letters tell apart, the same in the next run`() throws {
        let bench = try bench()
        let oneOf = "{oneOf: [{handler: till.charge@1, weight: 3}, {handler: till.charge@2, weight: 1}]}"
        func receivers(from first: Int) throws -> [String: Set<String>] {
            // Refused by the handler, so that each has a letter.
            try bench.write(
                "events.jsonl",
                (0..<400).map { index in
                    Events.line(
                        first + index, type: "com.example.charge", data: #"{"amount":-1}"#,
                        extra: #","partitionkey":"k\#(index % 100)""#) + "\n"
                }.joined())
            let report = try bench.run(yaml(oneOf))
            #expect(report.counts("till.charge").dead + report.counts("next.charge").dead == 400)
            var found: [String: Set<String>] = [:]
            for letter in try bench.deadLetters() {
                func text(_ name: String) -> String { letter.extensions.first { $0.name == name }?.value ?? "" }
                guard let id = Int(letter.id), (first..<first + 400).contains(id) else { continue }
                found[text("partitionkey"), default: []].insert("\(text("dlqhandler")) \(text("dlqhandlerver"))")
            }
            return found
        }
        let first = try receivers(from: 1_000)
        #expect(first.count == 100 && first.values.allSatisfy { $0.count == 1 }, "\(first)")
        #expect(Set(first.values.flatMap(\.self)) == ["till.charge 1.4.0", "next.charge 2.0.3"])
        #expect((8...45).contains(first.values.count { $0 == ["next.charge 2.0.3"] }))
        #expect(try receivers(from: 2_000) == first)
    }

    @Test func `a shadow may be a version, and be compared with one`() throws {
        let bench = try bench()
        try bench.write(
            "events.jsonl",
            Events.line(1, type: "com.example.charge", data: #"{"amount":1}"#) + "\n")
        let report = try bench.run(
            yaml(
                "{handler: till.charge@1.4}, {handler: next.charge}",
                ", shadow: [{handler: till.charge@2, beside: till.charge@1}]"))
        let shadow = try #require(report.shadows.first)
        #expect(shadow.title == "next.charge 2.0.3" && shadow.beside == "till.charge" && shadow.comparison.events == 1)
    }

    @Test(arguments: [
        ("till.charge@3", "'till.charge@3' is no handler: no version 3 of till is here, but next 2.0.3, till 1.4.0"),
        ("till.charge@20", "'till.charge@20' is no handler: no version 20 of till is here, but next 2.0.3, till 1.4.0"),
        ("next.charge@1", "'next.charge@1' is no handler: no version 1 of next is here, but next 2.0.3"),
        ("tull.charge@1", "no handler is named 'tull.charge@1'"),
        ("till.refund@2", "no handler is named 'next.refund'"),
        ("builtin.log@1", "no handler is named 'builtin.log@1'"),
    ])
    func `a version that no instance has is an error`(handler: String, message: String) throws {
        let bench = try bench()
        #expect {
            _ = try bench.preparation(yaml("{handler: \(handler)}"))
        } throws: { error in
            let messages = (error as? ConfigurationErrors)?.errors.map(\.message) ?? []
            return messages.count == 1 && messages[0].hasPrefix(message)
        }
    }

    @Test func `two instances with such a version are an error that names both`() throws {
        let bench = try bench()
        let text = yaml("{handler: till.charge@1}").replacing(
            "load:", with: "load:\n    - {name: third, path: FOLDER/one.so}")
        #expect {
            _ = try bench.preparation(text)
        } throws: { error in
            "\(error)".contains("version 1 of till may be third 1.4.0, till 1.4.0")
        }
    }
}
