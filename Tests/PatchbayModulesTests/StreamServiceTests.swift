import CPatchbay
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayModules

@Suite(.inlineAndFromWorker) struct `stream service` {
    /// `patchbay.stream/0` as a handler would wrap it.
    private struct Access {
        let bench: ModuleBench
        let table: patchbay_stream

        init(_ bench: ModuleBench) throws {
            self.bench = bench
            table = try bench.service(HostServiceID.stream, patchbay_stream.self)
        }

        /// The status, and what became of `*revision`.
        func append(
            _ call: patchbay_call, _ stream: String, _ expected: UInt64, ids: [String] = [""], type: String = "t",
            notBefore: UInt64 = 0
        ) -> (patchbay_status, UInt64) {
            var revision: UInt64 = 777
            let drafts = ids.map { id in
                var draft = patchbay_draft()
                draft.size = UInt32(MemoryLayout<patchbay_draft>.size)
                draft.type = lasting(type)
                draft.id = lasting(id)
                draft.not_before_ns = notBefore
                return draft
            }
            let status = drafts.withUnsafeBufferPointer { drafts in
                var places = drafts.indices.map { index in drafts.baseAddress.map { $0 + index } }
                return table.append(
                    bench.host, call, lasting(stream), &places, UInt64(places.count), expected, &revision)
            }
            return (status, revision)
        }

        /// The revisions and ids of a page.
        func read(
            _ call: patchbay_call, _ stream: String, from: UInt64 = 0, count: UInt64 = 1000, backward: Bool = false
        ) -> (patchbay_status, [String]) {
            var seen: [String] = []
            let status = withUnsafeMutablePointer(to: &seen) { seen in
                table.read(
                    bench.host, call, lasting(stream), from, count, backward ? PATCHBAY_STREAM_BACKWARD : 0,
                    { seen, event in
                        guard let seen, let event else { return 1 }
                        seen.assumingMemoryBound(to: [String].self).pointee.append(
                            "\(event.pointee.revision) \(String(event.pointee.id))")
                        return 0
                    }, seen)
            }
            return (status, seen)
        }

        func commit(_ call: patchbay_call) { bench.commitStreams(bench.settle(call)) }
    }

    @Test func `an append is seen by its own call at once and by others when the call is done`() throws {
        let stream = try Access(ModuleBench())
        let call = stream.bench.open()
        #expect(stream.append(call, "s", PATCHBAY_STREAM_NONE, ids: ["a", "b"]) == (.ok, 0))
        #expect(stream.append(call, "s", 1, ids: ["c"]) == (.ok, 2))
        #expect(stream.append(call, "s", 1, ids: ["d"]) == (.conflict, 2))
        #expect(stream.append(call, "s", PATCHBAY_STREAM_EXISTS, ids: ["d"]) == (.ok, 3))
        #expect(stream.read(call, "s") == (.notFound, []))
        let other = stream.bench.open()
        #expect(stream.append(other, "s", 3, ids: ["x"]) == (.conflict, PATCHBAY_STREAM_NONE))
        stream.commit(call)
        #expect(stream.read(other, "s") == (.ok, ["0 a", "1 b", "2 c", "3 d"]))
        #expect(stream.append(call, "s", 3, ids: ["x"]).0 == .stale && stream.read(call, "s").0 == .stale)
        _ = stream.bench.settle(other, .fail)
    }

