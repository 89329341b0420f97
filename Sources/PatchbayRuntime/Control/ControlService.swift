import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import Synchronization

/// What stands behind a control socket. Only the control thread calls it.
protocol ControlAnswering: Sendable {
    func answer(_ request: ControlRequest) -> ControlAnswer
    /// Whether letters are let go by themselves.
    var hasRetention: Bool { get }
    /// Lets some of the letters go whose time is over. True when there is more to do at once.
    func expire() throws -> Bool
}

/// Does what clients of the control socket ask for.
final class ControlService: ControlAnswering, @unchecked Sendable {
    // Invariant: only the control thread calls it, after it was made.

    private let writer: LogWriter
    private let port: ControlPort
    private let replays: ReplaySite
    /// Of the replay that was asked for last.
    private var scan: ReplayScan?
    private let letters: LetterReader
    private let streams: StreamStore
    private let subscriptions: SubscriptionStore
    private let intake: OperatorIntake
    /// What the intake has taken; in `counters` is what of it is in the log.
    private let taken = IntakeCounters(name: "operators")
    private let counters: IntakeCounters
    private let logger: Logger
    private var retention: LetterRetention
    /// Letters that retention purged.
    private let expired: IntakeCounters.Count
    private let versions: VersionService

    init(
        writer: LogWriter, port: ControlPort, replays: ReplaySite, streams: StreamStore,
        subscriptions: SubscriptionStore, setup: Intake.Setup, number: Int, counters: IntakeCounters,
        retention: LetterRetention, expired: IntakeCounters.Count,
        versions: VersionService, logger: Logger
    ) {
        self.versions = versions
        self.streams = streams
        self.subscriptions = subscriptions
        self.retention = retention
        self.expired = expired
        self.writer = writer
        self.port = port
        self.replays = replays
        letters = LetterReader(writer.reader)
        intake = OperatorIntake(setup, name: "operators", number: number, counters: taken)
        self.counters = counters
        self.logger = logger
    }

    func answer(_ request: ControlRequest) -> ControlAnswer {
        do {
            switch request {
            case .redrive(let ids, let target, let who): return try redrive(ids, to: target, by: who)
            case .purge(let ids, let who): return try purge(ids, by: who)
            case .edit(let id, let event, let who): return try edit(id, to: event, by: who)
            case .replay(let request, let who): return try replay(request, by: who)
            case .stream(let change, let who): return try apply(change, by: who)
            case .unsubscribe(let name, let handler, let who): return try unsubscribe(name, of: handler, by: who)
            case .version, .versions, .reload: return versions.answer(request)
            }
        } catch let failure as ControlFailure {
            return .failed(failure)
        } catch {
            return .failed(ControlFailure(.unreadable, "\(error)"))
        }
    }

    // MARK: Dead letters

    private func purge(_ ids: [LetterID], by who: String) throws -> ControlAnswer {
        let now = pbs_unix_now()
        let kept = try kept(ids)
        try commit(
            ControlChange(operations: kept.map { OperationRecord(.purge, $0.id, of: $0.delivery, at: now, by: who) }))
        logger.notice("\(ids.count) dead letters purged by \(who)")
        return .changed(ids.count)
    }

    private func edit(_ id: LetterID, to event: [UInt8], by who: String) throws -> ControlAnswer {
        let edited: Event
        do {
            edited = try CloudEventsCodec.ofStored().event(event)
        } catch {
            throw ControlFailure(.malformed, "the event: \(error.message)")
        }
        let kept = try kept([id])
        try commit(
            ControlChange(
                operations: kept.map {
                    OperationRecord(.edit, $0.id, of: $0.delivery, at: pbs_unix_now(), by: who, event: edited.json)
                }))
        logger.notice("dead letter \(id) edited by \(who)")
        return .changed(1)
    }

    private func redrive(_ ids: [LetterID], to target: String?, by who: String) throws -> ControlAnswer {
        // None may be redriven when some could not.
        let number = try target.map { name throws(ControlFailure) in
            writer.numbers.handlers[Int(try replays.place(ofHandler: name).lane)]
        }
        let kept = try kept(ids)
        for letter in kept { try check(try letters.read(letter), to: target) }
        var index = 0
        while index < kept.count {
            var some: [StoredLetter] = []
            var bytes = 0
            while index < kept.count, bytes < Self.redriveBytes {
                some.append(try letters.read(kept[index]))
                bytes += some[some.count - 1].line.count + (some[some.count - 1].edit?.count ?? 0)
                index += 1
            }
            try redrive(some, to: target, number, by: who)
        }
        guard !ids.isEmpty else { return .changed(0) }
        logger.notice("\(ids.count) dead letters redriven by \(who)", metadata: target.map { ["to": "\($0)"] })
        return .changed(ids.count)
    }

