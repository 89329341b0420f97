import Foundation
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting
import PatchbayTelemetry
import PatchbayTestKit
import Testing

@testable import PatchbayRuntime

/// Handlers that are tried beside the one that gets the events.
@Suite struct ShadowTests {
    /// A folder with the build that gets the events, and the one that is tried.
    private func bench(_ present: String, _ candidate: String, _ data: [String], on backend: LogBackend = .memory)
        throws
        -> RunBench
    {
        let bench = try RunBench(backend)
        try FileManager.default.copyItem(atPath: present, toPath: bench.path("till.so"))
        try FileManager.default.copyItem(atPath: candidate, toPath: bench.path("next.so"))
        let events = data.enumerated().map { index, data in
            Events.line(index, type: "com.example.charge", data: data, extra: #","partitionkey":"k\#(index % 3)""#)
                + "\n"
        }
        try bench.write("events.jsonl", events.joined())
        return bench
    }

    private func yaml(_ shadow: String = "sample: 100%", load: String = "", policies: String = "") -> String {
        """
        policies: {retries: {default: {duration: 1ms, maxRetries: 1}}\(policies)}
        modules:
          directory: FOLDER/plugins
          load:
            - {name: till, path: FOLDER/till.so, grant: {network: [127.0.0.1]}, config: {key: here}}
            - {name: next, path: FOLDER/next.so, \(load)grant: {network: [127.0.0.1]}, config: {key: here}}
        unmatched: drop
        routes:
          - {name: charge, type: com.example.charge, to: [{handler: till.charge}], shadow: [{handler: next.charge, \(shadow)}], ordering: {key: "'one'"}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        """
    }

    /// The one shadow's report, whose numbers add up.
    private func shadow(_ report: RunReport) throws -> ShadowReport {
        let shadow = try #require(report.shadows.first)
        #expect(report.shadows.count == 1 && shadow.waiting == 0)
        #expect(shadow.sampled == UInt64(shadow.comparison.events) + shadow.dropped, "\(shadow)")
        #expect(shadow.comparison.present.outcomes.values.reduce(0, +) == shadow.comparison.events)
        #expect(shadow.comparison.candidate.outcomes.values.reduce(0, +) == shadow.comparison.events)
        #expect(report.drift == nil && report.problems.isEmpty, "\(report.problems)")
        return shadow
    }

    private static func amounts(_ count: Int) -> [String] { (1...count).map { #"{"op":"sum","amount":\#($0)}"# } }

    @Test(arguments: LogBackend.allCases)
    func `the same build differs in nothing, for it sees the state that the other one saw`(backend: LogBackend) throws {
        let build = try RecordedModule.library("1.0.0")
        let report = try bench(build, build, Self.amounts(200), on: backend).run(yaml())
        let shadow = try self.shadow(report)
        #expect(shadow.comparison.isSame && shadow.comparison.events == 200, "\(shadow.comparison.differences)")
        #expect(shadow.dropped == 0 && shadow.title == "next.charge 1.0.0" && shadow.beside == "till.charge")
        #expect(shadow.comparison.candidate.emitted == 200 && shadow.comparison.candidate.duration(0.5) > 0)
        #expect(report.counts("till.charge").done == 200)
        #expect(report.emits?.dropped == 200, "what the shadow emitted comes in nowhere")
        let calls = try #require(report.metrics?.metrics.first { $0.description.name == "patchbay.shadow.calls" })
        let same = calls.points.filter { $0.labels.contains(Attribute("result", .string("same"))) }
        #expect(calls.points.count == 3 && same.map(\.value) == [.whole(200)])
    }

    @Test func `another build's emits and state are compared, and never come about`() throws {
        let bench = try bench(
            RecordedModule.library("1.0.0"), RecordedModule.library("2.0.0", "-DFACTOR=2"), Self.amounts(50), on: .file)
        let shadow = try self.shadow(try bench.run(yaml()))
        #expect(shadow.comparison.differing == 50 && shadow.comparison.parts == [.emits: 50, .state: 50])
        // One more event, in the next run, adds to what the real calls have added.
        try bench.write(
            "events.jsonl", Events.line(1000, type: "com.example.charge", data: #"{"op":"sum","amount":1}"#) + "\n")
        let again = try self.shadow(try bench.run(yaml()))
        let sum = try #require(again.comparison.differences.first?.present.emits.first)
        #expect(String(decoding: sum.json, as: UTF8.self).contains(#""sum":1276,"#), "\(sum)")
    }

    @Test func `a route's explanation names what it is tried with`() throws {
        let build = try RecordedModule.library("1.0.0")
        let preparation = try bench(build, build, []).preparation(yaml("sample: 0.5%"))
        let event = Events.line(1, type: "com.example.charge")
        let routing = try Explainer(try Blueprint(preparation.configuration, seed: 1)).explain(Array(event.utf8)[...])
            .routing
        #expect(routing.text.contains("⇢ 0.5% are tried with next.charge, beside till.charge"), "\(routing.text)")
    }

    @Test func `requests of a shadow are refused and never leave the host`() throws {
        let server = try ScriptedServer { _ in .init(status: 200, body: Array("paid".utf8)) }
        defer { _ = server.stop() }
        let build = try RecordedModule.library("1.0.0")
        let fetch = #"{"op":"fetch","url":"http://127.0.0.1:\#(server.port)/pay"}"#
        let report = try bench(build, build, Array(repeating: fetch, count: 20)).run(yaml())
        let shadow = try shadow(report)
        #expect(server.requests.count == 20 && report.counts("till.charge").done == 20)
        #expect(shadow.comparison.parts == [.emits: 20], "it was told that nothing was sent")
    }

    @Test func `a shadow that fails costs the real calls nothing`() throws {
        let bench = try bench(
            RecordedModule.library("1.0.0", "-DMENDED"), RecordedModule.library("1.0.0"),
            Array(repeating: #"{"op":"never","amount":1}"#, count: 3) + Self.amounts(30))
        let report = try bench.run(yaml(policies: ", timeouts: {default: {attempt: 100ms, total: 5s}}"))
        let shadow = try shadow(report)
        #expect(report.counts("till.charge").done == 33 && report.status.counts.retries == 0 && report.dead == 0)
        #expect(shadow.comparison.candidate.outcomes == ["timeout": 3, "done": 30], "\(shadow.comparison.candidate)")
        #expect(shadow.comparison.parts[.result] == 3 && shadow.ended == nil)
    }

    @Test func `a shadow that does not return ends, and what it would have had is counted as dropped`() throws {
        let bench = try bench(
            RecordedModule.library("1.0.0"), RecordedModule.library("2.0.0", "-DHANG"),
            Self.amounts(5) + [#"{"op":"hang","amount":1}"#] + Self.amounts(3_000))
        let report = try bench.run(yaml(policies: ", timeouts: {default: {attempt: 1s, total: 5s}}"))
        let shadow = try shadow(report)
        #expect(report.counts("till.charge").done == 3_006 && report.status.counts.retries == 0)
        #expect(shadow.ended == "hang" && shadow.comparison.events == 6 && shadow.dropped == 3_000, "\(shadow)")
        #expect(bench.log.contains("next.charge is not tried any more"))
    }

    @Test func `an isolated shadow that crashes is an outcome, and takes nothing with it`() throws {
        let bench = try bench(
            RecordedModule.library("1.0.0", "-DMENDED"), RecordedModule.library("1.0.0"),
            Self.amounts(3) + [#"{"op":"crash","amount":1}"#] + Self.amounts(3))
        let report = try bench.run(yaml(load: "isolation: process, "))
        let shadow = try shadow(report)
        #expect(report.counts("till.charge").done == 7 && report.dead == 0)
        #expect(shadow.comparison.events == 7 && shadow.comparison.candidate.outcomes["done"] == 6)
        let difference = try #require(shadow.comparison.differences.first)
        #expect(shadow.comparison.differing == 1 && difference.candidate.outcome == "retry", "\(difference)")
    }

    @Test func `an isolated shadow that hangs is late, and goes on in another worker`() throws {
        let bench = try bench(
            RecordedModule.library("1.0.0"), RecordedModule.library("2.0.0", "-DHANG"),
            Self.amounts(3) + [#"{"op":"hang","amount":0}"#] + Self.amounts(3))
        let report = try bench.run(
            yaml(load: "isolation: process, ", policies: ", timeouts: {default: {attempt: 1s, total: 5s}}"))
        let shadow = try shadow(report)
        #expect(report.counts("till.charge").done == 7 && report.status.counts.retries == 0)
        #expect(shadow.ended == nil && shadow.dropped == 0, "\(shadow)")
        #expect(shadow.comparison.candidate.outcomes == ["timeout": 1, "done": 6], "\(shadow.comparison.candidate)")
    }

    @Test(.enabled(if: CommandLineBench.executable != nil))
    func `a run tells people where a shadow differs, and scripts in what`() throws {
        let bench = try CommandLineBench()
        for (library, name) in [
            (try RecordedModule.library("1.0.0"), "till.so"),
            (try RecordedModule.library("2.0.0", "-DFACTOR=2"), "next.so"),
        ] {
            try FileManager.default.copyItem(atPath: library, toPath: "\(bench.folder)/\(name)")
        }
        try bench.write(
            "apiVersion: patchbay/v1\n"
                + yaml().replacing("FOLDER/plugins", with: ".").replacing("FOLDER", with: bench.folder),
            to: "patchbay.yaml")
        let events = (1...9).map {
            CommandLineSamples.event("e\($0)", type: "com.example.charge", data: #"{"amount":1}"#)
        }
        try bench.write(events.joined(), to: "events.jsonl")
        let text = try bench.start(["run", "--once"]).end(within: 60)
        for part in [
            "shadow      charge, 100%: 9 sampled = 9 compared + 0 dropped",
            "9 events: till.charge against next.charge 2.0.0", "9 events with differences: emits 9, state 9",
            "e1 (/test): emits; state", "and 6 more; --json lists up to 20",
        ] {
            #expect(text.errors.contains(part), "\(part): \(text)")
        }
        #expect(text.status == 0 && !text.errors.contains("sum"), "\(text)")
        let json = try bench.start(["run", "--once", "--json"]).end(within: 60)
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        let shadow = try #require((report["shadows"] as? [[String: Any]])?.first)
        #expect(
            shadow["sampled"] as? Int == 9 && shadow["differing"] as? Int == 9 && shadow["sample"] as? String == "100%")
        #expect((shadow["differences"] as? [Any])?.count == 9 && json.output.contains(#""sum""#))
    }

    @Test func `an event that its route cannot transform is no difference`() throws {
        let bench = try bench(RecordedModule.library("1.0.0"), RecordedModule.library("1.0.0"), Self.amounts(4))
        let report = try bench.run(
            yaml().replacing(
                "charge, to", with: "charge, transform: [{set: {data.amount: event.data.gone}}], to"))
        let shadow = try shadow(report)
        #expect(report.dead == 4 && shadow.comparison.isSame)
        #expect(shadow.comparison.candidate.outcomes == ["untransformed": 4])
    }

    @Test func `the sample has a key's events all or none, in the next run, too`() throws {
        let bench = try RunBench(.file)
        try bench.install("lab")
        func tried(from first: Int) throws -> [Int] {
            let events = (0..<2_000).map { index in
                Events.line(first + index, extra: #","partitionkey":"k\#(index % 500)""#) + "\n"
            }
            try bench.write("events.jsonl", events.joined())
            try bench.write("seen", "")
            let report = try bench.run(
                """
                modules:
                  directory: FOLDER/plugins
                  load:
                    - {name: lab, config: {path: FOLDER/real}}
                    - {name: other, path: FOLDER/plugins/lab.so, config: {path: FOLDER/seen}}
                routes: [{name: all, to: [{handler: lab.record}], shadow: [{handler: other.record, sample: 30%}]}]
                sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
                """)
            let shadow = try #require(report.shadows.first)
            #expect(report.counts("lab.record").done == 2_000)
            let ids = try bench.lines("seen").compactMap { line in
                line.split(separator: " ").lazy.compactMap { Int($0) }.first
            }
            #expect(ids.count + Int(shadow.dropped) == Int(shadow.sampled), "\(shadow.sampled) \(ids.count)")
            #expect(shadow.dropped > 0 || Set(ids.map { $0 % 500 }).count * 4 == ids.count)
            return Set(ids.map { $0 % 500 }).sorted()
        }
        let keys = try tried(from: 10_000)
        #expect((90...210).contains(keys.count), "\(keys.count) of 500 keys")
        #expect(try tried(from: 20_000) == keys)
    }
}
