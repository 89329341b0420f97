import PatchbayEvents
import PatchbayResilience
import Testing

@testable import PatchbayLog

enum StreamSamples {
    static func event(_ id: String) -> Event { Event(id: id, source: "/test", type: "t", data: Array("{}".utf8)) }
    static func lines(_ ids: [String]) -> [StreamLine] { ids.map { StreamLine(event($0)) } }

    static func append(
        _ ids: [String], to stream: String, _ expected: ExpectedRevision = .any
    ) -> StreamChange { .append(stream: stream, events: lines(ids), expected: expected) }
}

/// One suite over both backends.
@Suite struct `streams of a log` {
    enum Kind: CaseIterable { case memory, file }

    private func backend(_ kind: Kind, seed: UInt64 = 1) throws -> any StreamBackend {
        switch kind {
        case .memory: MemoryStreams()
        case .file: try FileStreams(seed: seed)
        }
    }

    private func told(_ events: [StreamEvent]) throws -> [String] {
        let codec = CloudEventsCodec.ofStored()
        return try events.map { "\($0.revision) \($0.number) \($0.time) \(try codec.event($0.line).id)" }
    }

    @Test(arguments: Kind.allCases) func `an append is taken at the revision that is expected, and at no other`(
        _ kind: Kind
    ) throws {
        let backend = try backend(kind)
        let append = StreamSamples.append
        #expect(try backend.apply(append(["a", "b"], "s", .noStream), now: 10).revisions == 0..<2)
        #expect(try backend.apply(append(["c"], "s", .exact(1)), now: 11).revisions == 2..<3)
        #expect(try backend.apply(append(["d"], "s", .streamExists), now: 12).revisions == 3..<4)
        for (expected, actual) in [(ExpectedRevision.noStream, 3), (.exact(2), 3), (.exact(4), 3)] {
            #expect(throws: StreamRefusal.wrongRevision(stream: "s", expected: expected, actual: UInt64(actual))) {
                try backend.apply(append(["x"], "s", expected), now: 13)
            }
        }
        #expect(throws: StreamRefusal.wrongRevision(stream: "t", expected: .streamExists, actual: nil)) {
            try backend.apply(append(["x"], "t", .streamExists), now: 13)
        }
        #expect(throws: StreamRefusal.wrongRevision(stream: "t", expected: .exact(0), actual: nil)) {
            try backend.apply(append(["x"], "t", .exact(0)), now: 13)
        }
        #expect(try told(backend.store.read("s", count: 9)) == ["0 0 10 a", "1 1 10 b", "2 2 11 c", "3 3 12 d"])
        #expect(try backend.store.read("t", count: 9).isEmpty)
    }

    @Test(arguments: Kind.allCases) func `the same events again answer with the revisions that they have`(
        _ kind: Kind
    ) throws {
        let backend = try backend(kind)
        let append = StreamSamples.append
        for (ids, expected) in [(["a", "b"], ExpectedRevision.noStream), (["c"], .exact(1)), (["d"], .any)] {
            _ = try backend.apply(append(ids, "s", expected), now: 10)
        }
        let repeats: [([String], ExpectedRevision, Range<UInt64>)] = [
            (["a", "b"], .noStream, 0..<2), (["a", "b"], .any, 0..<2), (["c"], .exact(1), 2..<3),
            (["c", "d"], .exact(1), 2..<4), (["b", "c"], .streamExists, 1..<3),
        ]
        for (ids, expected, revisions) in repeats {
            let answer = try backend.apply(append(ids, "s", expected), now: 11)
            #expect(answer.revisions == revisions && answer.isRepeat, "\(ids) \(expected)")
        }
        #expect(throws: StreamRefusal.partialRepeat(stream: "s", actual: 3)) {
            try backend.apply(append(["d", "e"], "s", .any), now: 11)
        }
        #expect(throws: StreamRefusal.wrongRevision(stream: "s", expected: .exact(1), actual: 3)) {
            try backend.apply(append(["c", "e"], "s", .exact(1)), now: 11)
        }
        #expect(backend.store["s"]?.next == 4)
    }

    @Test(arguments: Kind.allCases) func `what is truncated or deleted is gone, and its revisions are not given again`(
        _ kind: Kind
    ) throws {
        let backend = try backend(kind)
        _ = try backend.apply(StreamSamples.append(["a", "b", "c"], to: "s"), now: 10)
        _ = try backend.apply(.snapshot(stream: "s", revision: 1, bytes: [1, 2]), now: 11)
        #expect(try backend.apply(.truncate(stream: "s", before: 2), now: 12).record != nil)
        #expect(try backend.apply(.truncate(stream: "s", before: 1), now: 12).record == nil)
        #expect(throws: StreamRefusal.self) { try backend.apply(.truncate(stream: "s", before: 4), now: 12) }
        #expect(try told(backend.store.read("s", count: 9)) == ["2 2 10 c"])
        #expect(try backend.store.snapshot(of: "s")?.bytes == [1, 2], "a snapshot outlives its events")
        _ = try backend.apply(.truncate(stream: "s", before: 3), now: 13)
        #expect(try backend.apply(StreamSamples.append(["d"], to: "s", .exact(2)), now: 14).revisions == 3..<4)
        #expect(throws: StreamRefusal.wrongRevision(stream: "s", expected: .exact(2), actual: 3)) {
            try backend.apply(.delete(stream: "s", expected: .exact(2)), now: 15)
        }
        _ = try backend.apply(.delete(stream: "s", expected: .exact(3)), now: 15)
        #expect(try backend.store.read("s", count: 9).isEmpty && backend.store.snapshot(of: "s") == nil)
        for change in [StreamSamples.append(["e"], to: "s"), .delete(stream: "s", expected: .any)] {
            #expect(throws: StreamRefusal.deleted(stream: "s")) { try backend.apply(change, now: 16) }
        }
    }

    @Test(arguments: Kind.allCases) func `changes of one call are done together or not at all`(_ kind: Kind) throws {
        let backend = try backend(kind)
        _ = try backend.apply(StreamSamples.append(["a"], to: "s"), now: 10)
        let (first, second) = (StreamSamples.event("x"), StreamSamples.event("b"))
        let fitting = StreamAppend(stream: "t", expected: .noStream, events: [first])
        let lost = StreamAppend(stream: "s", expected: .exact(4), events: [second])
        #expect(!backend.store.takes([fitting, lost], []))
        let snapshot = StreamSnapshotWrite(stream: "t", revision: 0, bytes: [1])
        let early = StreamSnapshotWrite(stream: "t", revision: 1, bytes: [1])
        #expect(backend.store.takes([fitting], [snapshot]) && !backend.store.takes([fitting], [snapshot, early]))
        #expect(backend.store["t"] == nil, "asking changes nothing")
        backend.store.commit([fitting], [snapshot], now: 11)
        #expect(backend.store["t"]?.snapshots == [0] && backend.store["s"]?.next == 1)
        #expect(try told(backend.store.read("t", count: 9)) == ["0 1 11 x"])
    }

    @Test(arguments: Kind.allCases, 0..<8) func `streams are what a model says, whatever happens to the log`(
        _ kind: Kind, _ seed: UInt64
    ) throws {
        let backend = try backend(kind, seed: seed)
        var random = SeededRandom(seed: seed)
        var model = StreamModel()
        var ids = 0
        var past: [(name: String, ids: [String], expected: ExpectedRevision)] = []
        for now in UInt64(10)..<310 {
            let name = "s\(random.upTo(3))"
            let next = UInt64(model.streams[name]?.events.count ?? 0)
            switch random.upTo(9) {
            case 0 where next > 0 && model.streams[name]?.isDeleted == false:
                let before = random.upTo(next)
                _ = try backend.apply(.truncate(stream: name, before: before), now: now)
                let first = max(model.streams[name]?.first ?? 0, Int(before))
                model.streams[name]?.first = first
            case 1 where next > 0 && model.streams[name]?.isDeleted == false:
                let revision = random.upTo(next - 1)
                _ = try backend.apply(.snapshot(stream: name, revision: revision, bytes: [UInt8(now & 255)]), now: now)
                model.streams[name]?.snapshots[revision] = [UInt8(now & 255)]
                let kept = (model.streams[name]?.snapshots ?? [:]).sorted { $0.key < $1.key }.suffix(16)
                model.streams[name]?.snapshots = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
            case 2 where next > 20 && random.upTo(4) == 0 && model.streams[name]?.isDeleted == false:
                _ = try backend.apply(.delete(stream: name, expected: .any), now: now)
                model.streams[name]?.isDeleted = true
                model.streams[name]?.snapshots = [:]
            default:
                var append = (
                    name: name, ids: (0...random.upTo(5)).map { "\(ids + Int($0))" },
                    expected: [ExpectedRevision.any, .noStream, .streamExists, .exact(next &- 1)][Int(random.upTo(3))]
                )
                if let old = past.randomElement(using: &random), random.upTo(3) == 0 { append = old }
                ids += 6
                past.append(append)
                let wanted = model.append(append.ids, to: append.name, append.expected, now: now)
                let change = StreamSamples.append(append.ids, to: append.name, append.expected)
                if let wanted {
                    let answer = try backend.apply(change, now: now)
                    #expect(answer.revisions?.lowerBound == UInt64(wanted), "seed \(seed) at \(now)")
                } else {
                    #expect(throws: StreamRefusal.self, "seed \(seed) at \(now)") {
                        try backend.apply(change, now: now)
                    }
                }
            }
            let what = try backend.disturb(&random, now: now)
            try compare(backend, model, &random, "seed \(seed) at \(now) after \(what)", now)
        }
        guard let file = backend as? FileStreams else { return }
        #expect(file.seen["carried"] ?? 0 > 0 && file.seen["dropped"] ?? 0 > 0, "seed \(seed): \(file.seen)")
        #expect(file.seen["refused"] ?? 0 > 0, "seed \(seed): \(file.seen)")
    }

    private func compare(
        _ backend: any StreamBackend, _ model: StreamModel, _ random: inout SeededRandom, _ place: String, _ now: UInt64
    ) throws {
        for name in ["s0", "s1", "s2", "s3"] {
            var selection = StreamSelection(random.upTo(1) == 0 ? .forward : .backward)
            if random.upTo(1) == 0 { selection.from = random.upTo(60) }
            if random.upTo(3) == 0 { selection.since = random.upTo(now) }
            if random.upTo(3) == 0 { selection.asOf = random.upTo(now) }
            let count = random.upTo(1) == 0 ? Int.max : Int(random.upTo(9))
            let read = try told(backend.store.read(name, selection, count: count))
            #expect(read == model.read(name, selection, count: count), "\(place): \(name) \(selection) \(count)")
            let bound = random.upTo(60)
            let snapshot = try backend.store.snapshot(of: name, at: bound)
            let wanted = model.streams[name]?.snapshots.filter { $0.key <= bound }.max { $0.key < $1.key }
            #expect(snapshot?.bytes == wanted?.value && snapshot?.revision == wanted?.key, "\(place): \(name)")
        }
    }
}
