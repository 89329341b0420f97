import CPatchbaySystem
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@testable import PatchbayLog

/// The log's writer between a dispatcher that submits and readers that look on, over a disk that fails now and then.
@Suite struct LogWriterStressTests {
    @Test(arguments: [false, true])
    func `what is committed comes back in order and is read by others at once`(disksFail: Bool) throws {
        let storage = MemoryStorage(seed: 7)
        var settings = LogSettings()
        settings.segmentBytes = 1 << 14
        settings.checkpointBytes = 1 << 14
        settings.identity = 7
        let opened = try OpenedLog(
            storage, lock: nil, settings: settings, extra: { _, _ throws(LogFormatError) in },
            other: { _, _ throws(LogFormatError) in })
        let bell = Doorbell()
        let writer = LogWriter(
            try opened.committer(routes: ["r"], handlers: ["h"], unixNow: 1), dispatcher: bell, report: { _ in })
        if disksFail {
            let operations = storage.counts.operations
            storage.plan.at = [operations + 2: .io, operations + 5: .noSpace, operations + 9: .io]
        }
        let stage = Stage(writer: writer, bell: bell)
        try writer.start()
        var readers: [OwnThread] = []
        for number in 0..<2 { readers.append(try OwnThread("read\(number)") { stage.find(seed: UInt64(number)) }) }
        readers.append(try OwnThread("scan") { stage.scan() })
        stage.submit(disksFail ? 60 : 400)
        stage.isOver.store(true, ordering: .releasing)
        for reader in readers { reader.join() }
        storage.plan = FaultPlan()
        let lost = writer.end()
        #expect(lost.isEmpty && stage.problems.all == [])
        let status = writer.status
        #expect(status.drift == nil && status.counts.events == stage.committed.load(ordering: .relaxed))
        #expect(stage.found.load(ordering: .relaxed) > 0 && stage.scanned.load(ordering: .relaxed) > 0)
        if disksFail { #expect(status.failures > 0, "the disk never failed") }
    }

    /// The threads around a writer.
    private final class Stage: Sendable {
        let writer: LogWriter
        let bell: Doorbell
        let problems = Problems()
        /// Events that came back as committed.
        let committed = Atomic<UInt64>(0)
        let found = Atomic<Int>(0)
        let scanned = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)

        init(writer: LogWriter, bell: Doorbell) {
            self.writer = writer
            self.bell = bell
        }

        // MARK: Dispatcher

        func submit(_ batches: Int) {
            var log = FileLog(writer, memoryBytes: 1 << 20)
            let maker = EventMaker()
            var sent = 0
            var taken: UInt64 = 0
            while sent < batches || log.isBusy {
                if sent < batches, log.takesSources {
                    let submission = log.makeSubmission()
                    let batch = EventBatch(source: 0, textCapacity: 1_024)
                    let first = sent * batchEvents
                    maker.fill(batch, ids: (first..<first + batchEvents).map(String.init), lanes: [0])
                    submission.batches.append(batch)
                    if log.wantsCheckpoint { submission.checkpointExtras = [] }
                    do {
                        try log.submit(submission, from: .source)
                        sent += 1
                    } catch {
                        problems.add("\(error)")
                    }
                }
                while let submission = log.takeCommitted() {
                    for batch in submission.batches {
                        if batch.firstPosition != taken {
                            problems.add("position \(batch.firstPosition) after \(taken) events")
                        }
                        taken += UInt64(batch.count)
                        log.release(batch)
                    }
                    committed.store(taken, ordering: .releasing)
                    log.recycle(submission)
                }
                if sent == batches || !log.takesSources {
                    bell.wait(timeout: 10_000_000) { log.hasCommitted }
                }
            }
        }

        // MARK: Readers

        func find(seed: UInt64) {
            var random = SeededRandom(seed: seed)
            while !isOver.load(ordering: .acquiring) || found.load(ordering: .relaxed) == 0 {
                let count = committed.load(ordering: .acquiring)
                guard count > 0 else { continue }
                let position = random.upTo(count - 1)
                do {
                    guard let event = try writer.reader.event(at: position) else {
                        problems.add("position \(position) of \(count) is not there")
                        continue
                    }
                    if try writer.reader.find(source: "/s", id: String(position)) != event {
                        problems.add("event \(position) is another one by its id")
                    }
                    found.wrappingAdd(1, ordering: .relaxed)
                } catch {
                    problems.add("\(error)")
                }
            }
        }

        func scan() {
            while !isOver.load(ordering: .acquiring) || scanned.load(ordering: .relaxed) == 0 {
                let atLeast = committed.load(ordering: .acquiring)
                var events: UInt64 = 0
                var cursor = writer.reader.frames(fromSequence: 1)
                do {
                    while let frame = try cursor.next() { events += UInt64(frame.view.header.eventCount) }
                    if events < atLeast { problems.add("\(events) events are read of \(atLeast)") }
                    if events > 0 { scanned.wrappingAdd(1, ordering: .relaxed) }
                } catch {
                    problems.add("\(error)")
                }
            }
        }
    }
}

private let batchEvents = 8