    /// Bytes of letters that come in with one frame.
    private static let redriveBytes = 8 << 20

    private func redrive(_ stored: [StoredLetter], to target: String?, _ number: UInt16?, by who: String) throws {
        var change = ControlChange()
        // A muted replay's letter stays muted: such events have batches of their own.
        for isMuted in [false, true] {
            var lines: [[UInt8]] = []
            var deliveries = GivenDeliveries.DeliveryList()
            for letter in stored where letter.isMuted == isMuted {
                deliveries.add([try delivery(of: letter, to: target)])
                lines.append(try letter.redriven().json)
            }
            do {
                change.batches += try intake.batches(lines, deliveries, isMuted: isMuted)
            } catch {
                throw ControlFailure(.malformed, "an event cannot be accepted anew: \(error.message)")
            }
        }
        let now = pbs_unix_now()
        change.operations = stored.map { OperationRecord(redriving: $0, to: number, at: now, by: who) }
        try commit(change)
    }

    /// Throws where a letter cannot be redriven.
    private func check(_ letter: StoredLetter, to target: String?) throws {
        if let hindrance = letter.redriveHindrance { throw ControlFailure(.malformed, hindrance) }
        _ = try delivery(of: letter, to: target)
        _ = try letter.redriven()
    }

    /// To a handler of this run, with the route's policies where this run has the route.
    private func delivery(of letter: StoredLetter, to target: String?) throws(ControlFailure) -> RoutedDelivery {
        let handler = target ?? letter.handler
        guard !handler.isEmpty else {
            throw ControlFailure(.handler, "no route took the event of \(letter.id); say who gets it")
        }
        let place = try replays.place(ofHandler: handler, route: letter.redriveRoute)
        return letter.delivery(event: 0, route: place.route, lane: place.lane)
    }

    /// All of them, or none. Nobody else changes letters meanwhile: that takes the data folder's lock, or this thread.
    private func kept(_ ids: [LetterID]) throws(ControlFailure) -> [KeptLetter] {
        let found = writer.ask { ledger in ids.map { ledger.letter($0) } }
        guard let found else { throw Self.ending }
        var kept: [KeptLetter] = []
        for (id, letter) in zip(ids, found) {
            guard let letter, !letter.isRedriven else {
                throw ControlFailure(.missing, "dead letter \(id) is not kept any more; list them anew")
            }
            kept.append(letter)
        }
        return kept
    }

    private static var ending: ControlFailure {
        ControlFailure(.ending, "the host ended before it was done; list the letters anew")
    }

    // MARK: Retention

    /// Whether letters are let go by themselves.
    var hasRetention: Bool { retention.isOn }

    /// Looks at some of the letters that came, and purges some of those whose time is over. True when there is more to
    /// do at once.
    func expire() throws -> Bool {
        guard retention.isOn else { return false }
        let after = retention.seen
        let limit = ControlProtocol.lettersMax
        let new = writer.ask { $0.letters(after: after, limit: limit) } ?? []
        for letter in new {
            do {
                let stored = try letters.read(letter)
                retention.add(letter.id, route: stored.route, diedAt: stored.diedAt)
            } catch {
                retention.pass(letter.id)
                logger.error("dead letter \(letter.id) cannot be read and is kept: \(error)")
            }
        }
        let now = pbs_unix_now()
        let due = retention.takeExpired(unixNow: now, max: limit)
        guard !due.isEmpty else { return new.count == limit }
        let kept = writer.ask { ledger in due.compactMap { ledger.letter($0) }.filter { !$0.isRedriven } } ?? []
        if !kept.isEmpty {
            try commit(
                ControlChange(
                    operations: kept.map {
                        OperationRecord(.purge, $0.id, of: $0.delivery, at: now, by: Self.retentionName)
                    }))
            expired.add(UInt64(kept.count))
            logger.info("\(kept.count) dead letters purged: their routes keep them no longer")
        }
        return true
    }

    /// Who purges, for the record.
    private static let retentionName = "retention"

