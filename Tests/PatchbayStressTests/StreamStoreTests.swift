import CPatchbaySystem
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@testable import PatchbayLog

/// Streams between the dispatcher that appends, the log's thread that writes and carries them, and whoever reads.
@Suite struct StreamStoreStressTests {
    private static let streamCount = 4
    private static let eventsOfAppend = 3

    /// The threads around a store.
    private final class Stage: Sendable {
        let store = StreamStore()
        let problems = Problems()
        /// Events that each stream is known to have.
        let known = (0..<streamCount).map { _ in Atomic<UInt64>.Box(0) }
        let isOver = Atomic<Bool>(false)
        let pages = Atomic<Int>(0)
        let snapshots = Atomic<Int>(0)
        let carried = Atomic<Int>(0)

        static func name(_ stream: Int) -> String { "stream-\(stream)" }

        // MARK: Dispatcher

        /// Appends to a stream, with a snapshot now and then; `record` gets what the log has to say.
        func append(_ number: Int, record: (StreamRecord) -> Void) {
            let stream = number % streamCount
            let first = known[stream].value.load(ordering: .relaxed)
            let events = (0..<UInt64(eventsOfAppend)).map { place in
                Event(
                    id: "\(stream)-\(first + place)", source: "/stress", type: "t",
                    data: [UInt8](repeating: 0x31, count: 100))
            }
            let append = StreamAppend(
                stream: Self.name(stream), expected: first == 0 ? .noStream : .exact(first - 1), events: events)
            let last = first + UInt64(eventsOfAppend) - 1
            let snapshots =
                number % 5 == 0
                ? [StreamSnapshotWrite(stream: append.stream, revision: last, bytes: Array("\(last)".utf8))] : []
            guard store.takes([append], snapshots) else { return problems.add("append \(number) is refused") }
            store.commit([append], snapshots, now: UInt64(number), recording: record)
            known[stream].value.store(last + 1, ordering: .releasing)
        }

        // MARK: Readers

        func read(seed: UInt64) {
            var random = SeededRandom(seed: seed)
            var rounds = 0
            while !isOver.load(ordering: .acquiring) || rounds < 10 {
                rounds += 1
                let stream = Int(random.upTo(UInt64(streamCount - 1)))
                let count = known[stream].value.load(ordering: .acquiring)
                guard count > 0 else { continue }
                do {
                    try readPage(stream, from: random.upTo(count - 1), known: count)
                    try readSnapshot(stream)
                } catch {
                    problems.add("\(error)")
                }
            }
        }

        private func readPage(_ stream: Int, from: UInt64, known count: UInt64) throws {
            let events = try store.read(Self.name(stream), StreamSelection(from: from), count: 20)
            if UInt64(events.count) < min(20, count - from) {
                problems.add("\(events.count) events from \(from) on of \(count)")
            }
            for (place, event) in events.enumerated() {
                let revision = from + UInt64(place)
                let id = "\"id\":\"\(stream)-\(revision)\""
                guard event.revision == revision, String(decoding: event.line, as: UTF8.self).contains(id) else {
                    problems.add("revision \(revision) of stream \(stream) is another event")
                    return
                }
            }
            pages.wrappingAdd(1, ordering: .relaxed)
        }

        private func readSnapshot(_ stream: Int) throws {
            guard let snapshot = try store.snapshot(of: Self.name(stream)) else { return }
            if snapshot.bytes != Array("\(snapshot.revision)".utf8) {
                problems.add("the snapshot at \(snapshot.revision) is another one")
            }
            snapshots.wrappingAdd(1, ordering: .relaxed)
        }

        func check() throws {
            for stream in 0..<streamCount {
                let events = try store.read(Self.name(stream), count: .max)
                let count = known[stream].value.load(ordering: .relaxed)
                if events.map(\.revision) != Array(0..<count) { problems.add("stream \(stream) has a gap") }
            }
        }
    }

    private func readers(_ stage: Stage) throws -> [OwnThread] {
        try (0..<2).map { number in try OwnThread("read\(number)") { stage.read(seed: UInt64(number)) } }
    }

    @Test func `streams in memory are read whole while they grow`() throws {
        let stage = Stage()
        let readers = try readers(stage)
        for number in 0..<1500 { stage.append(number) { _ in } }
        stage.isOver.store(true, ordering: .releasing)
        for reader in readers { reader.join() }
        try stage.check()
        #expect(stage.problems.all == [])
        #expect(stage.pages.load(ordering: .relaxed) > 0 && stage.snapshots.load(ordering: .relaxed) > 0)
    }

    @Test func `streams of a log are read whole while they are written, carried and lose their segments`() throws {
        let stage = Stage()
        var settings = LogSettings()
        settings.segmentBytes = 1 << 13
        settings.checkpointBytes = 1 << 13
        settings.retentionBytes = 1 << 14
        settings.identity = 7
        let opened = try OpenedLog(
            MemoryStorage(seed: 7), lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in })
        let bell = Doorbell()
        let writer = LogWriter(
            try opened.committer(routes: ["r"], handlers: ["h"], unixNow: 1), dispatcher: bell, report: { _ in },
            didCarry: { records, sequence in
                stage.store.carried(records, in: sequence)
                stage.carried.wrappingAdd(records.count, ordering: .relaxed)
            })
        stage.store.open(Streams(), reader: writer.reader)
        try writer.start()
        let readers = try readers(stage)
        dispatch(300, stage, FileLog(writer, memoryBytes: 1 << 20), bell)
        stage.isOver.store(true, ordering: .releasing)
        for reader in readers { reader.join() }
        try stage.check()
        let unwritten = writer.end().count
        #expect(unwritten == 0)
        #expect(stage.problems.all == [])
        #expect(writer.status.drift == nil)
        #expect(stage.pages.load(ordering: .relaxed) > 0 && stage.snapshots.load(ordering: .relaxed) > 0)
        #expect(stage.carried.load(ordering: .relaxed) > 0, "nothing was ever carried")
    }

    private func dispatch(_ count: Int, _ stage: Stage, _ fileLog: FileLog, _ bell: Doorbell) {
        var log = fileLog
        var sent = 0
        while sent < count || log.isBusy {
            if sent < count, log.takesSources {
                let submission = log.makeSubmission()
                stage.append(sent) { submission.journal.append($0) }
                if log.wantsCheckpoint { submission.checkpointExtras = [] }
                do {
                    try log.submit(submission, from: .handler)
                } catch {
                    stage.problems.add("\(error)")
                }
                sent += 1
            }
            while let submission = log.takeCommitted() {
                stage.store.placed(submission.journal.streamRecords, in: submission.sequence)
                log.recycle(submission)
            }
            if sent == count || !log.takesSources { bell.wait(timeout: 10_000_000) { log.hasCommitted } }
        }
    }
}
