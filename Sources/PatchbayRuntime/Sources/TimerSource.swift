import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayLog
import PatchbaySchedule

/// Sends an event whenever the clock says so.
///
/// The event's id is its time, so one that is sent again is known as such. With a log in files the last tick that fell
/// into a time without a host is made up for at the start; earlier ones are not.
final class TimerSource: EventSource {
    /// When it fires.
    private enum Rhythm {
        case cron(CronSchedule, ZoneRules)
        /// At multiples of so many nanoseconds since 1970.
        case every(UInt64)

        /// The first tick behind a time, in Unix nanoseconds; `nil` when there is none.
        func next(after time: UInt64) -> UInt64? {
            switch self {
            case .every(let interval): (time / interval + 1) * interval
            case .cron(let schedule, let zone):
                schedule.next(after: Int64(time / 1_000_000_000), in: zone).map { UInt64($0) * 1_000_000_000 }
            }
        }

        /// The last tick up to a time, unless it was before `earliest`.
        func last(before time: UInt64, notBefore earliest: UInt64) -> UInt64? {
            guard earliest <= time else { return nil }
            switch self {
            case .every(let interval):
                let last = time / interval * interval
                return last >= earliest ? last : nil
            case .cron(let schedule, let zone):
                return schedule.last(
                    before: Int64(time / 1_000_000_000), notBefore: Int64(earliest / 1_000_000_000) + 1, in: zone
                ).map { UInt64($0) * 1_000_000_000 }
            }
        }
    }

    let name: String
    private let rhythm: Rhythm
    private let eventType: String
    private let eventSource: String
    private let logger: Logger
    private let flag = StopFlag()

    init(_ source: Configuration.Source, logger: Logger) {
        name = source.name
        eventType = source.eventType
        eventSource = source.source.isEmpty ? "//patchbay/timer/\(source.name)" : source.source
        self.logger = logger
        if let schedule = Self.schedule(source) {
            rhythm = schedule
        } else {
            rhythm = .every(max(1, source.every.nanosecondsForClock))
        }
    }

    private static func schedule(_ source: Configuration.Source) -> Rhythm? {
        guard !source.cron.isEmpty else { return nil }
        do throws(CronError) {
            guard let zone = ZoneRules(identifier: source.timezone) else { return nil }
            return .cron(try CronSchedule(source.cron), zone)
        } catch {
            preconditionFailure("the configuration's check took a cron expression that is none: \(error)")
        }
    }

    func stop() { flag.raise() }

    /// The first tick behind a time, in Unix nanoseconds; `nil` when there is none.
    func next(after time: UInt64) -> UInt64? { rhythm.next(after: time) }

    func run(_ lane: SourceLane) throws(SourceError) {
        let feed = LineFeed(
            intake: lane.intake, port: lane.port, source: lane.number, envelope: nil,
            eventBytesMax: lane.eventBytesMax, report: lane.refused)
        var last = pbs_unix_now()
        if let missed = missed(lane.past, now: last) {
            logger.info("source \(name): the tick of \(UnixTime.text(missed)) fell into a time without a host")
            fire(missed, feed)
        }
        while !feed.isClosed, let next = next(after: last) {
            // A clock that is set is looked at again within a minute.
            while case let now = pbs_unix_now(), now < next {
                if flag.wait(min(next - now, 60_000_000_000)) { return }
            }
            fire(next, feed)
            // Ticks that fall into one pause, as of a machine that slept, are one.
            last = max(next, rhythm.last(before: pbs_unix_now(), notBefore: next) ?? next)
        }
        while !flag.wait(3_600_000_000_000), !feed.isClosed {}
    }

    /// The last tick before this run, if the log was there and has it not.
    func missed(_ past: PastEvents?, now: UInt64) -> UInt64? {
        guard let past, let tick = rhythm.last(before: now, notBefore: past.since) else { return nil }
        do throws(LogError) {
            return try past.has(eventSource, id(tick)) ? nil : tick
        } catch {
            logger.error("source \(name): whether the last tick was taken in is not known: \(error)")
            return nil
        }
    }

    private func fire(_ tick: UInt64, _ feed: LineFeed) {
        let event = Event(
            id: id(tick), source: eventSource, type: eventType, time: UnixTime.text(tick),
            datacontenttype: "application/json", data: Value.object([("timer", .string(name))]).json)
        (event.json + [0x0A]).withUnsafeBytes { feed.take($0) }
    }

    private func id(_ tick: UInt64) -> String { "\(name)-\(UnixTime.text(tick))" }
}
