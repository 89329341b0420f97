import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// Stored events that are delivered again.
@Suite struct `replaying stored events` {
    private static let order = ReplayOrder(id: "r1")

    /// `lab.emit` emits one event from each, which `lab.record` notes; `lab.tally` counts; all but the last take each
    /// event once an hour.
    private static func yaml(_ source: String = "events") -> String {
        """
        modules:
          directory: FOLDER/plugins
          load: [{name: lab, config: {path: FOLDER/seen, text: com.acme.next, count: 1}}]
        sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
        routes:
          - {name: start, type: com.acme.test, to: [{handler: lab.emit}], dedup: {window: 1h}}
          - {name: end, type: com.acme.next, to: [{handler: lab.record}], dedup: {window: 1h}}
          - {name: count, type: com.acme.test, to: [{handler: lab.tally}], ordering: {key: event.type}}

        """
    }

    private func bench(_ count: Int = 5) throws -> RunBench {
        let bench = try RunBench(.file)
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(count, data: #"{"exact":1.10}"#))
        try bench.write("none.jsonl", "")
        let report = try bench.run(Self.yaml())
        #expect(report.problems == [] && report.status.counts.done == UInt64(3 * count))
        return bench
    }

    /// In a host of its own.
    private func replay(_ bench: RunBench, _ order: ReplayOrder, _ speed: ReplaySpeed = .max) throws -> (
        report: RunReport, progress: ReplayProgress
    ) {
        bench.adjust = { $0.replay = (order, speed) }
        defer { bench.adjust = { _ in } }
        let host = try bench.host(Self.yaml())
        try host.start()
        let report = host.wait()
        return (report, host.replayProgress)
    }

    private func events(_ bench: RunBench) throws -> [Event] {
        let reader = try LogReader.open(FileStorage("\(bench.path("data"))/log"))
        let codec = CloudEventsCodec.ofStored()
        var events: [Event] = []
        for position in reader.positions {
            if let event = try reader.event(at: position) { events.append(try codec.event(event.line)) }
        }
        return events
    }

    /// How often `lab.tally` was called, and the number that it stored last.
    private func tallies(_ bench: RunBench) throws -> [Int] {
        try bench.lines("seen").compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("value=") }.flatMap { Int($0.dropFirst(6)) }
        }
    }

    @Test func `delivers to the same handlers again, marked, with what they emit, past deduplication`() throws {
        let bench = try bench()
        let (report, progress) = try replay(bench, Self.order)
        #expect(report.problems == [] && report.exitCode == 0 && report.drift == nil, "\(report)")
        #expect(progress.isAtEnd && progress.counts.events == 5 && progress.counts.deliveries == 10)
        #expect(progress.counts.emitted == 5 && progress.counts.copies == 0)
        #expect(report.accepted == 5 && report.emits?.accepted == 5 && report.emits?.duplicate == 0)
        #expect(report.status.counts.done == 15)
        let all = try events(bench)
        #expect(all.count == 20 && all[..<10].allSatisfy { $0["patchbayreplay"] == nil })
        #expect(all[10...].allSatisfy { $0["patchbayreplay"] == "r1" && $0["patchbaymuted"] == nil })
        // The same event but for the mark; handlers see the same idempotency key.
        let first = try #require(all.first { $0.id == "1" })
        let again = try #require(all.last { $0.id == "1" })
        #expect(again.source == first.source && again.data == first.data && again.type == first.type)
        #expect(
            Set(all[10...].filter { $0.type == "com.acme.next" }.map(\.id))
                == Set(
                    all[..<10].filter { $0.type == "com.acme.next" }.map(\.id)))
        // A replay never replays what another one made.
        let second = try replay(bench, ReplayOrder(id: "r2"))
        #expect(second.progress.counts.events == 5 && second.progress.counts.copies == 10)
    }

    @Test func `muted, calls have no effects but their outcomes`() throws {
        let bench = try bench()
        #expect(try tallies(bench).max() == 5)
        var order = Self.order
        order.isMuted = true
        let (report, progress) = try replay(bench, order)
        #expect(report.problems == [] && report.drift == nil)
        // Emitted events are replayed themselves, since nothing emits them.
        #expect(progress.counts.events == 10 && progress.counts.deliveries == 15 && progress.counts.emitted == 0)
        #expect(report.status.counts.done == 15 && report.emits?.accepted == 0)
        // Each call saw the state as the first run had left it.
        #expect(try tallies(bench).suffix(5) == [6, 6, 6, 6, 6])
        #expect(try events(bench)[10...].allSatisfy { $0["patchbaymuted"] == "true" })
        // The next run goes on from that state, too.
        try bench.write("more.jsonl", Events.line(99))
        #expect(try bench.run(Self.yaml("more")).problems == [])
        #expect(try tallies(bench).last == 6)
    }

    @Test func `what a muted replay left pending stays muted in the next run`() throws {
        let bench = try bench()
        // Nothing of it is delivered: the log is written as a host that is killed would leave it.
        let folder = bench.path("data")
        var order = Self.order
        order.isMuted = true
        let scan = try ReplayPreview.scan(order, folder: folder, handlers: ["lab.tally", "lab.emit", "lab.record"])
        let step = try scan.step(from: ReplayPlace(), ReplayScan.Bounds(events: 3))
        let batch = EventBatch(source: -1, textCapacity: 1 << 16)
        for line in step.lines { line.withUnsafeBytes { StoredDecoder.append($0, to: batch) } }
        try StoredDecoder().decode(batch, step.lines.count)
        batch.isMuted = true
        for event in step.lines.indices {
            batch.append(RoutedDelivery(event: UInt32(event), route: 0, lane: 0, keyHash: 0, priority: 5))
        }
        do {
            let storage = try FileStorage(folder)
            let opened = try OpenedLog(
                storage, lock: try FolderLock(folder: storage.path), settings: LogSettings()
            ) { (_, _) throws(LogFormatError) in
            } other: { (_, _) throws(LogFormatError) in
            }
            var committer = try opened.committer(routes: ["count"], handlers: ["lab.tally"], unixNow: 1)
            let submission = LogSubmission()
            submission.batches.append(batch)
            try committer.commit([submission], unixNow: 1)
        }
        let report = try bench.run(Self.yaml("none"))
        #expect(report.log?.resumed == 3 && report.status.counts.done == 3 && report.problems == [])
        #expect(try tallies(bench).suffix(3) == [6, 6, 6])
    }

    @Test func `takes a window, a type, a route, a handler, or another handler`() throws {
        let bench = try bench()
        func counts(_ change: (inout ReplayOrder) -> Void) throws -> (UInt64, UInt64) {
            var order = Self.order
            change(&order)
            let found = try ReplayPreview.count(
                order, folder: bench.path("data"), handlers: ["lab.emit", "lab.record", "lab.tally"]
            ) { _ in true }
            #expect(found.isAtEnd && found.share <= 1)
            return (found.counts.events, found.counts.deliveries)
        }
        #expect(try counts { _ in } == (5, 10))
        #expect(try counts { $0.type = "com.acme.next" } == (0, 0))
        #expect(try counts { $0.type = "com.*.test" } == (5, 10))
        #expect(try counts { $0.route = "count" } == (5, 5))
        #expect(try counts { $0.handler = "lab.record" } == (5, 5))
        #expect(try counts { $0.target = "lab.record" } == (10, 10))
        #expect(try counts { ($0.target, $0.route) = ("lab.record", "start") } == (5, 5))
        #expect(try counts { $0.from = .max } == (0, 0))
        #expect(try counts { $0.to = 1 } == (0, 0))
        #expect(try counts { ($0.from, $0.to) = (1, .max) } == (5, 10))
        #expect(throws: ReplayError.self) { _ = try counts { $0.route = "nobody" } }
        #expect(throws: ReplayError.self) { _ = try counts { $0.handler = "no.body" } }
        #expect(throws: ReplayError.self) { _ = try counts { $0.target = "no.body" } }
        // Steps of any size find the same.
        let scan = try ReplayPreview.scan(Self.order, folder: bench.path("data"), handlers: ["lab.emit", "lab.tally"])
        var place = ReplayPlace()
        var lines: [[UInt8]] = []
        while true {
            let step = try scan.step(from: place, ReplayScan.Bounds(events: 2))
            #expect(step.lines.count <= 2 && step.lines.count == step.deliveries.count)
            lines += step.lines
            place = step.place
            if step.isAtEnd { break }
        }
        #expect(Set(lines).count == 5 && lines.count == 5)
    }

    @Test func `a running host replays step by step, and everything adds up`() throws {
        let bench = try bench()
        try bench.write("none.jsonl", "")
        let host = try bench.host(Self.yaml("none"), once: false)
        try host.start()
        let client = try #require(ControlClient(folder: bench.path("data")))
        var place = ReplayPlace()
        var until: UInt64?
        var counts = ReplayCounts()
        for _ in 0..<100 {
            let answer = try client.replay(
                ReplayRequest(Self.order, at: place, until: until, events: 2, before: nil), by: "ada")
            counts += answer.counts
            (place, until) = (answer.place, answer.until)
            if answer.isAtEnd { break }
        }
        #expect(counts.events == 5 && counts.deliveries == 10)
        #expect(bench.eventually { host.progress.status.counts.done == 15 })
        var wrong = Self.order
        wrong.handler = "no.body"
        let failure = #expect(throws: ControlFailure.self) {
            _ = try client.replay(
                ReplayRequest(wrong, at: ReplayPlace(), until: nil, events: 2, before: nil), by: "ada")
        }
        #expect(failure?.code == .replay && failure?.message.contains("lab.tally") == true)
        host.drain()
        let report = host.wait()
        #expect(report.problems == [] && report.exitCode == 0, "\(report)")
        #expect(report.sources.last?.name == "operators" && report.sources.last?.accepted == 5)
    }

    @Test func `goes as fast as it is told`() {
        var times = ReplayPace(.times(10), stepMax: 512)
        // The first step only finds out when the first event was accepted.
        #expect(times.step == 512 && times.before(now: 0) == 0 && times.wait(now: 0) == 0)
        times.did(0, nextAt: 5_000_000_000, now: 1_000)
        #expect(times.wait(now: 1_000) == 0 && times.before(now: 1_000) == 5_000_000_001)
        times.did(1, nextAt: 7_000_000_000, now: 1_000)
        #expect(times.wait(now: 1_000) == 200_000_000)
        #expect(times.before(now: 200_001_000) == 7_000_000_001)
        var rate = ReplayPace(.rate(100), stepMax: 512)
        #expect(rate.step == 10 && rate.before(now: 9) == nil)
        rate.did(10, nextAt: nil, now: 0)
        #expect(rate.wait(now: 0) == 100_000_000)
        #expect(ReplayPace(.max, stepMax: 512).before(now: 9) == nil)
    }

    @Test func `requests and answers of a replay are read back as they were written`() throws {
        var order = ReplayOrder(id: "r9")
        (order.type, order.from, order.to) = ("com.*", 1, .max)
        (order.route, order.handler, order.target, order.isMuted) = ("a", "b.c", "d.e", true)
        let orders = [order, Self.order]
        for order in orders {
            let request = ControlRequest.replay(
                ReplayRequest(order, at: ReplayPlace(frame: 12, event: 7), until: 900, events: 512, before: 5),
                by: "ada")
            #expect(try ControlRequest(request.line[...]) == request)
        }
        var step = ReplayScan.Step()
        step.counts.events = 3
        step.counts.orphaned = 2
        step.place = ReplayPlace(frame: 4, event: 1)
        for nextAt in [nil, UInt64(77)] {
            step.nextAt = nextAt
            let answer = ControlAnswer.replayed(ReplayAnswer(step, first: 1, until: 9))
            #expect(try ControlAnswer(answer.line[...]) == answer)
        }
    }
}