    // MARK: Replay

    private func replay(_ request: ReplayRequest, by who: String) throws -> ControlAnswer {
        if scan?.order != request.order || scan?.until != request.until {
            scan = try replays.scan(request.order, until: request.until)
            logger.notice("replay \(request.order.id) by \(who)")
        }
        guard let scan else { throw Self.ending }
        let step: ReplayScan.Step
        do {
            step = try scan.step(
                from: request.place,
                ReplayScan.Bounds(events: min(request.events, ControlProtocol.replayEventsMax), before: request.before))
        } catch {
            throw ControlFailure(.unreadable, "\(error)")
        }
        if !step.lines.isEmpty {
            do {
                try commit(
                    ControlChange(
                        batches: try intake.batches(step.lines, step.deliveries, isMuted: request.order.isMuted)))
            } catch let refusal as IntakeRefusal {
                throw ControlFailure(.malformed, "an event cannot be accepted anew: \(refusal.message)")
            }
        }
        return .replayed(ReplayAnswer(step, first: scan.first, until: scan.until))
    }

    // MARK: Streams

    /// Decided on the dispatcher's thread, among what handlers append.
    private func apply(_ wanted: StreamChange, by who: String) throws(ControlFailure) -> ControlAnswer {
        let streams = streams
        let cell = StreamOutcome()
        try commit(
            ControlChange { unixNow in
                var record: StreamRecord?
                do throws(StreamRefusal) {
                    cell.set(.success(try streams.apply(wanted, now: unixNow) { record = $0 }))
                } catch {
                    cell.set(.failure(error))
                }
                return record
            })
        switch cell.take() {
        case .success(let answer)?:
            if case .subscription = wanted {} else { logger.notice("\(wanted.summary) by \(who)") }
            return .streamed(StreamResult(answer))
        case .failure(.impossible(let reason))?: throw ControlFailure(.malformed, reason)
        case .failure(let refusal)?: throw ControlFailure(.stream, "\(refusal)")
        case nil: throw Self.ending
        }
    }

    /// On the dispatcher's thread, among what handlers change.
    private func unsubscribe(_ name: String, of handler: String, by who: String) throws(ControlFailure) -> ControlAnswer
    {
        let subscriptions = subscriptions
        let found = Finding()
        try commit(
            ControlChange(subscriptions: { records in
                let isChanged = subscriptions.unsubscribe(name, of: HandlerScope(name: handler)) {
                    $0.write(to: &records)
                }
                found.set(isChanged)
                return isChanged
            }))
        guard found.isFound else {
            throw ControlFailure(.stream, "\(handler) has no subscription '\(name)'")
        }
        logger.notice("subscription '\(name)' of \(handler) ended by \(who)")
        return .changed(1)
    }

    // MARK: Changes

    /// Waits until it is in the log. Events count as received and accepted when they are.
    private func commit(_ change: ControlChange) throws(ControlFailure) {
        let events = UInt64(change.batches.reduce(0) { $0 + $1.count })
        guard port.commit(change) else { throw Self.ending }
        counters.received.add(events)
        counters.accepted.add(events)
    }
}

extension Event {
    /// It is of a replay whose calls have no effects.
    var isMuted: Bool { self[ReplayMark.muted] == "true" }
}

/// What the dispatcher's thread found out for the control thread.
private final class StreamOutcome: Sendable {
    private let result = Mutex<Result<StreamAnswer, StreamRefusal>?>(nil)

    func set(_ found: Result<StreamAnswer, StreamRefusal>) { result.withLock { $0 = found } }
    func take() -> Result<StreamAnswer, StreamRefusal>? { result.withLock { $0 } }
}

private final class Finding: Sendable {
    private let found = Atomic<Bool>(false)

    var isFound: Bool { found.load(ordering: .acquiring) }
    func set(_ isFound: Bool) { found.store(isFound, ordering: .releasing) }
}

extension StreamChange {
    /// For the host's log.
    fileprivate var summary: String {
        switch self {
        case .append(let stream, let events, _): "\(events.count) events appended to stream '\(stream)'"
        case .truncate(let stream, let before): "stream '\(stream)' truncated before \(before)"
        case .delete(let stream, _): "stream '\(stream)' deleted"
        case .snapshot(let stream, let revision, _): "snapshot of stream '\(stream)' at \(revision)"
        case .subscription(let name, _, _): "subscription '\(name)'"
        }
    }
}
