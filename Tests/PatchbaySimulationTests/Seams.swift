import CPatchbayJSON
import PatchbayEvents
import PatchbayLog
import PatchbayModules

@testable import PatchbayDispatch

/// What the dispatcher asks of its host, with the oracle looking on and mistakes made where a mutation says so.
struct Seams: Sendable {
    private nonisolated(unsafe) let world: World
    private let mutation: Mutation?
    private nonisolated(unsafe) let clock: SimulatedClock
    // Invariant: a simulation has one thread.

    private let scopes: [HandlerScope]

    init(_ world: World, _ mutation: Mutation?, _ clock: SimulatedClock, scopes: [HandlerScope]) {
        self.scopes = scopes
        self.world = world
        self.mutation = mutation
        self.clock = clock
    }

    func watched(_ host: DispatchHost) -> DispatchHost {
        var watched = host
        watched.commitState = { commit(host, $0, $1, $2, $3, &$4) }
        watched.notice = { world.breakers.hear($0, now: clock.now, world) }
        watched.streamsTake = { appends, snapshots in
            let takes = host.streamsTake(changed(appends), snapshots)
            if !takes, let id = appends.first?.events.first?.id { world.unsay(streamed: id) }
            return takes
        }
        watched.changeStreams = { appends, snapshots, now, recording in
            host.changeStreams(changed(appends), snapshots, now) { if mutation != .forgetsStreams { recording($0) } }
        }
        watched.reload = { reload(host, $0, $1) }
        watched.reenter = { events in
            let batches = host.reenter(events)
            for batch in batches {
                batch.receivedAt = clock.unixNow
                world.comesIn(batch)
            }
            return batches
        }
        if mutation == .forgetsTimers {
            watched.changeTimers = { lane, changes, _ in
                var elsewhere = ByteWriter(capacity: 64)
                host.changeTimers(lane, changes, &elsewhere)
            }
        }
        watched.feed = host.feed.map(noting)
        if mutation == .forgetsSubscriptions, let feed = watched.feed {
            watched.feed = SubscriptionFeed(
                change: feed.change, hasWork: feed.hasWork,
                take: { isOpen, _ in
                    var elsewhere = ByteWriter(capacity: 64)
                    return feed.take(isOpen, &elsewhere)
                }, ended: feed.ended, resumed: feed.resumed, opened: feed.opened, mayGoOn: feed.mayGoOn)
        }
        if let feed = watched.feed, mutation == .forgetsResumed || mutation == .takesTooMany {
            watched.feed = SubscriptionFeed(
                change: feed.change, hasWork: feed.hasWork,
                take: { isOpen, records in
                    let taken = feed.take(isOpen, &records)
                    if mutation == .takesTooMany { feed.ended(taken.map(\.keyHash)) }
                    return taken
                }, ended: feed.ended, resumed: { if mutation != .forgetsResumed { feed.resumed($0) } },
                opened: feed.opened, mayGoOn: feed.mayGoOn)
        }
        return watched
    }

    private func noting(_ feed: SubscriptionFeed) -> SubscriptionFeed {
        SubscriptionFeed(
            change: { lane, changes, records in
                world.intend(changes, of: scopes[lane])
                guard mutation == .forgetsUnsubscribing else { return feed.change(lane, changes, &records) }
                for change in changes {
                    var elsewhere = ByteWriter(capacity: 64)
                    if case .unsubscribe = change {
                        feed.change(lane, [change], &elsewhere)
                    } else {
                        feed.change(lane, [change], &records)
                    }
                }
            }, hasWork: feed.hasWork, take: feed.take, ended: feed.ended, resumed: feed.resumed, opened: feed.opened,
            mayGoOn: feed.mayGoOn)
    }

    private func changed(_ appends: [StreamAppend]) -> [StreamAppend] {
        guard mutation == .ignoresStreamRevisions else { return appends }
        return appends.map { StreamAppend(stream: $0.stream, expected: .any, events: $0.events) }
    }

    private func commit(
        _ host: DispatchHost, _ lane: Int, _ writes: [StateWrite], _ origin: StateOrigin, _ now: UInt64,
        _ records: inout ByteWriter
    ) -> Bool {
        var writes = writes
        if mutation == .ignoresRevisions { for index in writes.indices { writes[index].expectedRevision = .max } }
        var elsewhere = ByteWriter(capacity: 64)
        let isCommitted =
            mutation == .forgetsState
            ? host.commitState(lane, writes, origin, now, &elsewhere)
            : host.commitState(lane, writes, origin, now, &records)
        if !isCommitted, let note = writes.last.flatMap({ Counted($0.value) }) {
            world.counters.conflicts += 1
            world.unsay(DeliveryID(position: note.position, handler: world.handlers[lane]))
        }
        return isCommitted
    }

    private func reload(_ host: DispatchHost, _ handler: UInt16, _ events: PendingEvents) -> EventBatch? {
        guard let batch = host.reload(handler, events) else {
            world.counters.unreadable += 1
            return nil
        }
        world.counters.reloaded += 1
        if mutation == .forgetsAttempts { batch.resumed.removeAll() }
        if mutation == .reroutesABacklog, batch.deliveryCount > 0 {
            let lane = Int(batch.deliveries[0].lane)
            batch.deliveries[0].lane = UInt16((lane + 1) % (world.handlers.count - 1))
        }
        if mutation == .reroutesAfterAReload { reroute(batch) }
        return batch
    }

    /// What the routes that are in force would not deliver there is for nobody.
    private func reroute(_ batch: EventBatch) {
        guard let rules = world.rules[world.ruling], world.ruling != nil else { return }
        for run in batch.runs.indices {
            let index = batch.runs[run].lower
            let event = batch.events[Int(batch.deliveries[Int(index)].event)]
            let name = world.names[world.handlers[Int(batch.runs[run].lane)]] ?? ""
            let type = String(BatchView(batch).bytes(event.type))
            guard let wanted = rules.handlers[type], !wanted.contains(name) else { continue }
            let nobody = UInt16(world.handlers.count - 1)
            batch.runs[run].lane = nobody
            for delivery in index..<batch.runs[run].upper { batch.deliveries[Int(delivery)].lane = nobody }
        }
    }
}
