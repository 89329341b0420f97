import CPatchbaySystem
import Glibc
import PatchbayDispatch
import PatchbayEvents
import Synchronization

/// The one source of a host that only replays what its data folder has.
final class ReplaySource: EventSource {
    let name = "replay"
    private let order: ReplayOrder
    private let speed: ReplaySpeed
    private let flag = StopFlag()
    private let site = Mutex<ReplaySite?>(nil)
    private let state = Mutex(ReplayProgress())

    init(_ order: ReplayOrder, _ speed: ReplaySpeed) {
        self.order = order
        self.speed = speed
    }

    /// Says where it reads. Before `run`.
    func begin(at site: ReplaySite) { self.site.withLock { $0 = site } }

    /// How far it is. [any thread]
    var progress: ReplayProgress { state.withLock { $0 } }

    func stop() { flag.raise() }

    /// In millionths of the log's part.
    var extent: InputExtent? { InputExtent(read: UInt64(progress.share * 1e6), all: 1_000_000) }

    func run(_ lane: SourceLane) throws(SourceError) {
        guard let site = site.withLock({ $0 }) else { return }
        let intake = OperatorIntake(
            lane.intake.setup, name: name, number: lane.number, source: lane.number, counters: lane.intake.counters)
        do {
            try replay(site, intake, lane.port)
        } catch {
            throw SourceError(name, "\(error)", remedy: "see what the log has with `patchbay log verify`")
        }
    }

    private func replay(_ site: ReplaySite, _ intake: OperatorIntake, _ port: IntakePort) throws {
        let scan = try site.scan(order)
        var pace = ReplayPace(speed, stepMax: EventBatch.eventsMax)
        var place = ReplayPlace()
        while !flag.isSet {
            let wait = pace.wait(now: pbs_now())
            if wait > 0 {
                var stopped = pollfd(fd: flag.event, events: Int16(POLLIN), revents: 0)
                poll(&stopped, 1, Int32(clamping: wait / 1_000_000 + 1))
                continue
            }
            let now = pbs_now()
            let step = try scan.step(from: place, ReplayScan.Bounds(events: pace.step, before: pace.before(now: now)))
            pace.did(step.lines.count, nextAt: step.nextAt, now: now)
            place = step.place
            for batch in try intake.batches(step.lines, step.deliveries, isMuted: order.isMuted) {
                // What the dispatcher does not take any more is not replayed; the log has the original.
                guard port.offer(batch) else { return }
            }
            state.withLock { state in
                state.counts += step.counts
                state.share = scan.share(at: step)
                state.isAtEnd = step.isAtEnd
            }
            if step.isAtEnd { return }
        }
    }
}

/// How far a replay is.
package struct ReplayProgress: Sendable {
    package var counts = ReplayCounts()
    /// Of the log's part that is read, 0 to 1.
    package var share = 0.0
    /// It was not ended before.
    package var isAtEnd = false

    package init() {}

    package static func share(of frame: UInt64, from first: UInt64, to end: UInt64) -> Double {
        guard end > first, frame > first else { return 0 }
        return min(1, Double(frame - first) / Double(end - first))
    }
}
