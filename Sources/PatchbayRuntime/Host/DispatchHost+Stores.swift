import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry

extension DispatchHost {
    /// What calls ask for is put into these stores; `scopes` says by lane whose it is. Dead letters go nowhere.
    init(
        state: StateStore, timers: TimerStore, streams: StreamStore, subscriptions: SubscriptionStore,
        scopes: [HandlerScope], reenter: @escaping @Sendable ([Reentry]) -> [EventBatch],
        notice: @escaping @Sendable (DispatchEffects.Notice) -> Void,
        attemptFailed: @escaping @Sendable (AttemptReport) -> Void
    ) {
        let lanes = Dictionary(scopes.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        self.init(
            commitState: { lane, writes, origin, now, records in
                state.commit(writes, of: scopes[lane], from: origin, now: now, into: &records)
            },
            changeTimers: { lane, changes, records in timers.commit(changes, of: scopes[lane], into: &records) },
            fireTimers: { now, records in
                timers.takeDue(now: now, into: &records).map {
                    Reentry(event: $0.event.event, lane: lanes[$0.scope])
                }
            },
            streamsTake: { streams.takes($0, $1) },
            changeStreams: { streams.commit($0, $1, now: $2, recording: $3) },
            placeStreams: { streams.placed($0, in: $1) }, nextTimer: { timers.next }, reenter: reenter, bury: { _ in },
            isBurying: { false }, notice: notice,
            attemptFailed: attemptFailed)
        feed = Self.feed(subscriptions, scopes, lanes)
        stateBefore = { lane, writes, now in state.values(of: writes.map(\.key), in: scopes[lane], now: now) }
    }

    /// Handlers that this run does not have are not open.
    private static func feed(
        _ subscriptions: SubscriptionStore, _ scopes: [HandlerScope], _ lanes: [HandlerScope: Int]
    ) -> SubscriptionFeed {
        SubscriptionFeed(
            change: { lane, changes, records in
                subscriptions.commit(changes, of: scopes[lane]) { $0.write(to: &records) }
            },
            hasWork: { subscriptions.hasWork },
            take: { isOpen, records in
                let taken = subscriptions.take { scope in
                    lanes[scope].map { isOpen($0) } ?? false
                } recording: {
                    $0.write(to: &records)
                }
                return taken.map { Reentry(event: $0.event, lane: lanes[$0.scope], keyHash: $0.keyHash) }
            },
            ended: { subscriptions.ended($0) }, resumed: { subscriptions.resumed($0) },
            opened: { subscriptions.opened() }, mayGoOn: { subscriptions.mayGoOn })
    }

    /// What lies in a data folder is read back from there, and checkpoints get what handlers and routes keep.
    ///
    /// - Parameter routes: the plan's, by name.
    mutating func keep(
        in folder: DataFolder, _ blueprint: Blueprint, routes: [String], state: StateStore, timers: TimerStore,
        subscriptions: SubscriptionStore, tracer: Tracer, logger: Logger
    ) {
        let intake = ReloadIntake(
            reader: folder.writer.reader, places: .ofReloads(folder.log.numbers, blueprint),
            resumed: folder.pending.resumed, tracer: tracer, logger: logger)
        reload = { intake.batch(of: $0, $1) }
        checkpointExtras = {
            CheckpointParts.extras(
                state: state, timers: timers, subscriptions: subscriptions, delayed: $0, deduplicator: $1,
                routes: routes)
        }
    }
}
