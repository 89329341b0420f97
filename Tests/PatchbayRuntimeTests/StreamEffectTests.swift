import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// What calls do to streams, on every log.
@Suite(.inlineAndIsolated) struct `streams that handlers append to` {
    private static func yaml(_ config: String, _ source: String = "events") -> String {
        """
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen\(config)}}]}
        policies:
          bulkheads: {default: {maxInFlight: 8}}
          retries: {default: {policy: constant, duration: 1ms, maxRetries: 2, jitter: none}}
        sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
        routes:
          - {name: book, type: com.acme.test, to: [{handler: lab.book}]}
          - {name: audit, type: com.acme.next, to: [{handler: lab.audit}]}
        """
    }

    private func bench(_ backend: LogBackend, _ count: Int) throws -> RunBench {
        let bench = try RunBench(backend)
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(count))
        return bench
    }

    /// What `lab.audit` noted.
    private func audits(_ bench: RunBench) throws -> [String] {
        try bench.lines("seen").filter { $0.hasPrefix("audit") }
    }

    /// The stream of a log in files: revision and subject of each event.
    private func stored(_ bench: RunBench) throws -> [StoredStreamEvent] {
        var found: [StoredStreamEvent] = []
        try StoredStreams(folder: bench.path("data")).forEach(of: "account", StreamSelection()) {
            found.append($0)
            return true
        }
        return found
    }

    @Test(arguments: LogBackend.allCases)
    func `concurrent appends of one revision are made one after another, together with what their calls emit`(
        _ backend: LogBackend
    ) throws {
        let bench = try bench(backend, 30)
        let report = try bench.run(Self.yaml(", sleep: 2"))
        #expect(report.status.counts.done == 60 && report.dead == 0 && report.problems == [] && report.drift == nil)
        let booked = try bench.lines("seen").filter { $0.contains("attempt=") }
        #expect(booked.count > 30, "no two calls ever met")
        #expect(booked.allSatisfy { $0.contains(" attempt=1 ") }, "a lost revision is not charged")
        let audits = try audits(bench)
        // A call that emitted has appended: whoever sees the one finds the other, once.
        #expect(audits.count == 30 && audits.allSatisfy { $0.hasSuffix("gaps=0 found=1") }, "\(audits)")
        #expect(audits.contains { $0.contains("events=30 ") })
        guard backend == .file else { return }
        let events = try stored(bench)
        #expect(events.map(\.place.revision) == Array(0..<30))
        #expect(Set(events.compactMap(\.event.subject)) == Set((1...30).map(String.init)))
        #expect(events.allSatisfy { $0.event["causationid"] == $0.event.subject && $0.event["correlationid"] != nil })
    }

    @Test(arguments: LogBackend.allCases)
    func `what an attempt that failed has appended is not in the stream`(_ backend: LogBackend) throws {
        let bench = try bench(backend, 3)
        let report = try bench.run(Self.yaml(", count: 1") + "\nshutdown: {drain: 10s}")
        #expect(report.status.counts.done == 6 && report.problems == [])
        #expect(try audits(bench).last?.hasPrefix("audit events=3 gaps=0 found=1") == true)
    }

    @Test(arguments: LogBackend.allCases)
    func `a stream is asked by type, by time of the append and by correlation id, page by page`(
        _ backend: LogBackend
    ) throws {
        let bench = try bench(backend, 7)
        let yaml = Self.yaml("").replacing("maxInFlight: 8", with: "maxInFlight: 1")
            .replacing("lab.audit", with: "lab.ask")
        let report = try bench.run(yaml)
        #expect(report.status.counts.done == 14 && report.problems == [] && report.drift == nil)
        func last(_ start: String) throws -> [String: Int] {
            let line = try #require(try bench.lines("seen").last { $0.hasPrefix(start) })
            let pairs = line.split(separator: " ").dropFirst().map { $0.split(separator: "=") }
            return try Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), try #require(Int($0[1]))) })
        }
        let all = try last("ask all")
        #expect(all["all"] == 7 && all["paged"] == 7 && all["pages"] == 4, "\(all)")
        let some = try last("ask other")
        #expect(some["other"] == 0 && some["own"] == 1 && some["bad"] == 1, "\(some)")
        // What was appended at the time that both ask for is in both.
        let (before, after, same) = (some["before"] ?? 0, some["after"] ?? 0, all["same"] ?? 0)
        #expect(before >= 2 && before + after == 7 + same && same >= 1, "\(some) \(all)")
        #expect(try last("ask newest") == ["newest": 6, "next": 3])
    }

    @Test func `a later run goes on with the streams that an earlier one, or an operator, left in files`() throws {
        let bench = try bench(.file, 5)
        #expect(try bench.run(Self.yaml("")).status.counts.done == 10)
        do {
            var operations = try StreamOperations(folder: bench.path("data"))
            let line = StreamLine(Event(id: "own", source: "/operator", type: "note"))
            let answer = try operations.apply(.append(stream: "account", events: [line], expected: .exact(4)))
            #expect(answer.revisions == 5..<6)
            #expect(throws: StreamRefusal.self) {
                try operations.apply(.append(stream: "account", events: [line], expected: .exact(3)))
            }
        }
        try bench.write("more.jsonl", Events.line(77) + "\n")
        let second = try bench.run(Self.yaml("", "more"))
        #expect(second.status.counts.done == 2 && second.problems == [] && second.drift == nil)
        #expect(try audits(bench).last == "audit events=7 gaps=0 found=1")
        #expect(try stored(bench).map(\.place.revision) == Array(0..<7))
    }
}
