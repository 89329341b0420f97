import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry
import Synchronization

/// How what handlers have subscribed to comes in.
extension DispatchLoop {
    var hasSubscribed: Bool { host.feed?.hasWork() ?? false }
    /// Whether events of subscriptions may come in now: while there is room, and none since a drain began. Each has a
    /// bound of its own, so they do not share sources' pace, of which a source at full speed would leave nothing.
    var takesSubscribed: Bool { hasRoom && waiting.isEmpty && !isDraining }

    /// Lets the next events of subscriptions come in: with a log that lasts, in one frame with
    /// how far their subscriptions are then. A drain takes nothing more in.
    mutating func takeSubscribed() -> Bool {
        guard let feed = host.feed, feed.hasWork(), takesSubscribed else { return false }
        let due = feed.take(isOpen, &pending.journal.subscriptions)
        guard !due.isEmpty else { return feed.hasWork() }
        for batch in host.reenter(buryTooDeep(due)) {
            batch.source = -1
            if isRecording {
                pending.batches.append(batch)
            } else if !append(batch, log.makeSubmission(), .handler) {
                waiting.append(batch)
                table.emitRoom.settle(batch.byteCount)
            }
        }
        return true
    }

    /// What handlers appended too far from its origin goes straight to the lane that buries, as what they emit does. It
    /// is its subscription's until it is a dead letter.
    private func buryTooDeep(_ due: [Reentry]) -> [Reentry] {
        due.map { reentry in
            guard let lane = reentry.lane else { return reentry }
            let lineage = EmitLineage(
                parent: reentry.event, handler: dispatcher.plan.lanes[lane].handler.name, context: .none)
            guard lineage.depth > dispatcher.options.emitDepthMax else { return reentry }
            return Reentry(event: lineage.buried(reentry.event), lane: burialLane, keyHash: reentry.keyHash)
        }
    }

    /// Whether all that an earlier run left to a lane's handler, and to the lane that buries, is loaded: how many events
    /// of its subscriptions are unsettled is known from then on.
    private var isOpen: (_ lane: Int) -> Bool {
        let (frames, handlers) = (resumedFrames, handlerOfLane)
        guard frames[handlers[burialLane]] == 0 else { return { _ in false } }
        return { frames[handlers[$0]] == 0 }
    }

    private var isDraining: Bool {
        dispatcher.command.load(ordering: .relaxed) == Dispatcher.Command.drain.rawValue
    }

    /// Whether events of subscriptions will come in by themselves. What waits behind unsettled ones does not.
    var subscriptionsGoOn: Bool { !isDraining && host.feed?.mayGoOn() ?? false }

    /// Deliveries of a handler that an earlier run left are loaded: a frame of them.
    mutating func resumed(_ batch: EventBatch, ofHandler handler: Int) {
        guard resumedFrames[handler] > 0 else { return }
        resumedFrames[handler] -= 1
        guard let feed = host.feed else { return }
        let keys = (0..<batch.deliveryCount).filter { batch.deliveries[$0].route == subscriptionRoute }
            .map { batch.deliveries[$0].keyHash }
        if !keys.isEmpty { feed.resumed(keys) }
        if resumedFrames[handler] == 0 { feed.opened() }
    }
}
