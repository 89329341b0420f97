import Glibc
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// Streams of a running host, changed through its control socket and followed beside it.
@Suite struct `streams of a running host` {
    private static let yaml = """
        log: {backend: file, path: FOLDER/data}
        modules: {directory: FOLDER/plugins, load: [{name: lab, config: {path: FOLDER/seen}}]}
        policies: {bulkheads: {default: {maxInFlight: 4}}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes: [{name: book, type: com.acme.test, to: [{handler: lab.book}]}]
        unmatched: drop
        """

    /// A host that waits for more than the `count` events that it is given.
    private func running(_ bench: RunBench, _ count: Int) throws -> PatchbayRuntime.Host {
        try bench.install("lab")
        try bench.write("events.jsonl", Events.lines(count))
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        return host
    }

    private func append(
        _ ids: [String], _ expected: ExpectedRevision, _ bench: RunBench, to stream: String = "account"
    ) throws -> StreamResult {
        var desk = try StreamDesk(folder: bench.path("data"), who: "ada")
        let lines = ids.map { StreamLine(Event(id: $0, source: "/ada", type: "note")) }
        return try desk.apply(.append(stream: stream, events: lines, expected: expected))
    }

    private func end(_ host: PatchbayRuntime.Host) -> RunReport {
        host.stop()
        return host.wait()
    }

    @Test func `an operator's appends and those of handlers are one history`() throws {
        let bench = try RunBench()
        let host = try running(bench, 20)
        var own = 0
        // While the handlers append, too: whoever has lost the revision is told the actual one.
        for number in 0..<20 {
            do {
                let known = try StoredStreams(folder: bench.path("data")).streams["account"]?.revision
                _ = try append(["a\(number)"], known.map { .exact($0) } ?? .noStream, bench)
                own += 1
            } catch let failure as ControlFailure {
                #expect(failure.code == .stream && failure.message.contains("expected was"), "\(failure)")
            }
        }
        let isDone = try bench.eventually {
            try StoredStreams(folder: bench.path("data")).streams["account"]?.next == UInt64(20 + own)
        }
        #expect(isDone)
        #expect(try append(["last"], .streamExists, bench).revisions?.lowerBound == UInt64(20 + own))
        let again = try append(["last"], .any, bench)
        #expect(again.isRepeat && again.revisions?.lowerBound == UInt64(20 + own))
        let report = end(host)
        #expect(report.problems == [] && report.drift == nil && report.status.counts.done == 20, "\(report)")
        #expect(try LogVerification.ofFolder(bench.path("data")).isSound)
        var revisions: [UInt64] = []
        try StoredStreams(folder: bench.path("data")).forEach(of: "account", StreamSelection()) {
            revisions.append($0.place.revision)
            return true
        }
        #expect(revisions == Array(0...UInt64(20 + own)))
    }

    @Test func `truncating, snapshots, subscriptions and deleting work while it runs, and are there afterwards`() throws
    {
        let bench = try RunBench()
        let host = try running(bench, 1)
        do {
            var desk = try StreamDesk(folder: bench.path("data"), who: "ada")
            _ = try append(["1", "2", "3"], .noStream, bench, to: "s")
            let snapshot = try desk.apply(.snapshot(stream: "s", revision: 1, bytes: [0, 255, 16]))
            let truncation = try desk.apply(.truncate(stream: "s", before: 2))
            let nothing = try desk.apply(.truncate(stream: "s", before: 1))
            #expect(snapshot.isChanged && truncation.isChanged && !nothing.isChanged)
            _ = try desk.apply(.subscription(name: "mailer", stream: "s", next: 3))
            _ = try append(["1"], .any, bench, to: "gone")
            _ = try desk.apply(.delete(stream: "gone", expected: .exact(0)))
            #expect(throws: ControlFailure.self) { try append(["2"], .any, bench, to: "gone") }
            #expect(throws: ControlFailure.self) { try append(["2"], .any, bench, to: "") }
        }
        #expect(end(host).problems == [])
        let stored = try StoredStreams(folder: bench.path("data"))
        #expect(try stored.snapshot(of: "s")?.bytes == [0, 255, 16])
        #expect(stored.streams["s"]?.first == 2 && stored.streams["gone"]?.isDeleted == true)
        #expect(stored.streams.subscriptions["mailer"]?.next == 3)
        // A host that starts now goes on from there.
        let second = try bench.host(Self.yaml, once: true)
        try second.start()
        #expect(second.wait().problems == [])
    }

    @Test func `a follower sees each event once, those that were there and those that come`() throws {
        let bench = try RunBench()
        let host = try running(bench, 10)
        _ = try append(["a", "b"], .noStream, bench, to: "other")
        let all = StreamFollower(folder: bench.path("data"), stream: nil, from: 0)
        let one = StreamFollower(folder: bench.path("data"), stream: "other", from: 1)
        var (numbers, ids): ([UInt64], [String]) = ([], [])
        func poll() throws {
            _ = try all.poll { numbers.append($0.place.number) }
            _ = try one.poll { ids.append($0.event.id) }
        }
        try poll()
        for number in 0..<20 {
            _ = try append(["c\(number)"], .any, bench, to: number % 2 == 0 ? "other" : "third")
            try poll()
        }
        let isDone = try bench.eventually {
            try poll()
            return numbers.count == 32
        }
        #expect(isDone && numbers == Array(0..<32), "\(numbers)")
        #expect(ids == ["b"] + (0..<20).filter { $0 % 2 == 0 }.map { "c\($0)" })
        #expect(all.next == 32 && one.next == 12)
        #expect(end(host).problems == [])
    }
}

extension LogVerification {
    /// Of a data folder that nobody has.
    fileprivate static func ofFolder(_ path: String) throws -> LogVerification {
        try LogVerification(log: FileStorage("\(path)/log"), checkpoints: FileStorage("\(path)/checkpoint"))
    }
}
