import Logging
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import Testing

/// Subscriptions over a log some of whose streams cannot be read for a while.
@Suite struct `subscriptions with a disk that fails` {
    private static let scope = HandlerScope(instance: "shop", handler: "view")

    /// A log with streams of two events each, in a segment of their own each, and subscriptions to all of them.
    private final class Bench {
        let storage = MemoryStorage()
        let store = SubscriptionStore()
        let log = LogLines()
        let streams = StreamStore()
        var now: UInt64 = 1
        private(set) var seen: [String] = []

        init(_ names: [String]) throws {
            var settings = LogSettings()
            settings.segmentBytes = 512
            let opened = try OpenedLog(storage, lock: nil, settings: settings) { (_, _) throws(LogFormatError) in
            } other: { (_, _) throws(LogFormatError) in
            }
            var committer = try opened.committer(routes: [], handlers: [], unixNow: 1)
            for name in names {
                let events = (0..<2).map { number in
                    let data = Array("\"\(String(repeating: name, count: 300))\"".utf8)
                    return StreamLine(Event(id: "\(name)-\(number)", source: "/s", type: "t", data: data))
                }
                let answer = try committer.ledger.streams.plan(
                    .append(stream: name, events: events, expected: .any), now: 1)
                let submission = LogSubmission()
                submission.journal.append(try #require(answer.record))
                try committer.commit([submission], unixNow: 1)
            }
            streams.open(committer.ledger.streams, reader: committer.store.reader)
            let lines = log
            let logger = Logger(label: "test") { _ in CollectingLogHandler(lines: lines) }
            try store.open(streams, typeMatcher: { _ in nil }, hasThread: false, logger: logger)
        }

        func subscribe(_ name: String, to stream: String) {
            store.commit(
                [.subscribe(name: name, StreamWish(stream: stream))], of: `subscriptions with a disk that fails`.scope
            ) { _ in }
        }

        /// What the dispatcher and the reader do in turns until neither has anything to do.
        func settle() {
            repeat {
                for delivery in store.take(isOpen: { _ in true }, recording: { _ in }) {
                    seen.append(delivery.event.id)
                    store.ended([delivery.keyHash])
                }
            } while store.read(now: now) || store.hasWork
        }

        /// Breaks what the log has of a stream, or mends it.
        func flip(_ stream: String) throws {
            let needle = Array(String(repeating: stream, count: 20).utf8)
            for name in try storage.folder("log").list() where name.hasSuffix(".seg") {
                let bytes = storage.contents("log/\(name)") ?? []
                let starts = bytes.indices.dropLast(needle.count)
                let place = starts.first { bytes[$0..<($0 + needle.count)] == needle[...] }
                if let place { storage.flip("log/\(name)", offset: place + 500, bit: 0) }
            }
        }

        func lines(_ level: Logger.Level) -> [String] {
            log.all.filter { $0.level == level }.map { $0.metadata["stream"] ?? "" }
        }
    }

    @Test func `one that cannot be read holds up no other, is said once, and comes when it can be read again`() throws {
        let bench = try Bench(["alpha", "beta", "gamma"])
        try bench.flip("beta")
        for name in ["beta", "alpha", "gamma"] { bench.subscribe(name, to: name) }
        bench.settle()
        #expect(Set(bench.seen) == ["alpha-0", "alpha-1", "gamma-0", "gamma-1"])
        // A run that ends by itself waits for it, and no longer once it has failed often.
        var waits: [Bool] = []
        for _ in 0..<10 {
            waits.append(bench.store.mayGoOn)
            bench.now += 30_000_000_000
            bench.settle()
        }
        #expect(waits == [true, true, true, true] + Array(repeating: false, count: 6))
        #expect(bench.lines(.error) == ["beta"] && bench.lines(.notice) == [])
        try bench.flip("beta")
        bench.settle()
        #expect(bench.seen.count == 4)
        bench.now += 30_000_000_000
        bench.settle()
        #expect(bench.seen.suffix(2) == ["beta-0", "beta-1"])
        #expect(bench.lines(.error) == ["beta"] && bench.lines(.notice) == ["beta"])
        #expect(!bench.store.mayGoOn)
    }

    @Test func `another stream under the same name is read at once`() throws {
        let bench = try Bench(["alpha", "beta"])
        try bench.flip("beta")
        bench.subscribe("all", to: "beta")
        bench.settle()
        #expect(bench.seen.isEmpty)
        bench.subscribe("all", to: "alpha")
        bench.settle()
        #expect(bench.seen == ["alpha-0", "alpha-1"])
        #expect(!bench.store.mayGoOn)
        bench.now += 30_000_000_000
        bench.settle()
        #expect(bench.seen.count == 2 && bench.lines(.error) == ["beta"])
    }
}