    @Test func `pages go both ways, and end where they are told`() throws {
        let stream = try Access(ModuleBench())
        let call = stream.bench.open()
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: (0..<9).map { "e\($0)" }) == (.ok, 0))
        stream.commit(call)
        let reading = stream.bench.open()
        #expect(stream.read(reading, "s", from: 2, count: 3).1 == ["2 e2", "3 e3", "4 e4"])
        #expect(stream.read(reading, "s", from: .max, count: 2, backward: true).1 == ["8 e8", "7 e7"])
        #expect(stream.read(reading, "s", from: 1, backward: true).1 == ["1 e1", "0 e0"])
        #expect(stream.read(reading, "s", from: 9) == (.ok, []))
        var (first, next): (UInt64, UInt64) = (9, 9)
        #expect(stream.table.head(stream.bench.host, reading, lasting("s"), &first, &next) == .ok)
        #expect((first, next) == (0, 9))
        #expect(stream.table.head(stream.bench.host, reading, lasting("t"), &first, &next) == .notFound)
        #expect((first, next) == (0, 0))
        _ = stream.bench.settle(reading)
    }

    @Test func `a rerun of a call that was committed appends nothing again, since its ids are the same`() throws {
        let stream = try Access(ModuleBench())
        for _ in 0..<2 {
            let call = stream.bench.open(event: "same")
            #expect(stream.append(call, "s", PATCHBAY_STREAM_NONE, ids: ["", ""]) == (.ok, 0))
            #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: [""]) == (.ok, 2))
            stream.commit(call)
            #expect(stream.bench.environment.streams["s"]?.next == 3)
        }
        let other = stream.bench.open(event: "other")
        #expect(stream.append(other, "s", PATCHBAY_STREAM_ANY, ids: [""]) == (.ok, 3))
        _ = stream.bench.settle(other)
    }

    @Test func `a revision that was lost since the call looked is a conflict at the commit`() throws {
        let stream = try Access(ModuleBench())
        let (one, two) = (stream.bench.open(event: "1"), stream.bench.open(event: "2"))
        #expect(stream.append(one, "s", PATCHBAY_STREAM_NONE) == (.ok, 0))
        #expect(stream.append(two, "s", PATCHBAY_STREAM_NONE) == (.ok, 0))
        stream.commit(one)
        let lost = try #require(stream.bench.settle(two).effects)
        #expect(!stream.bench.environment.streams.takes(lost.streamAppends, lost.streamSnapshots))
    }

    @Test func `refuses what cannot be with a status`() throws {
        var limits = HostEnvironment.Limits()
        limits.streamEventsPerCall = 2
        let stream = try Access(ModuleBench(limits: limits))
        let call = stream.bench.open()
        #expect(stream.append(call, "", PATCHBAY_STREAM_ANY).0 == .badArgument)
        #expect(stream.append(call, "a\nb", PATCHBAY_STREAM_ANY).0 == .badArgument)
        #expect(stream.append(call, String(repeating: "s", count: 1025), PATCHBAY_STREAM_ANY).0 == .limit)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, type: "").0 == .badArgument)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, notBefore: 1).0 == .badArgument)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: ["1", "2", "3"]).0 == .limit)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: []).0 == .badArgument)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: ["1", "2"]).0 == .ok)
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: ["3"]).0 == .limit)
        _ = try stream.bench.environment.streams.apply(
            .append(stream: "gone", events: [StreamLine(Event(id: "1", source: "/", type: "t"))], expected: .any),
            now: 1)
        _ = try stream.bench.environment.streams.apply(.delete(stream: "gone", expected: .any), now: 2)
        #expect(stream.append(call, "gone", PATCHBAY_STREAM_ANY).0 == .badState)
        #expect(stream.read(call, "gone").0 == .badState)
        #expect(try #require(stream.bench.settle(call).effects).streamAppends.map(\.events.count) == [2])
    }

    @Test func `snapshots come back byte by byte, the latest at a revision or before`() throws {
        let stream = try Access(ModuleBench())
        let table = stream.table
        let host = stream.bench.host
        let call = stream.bench.open()
        #expect(stream.append(call, "s", PATCHBAY_STREAM_ANY, ids: ["a", "b", "c"]).0 == .ok)
        #expect(table.snapshot_put(host, call, lasting("s"), 1, [1, 2, 3], 3) == .ok)
        #expect(table.snapshot_put(host, call, lasting("s"), 2, [9], 1) == .ok)
        #expect(table.snapshot_put(host, call, lasting("s"), 3, [9], 1) == .notFound)
        #expect(table.snapshot_put(host, call, lasting("t"), 0, [9], 1) == .notFound)
        stream.commit(call)
        let reading = stream.bench.open()
        var buffer: [UInt8] = [0, 0, 0, 0]
        var (length, revision): (UInt64, UInt64) = (4, 0)
        #expect(table.snapshot_get(host, reading, lasting("s"), 1, &buffer, &length, &revision) == .ok)
        #expect((length, revision) == (3, 1) && buffer == [1, 2, 3, 0])
        length = 2
        #expect(table.snapshot_get(host, reading, lasting("s"), 1, &buffer, &length, nil) == .limit && length == 3)
        length = 4
        #expect(table.snapshot_get(host, reading, lasting("s"), .max, &buffer, &length, &revision) == .ok)
        #expect((length, revision) == (1, 2) && buffer[0] == 9)
        #expect(table.snapshot_get(host, reading, lasting("s"), 0, &buffer, &length, nil) == .notFound && length == 0)
        _ = stream.bench.settle(reading)
    }

    @Test func `room that a call took comes back when it is over`() throws {
        let stream = try Access(ModuleBench())
        let room = stream.bench.environment.streams.room
        let (dropped, kept) = (stream.bench.open(event: "1"), stream.bench.open(event: "2"))
        #expect(stream.append(dropped, "s", PATCHBAY_STREAM_ANY).0 == .ok && room.bytes > 0)
        _ = stream.bench.settle(dropped, .fail)
        #expect(room.bytes == 0)
        #expect(stream.append(kept, "s", PATCHBAY_STREAM_ANY).0 == .ok)
        stream.commit(kept)
        #expect(room.bytes > 0, "in memory it stays")
        _ = try stream.bench.environment.streams.apply(.truncate(stream: "s", before: 1), now: 9)
        #expect(room.bytes == 0)
    }
}
