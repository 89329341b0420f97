package import PatchbayEvents
import PatchbayTelemetry

extension DispatchPlan {
    /// Adds the lane of events that nobody handles, with a route of its own, both behind all others.
    package mutating func addBurialLane() {
        var route = RoutePlan(name: "(none)")
        route.lanes = [lanes.count]
        routes.append(route)
        var lane = LanePlan(name: "(none)", handler: Handler(name: "") { _, _ in .ok }, maxInFlight: 1)
        lane.buries = true
        lanes.append(lane)
    }

    /// The lane that buries, once it is added.
    package var burialLane: Int { lanes.count - 1 }

    /// Delivers what no route takes to the lane that buries. Before the batch is accepted.
    package func deliverUnmatched(_ batch: EventBatch) {
        guard !batch.unmatched.isEmpty else { return }
        let lane = UInt16(burialLane)
        let lower = UInt32(batch.deliveryCount)
        for event in batch.unmatched {
            batch.append(
                RoutedDelivery(event: event, route: UInt16(routes.count - 1), lane: lane, keyHash: 0, priority: 5))
        }
        batch.runs.append(LaneRun(lane: lane, lower: lower, upper: UInt32(batch.deliveryCount)))
        batch.unmatched.removeAll(keepingCapacity: true)
    }

    /// A dead letter as an event that comes in, when its route asks for that: with an id that a rerun repeats.
    ///
    /// - Returns: the event, and whether it is too far from its origin and to be buried right away.
    package func announcement(
        of letter: DeadLetter, _ reference: DeliveryReference, emitDepthMax: Int, unixNow: UInt64
    ) -> (event: Event, isTooDeep: Bool)? {
        let type = routes[reference.route].deadLetterType
        guard !type.isEmpty else { return nil }
        let trace = reference.batch.traces[reference.event]
        let lineage = EmitLineage(
            parent: BatchView(reference.batch).event(reference.event), handler: letter.handler,
            context: TraceContext(
                traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: trace.receive,
                flags: trace.sampled ? TraceContext.Flag.sampled : 0))
        var draft: Event
        do {
            draft = try CloudEventsCodec.ofStored().event(letter.line)
        } catch {
            preconditionFailure("a dead letter is no event: \(error)")
        }
        draft.id = ""
        draft.type = type
        draft.time = nil
        let depth = lineage.depth + 1
        let event = lineage.descendant(draft, place: "dead letter", depth: depth, unixNow: unixNow)
        return depth <= emitDepthMax ? (event, false) : (lineage.buried(event), true)
    }

    /// What is written down of a delivery that is given up.
    package func letter(
        _ death: DispatchEffects.Death, of reference: DeliveryReference, emitDepthMax: Int, unixNow: UInt64
    ) -> DeadLetter {
        let view = BatchView(reference.batch)
        var facts = DeadLetterFacts(reason: death.reason, failureClass: death.failureClass, now: unixNow)
        let lane = lanes[reference.lane]
        if lane.buries {
            // By another route than the lane's own comes what was emitted too deep, or refused for who follows a stream.
            if reference.route != routes.count - 1 {
                let event = view.event(reference.event)
                let isRefused =
                    reference.route == subscriptionRoute
                    && EmitLineage.wasRefused(event, route: routes[reference.route].name, &facts)
                if !isRefused { EmitLineage.emittedTooDeep(event, depthMax: emitDepthMax, &facts) }
            }
        } else {
            facts.route = routes[reference.route].name
            facts.handler = lane.handler.name
            facts.handlerVersion = death.handlerVersion ?? lane.handler.version
            facts.code = death.code
            facts.detail = death.detail
            facts.attempts = death.history?.attempts ?? []
            facts.attemptCount = reference.attempts
        }
        let trace = reference.batch.traces[reference.event]
        facts.trace = TraceID(high: trace.traceHigh, low: trace.traceLow).hexadecimal
        return DeadLetter(delivery: death.delivery, batch: view, event: reference.event, facts: facts)
    }
}
