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
        state: StateStore, timers: TimerStore, streams: StreamStore, scopes: [HandlerScope],
        reenter: @escaping @Sendable ([Reentry]) -> [EventBatch],
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
    }

    /// What lies in a data folder is read back from there, and checkpoints get what handlers and routes keep.
    ///
    /// - Parameter routes: the plan's, by name.
    mutating func keep(
        in folder: DataFolder, _ blueprint: Blueprint, routes: [String], state: StateStore, timers: TimerStore,
        tracer: Tracer, logger: Logger
    ) {
        let intake = ReloadIntake(
            reader: folder.writer.reader, places: DeliveryPlaces(folder.log.numbers, blueprint),
            resumed: folder.pending.resumed, tracer: tracer, logger: logger)
        reload = { intake.batch(of: $0, $1) }
        checkpointExtras = {
            CheckpointParts.extras(state: state, timers: timers, delayed: $0, deduplicator: $1, routes: routes)
        }
    }
}
