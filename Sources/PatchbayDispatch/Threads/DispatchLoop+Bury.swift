import PatchbayEvents
import PatchbayTelemetry

extension DispatchLoop {
    /// Delivers what no route takes to the lane that buries, so that it keeps its place in the log until its dead letter
    /// is written. Before the batch is appended.
    func deliverUnmatched(_ batch: EventBatch) {
        guard !batch.unmatched.isEmpty else { return }
        let lane = UInt16(burialLane)
        let lower = UInt32(batch.deliveryCount)
        for event in batch.unmatched {
            batch.append(
                RoutedDelivery(
                    event: event, route: UInt16(dispatcher.plan.routes.count - 1), lane: lane, keyHash: 0, priority: 5))
        }
        batch.runs.append(LaneRun(lane: lane, lower: lower, upper: UInt32(batch.deliveryCount)))
        batch.unmatched.removeAll(keepingCapacity: true)
    }

    var burialLane: Int { dispatcher.plan.lanes.count - 1 }

    /// Hands dead letters over while they are taken. What waits here keeps its place in the log and its lane's queue, and
    /// is not written out as text yet.
    mutating func buryWaiting() {
        guard !deaths.isEmpty else { return }
        while deathsTaken < deaths.count, host.mayBury() {
            bury(deaths[deathsTaken])
            deathsTaken += 1
        }
        guard deathsTaken == deaths.count || deathsTaken > 4096 else { return }
        deaths.removeFirst(deathsTaken)
        deathsTaken = 0
    }

    private func bury(_ death: DispatchEffects.Death) {
        let reference = core.reference(of: death.delivery)
        let view = BatchView(reference.batch)
        var facts = DeadLetterFacts(reason: death.reason, failureClass: death.failureClass, now: now &+ unixOffset)
        let lane = dispatcher.plan.lanes[reference.lane]
        if lane.buries {
            // Only an event that was emitted too deep comes here by another route than the lane's own.
            if reference.route != dispatcher.plan.routes.count - 1 {
                emittedTooDeep(view.event(reference.event), &facts)
            }
        } else {
            facts.route = dispatcher.plan.routes[reference.route].name
            facts.handler = lane.handler.name
            facts.handlerVersion = lane.handler.version
            facts.code = death.code
            facts.attempts = death.history?.attempts ?? []
            facts.attemptCount = reference.attempts
        }
        let trace = reference.batch.traces[reference.event]
        facts.trace = TraceID(high: trace.traceHigh, low: trace.traceLow).hexadecimal
        host.bury(DeadLetter(delivery: death.delivery, batch: view, event: reference.event, facts: facts))
    }
}
