import Glibc
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry
import Synchronization
import Testing

@Suite struct `deliveries that are unaccounted for` {
    /// A log in memory that says that its books do not add up.
    private struct DriftingLog: EventLog {
        private var log = MemoryLog(boundBytes: 1 << 20)
        var drift: String? { "3 deliveries created, but 4 are pending" }
        var isDurable: Bool { log.isDurable }
        var takesSources: Bool { log.takesSources }
        var hasCommitted: Bool { log.hasCommitted }
        var isBusy: Bool { log.isBusy }
        var isBroken: Bool { log.isBroken }
        var wantsCheckpoint: Bool { log.wantsCheckpoint }
        var numbers: LogNumbers { log.numbers }
        var usage: LogUsage { log.usage }

        mutating func makeSubmission() -> LogSubmission { log.makeSubmission() }
        mutating func submit(_ submission: LogSubmission, from origin: AppendOrigin) throws(LogError) {
            try log.submit(submission, from: origin)
        }
        mutating func takeCommitted() -> LogSubmission? { log.takeCommitted() }
        mutating func recycle(_ submission: LogSubmission) { log.recycle(submission) }
        mutating func retain(copies batch: EventBatch) { log.retain(copies: batch) }
        mutating func release(_ batch: EventBatch) { log.release(batch) }
    }

    private final class Heard: Sendable {
        let notices = Mutex<[String]>([])
        let events = Mutex<[Event]>([])
    }

    @Test func `are an alarm, once, as a notice and as an event that comes in`() throws {
        let bell = Doorbell()
        let table = CallTable(capacity: Dispatcher.callCapacity(maxInFlight: [1]), doorbell: bell)
        let dispatcher = Dispatcher(
            plan: Bench.plan(), table: table, doorbell: bell, tracer: .off(ids: IDGenerator(seed: 1)),
            options: Dispatcher.Options())
        let heard = Heard()
        let host = DispatchHost(
            commitState: { _, _, _, _, _ in true }, changeTimers: { _, _, _ in }, fireTimers: { _, _ in [] },
            nextTimer: { nil },
            reenter: { events in
                heard.events.withLock { $0 += events.map(\.event) }
                return []
            },
            bury: { _ in }, isBurying: { false },
            notice: { notice in
                if case .drift(let drift) = notice { heard.notices.withLock { $0.append(drift) } }
            },
            attemptFailed: { _ in })
        try dispatcher.start(log: DriftingLog(), host: host)
        let until = ContinuousClock.now + .seconds(60)
        while heard.events.withLock({ $0.isEmpty }), ContinuousClock.now < until { usleep(1_000) }
        dispatcher.stop()
        let end = dispatcher.join()
        let (events, notices) = (heard.events.withLock { $0 }, heard.notices.withLock { $0 })
        #expect(events.map(\.type) == ["patchbay.alarm.conservation"])
        #expect(notices == ["3 deliveries created, but 4 are pending"])
        let data = events.first?.data.map { String(decoding: $0, as: UTF8.self) }
        #expect(data == #"{"drift":"3 deliveries created, but 4 are pending"}"#)
        #expect(end?.status.drift == notices.first)
    }
}
