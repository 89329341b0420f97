import PatchbayEvents
import PatchbayTelemetry

extension DispatchLoop {
    /// Sends what a done call emitted on its way: with an id that a rerun repeats, cause, correlation and trace.
    ///
    /// - Returns: how many of them come in at once, neither refused nor held back.
    mutating func emit(_ emits: [EmittedEvent], from reference: DeliveryReference, info: CallInfo) -> Int {
        guard !emits.isEmpty else { return 0 }
        var prompt = 0
        let lineage = lineage(reference, info)
        let depth = lineage.depth + 1
        let unixNow = now &+ unixOffset
        for (index, emitted) in emits.enumerated() {
            let event = lineage.descendant(emitted.event, place: String(index), depth: depth, unixNow: unixNow)
            guard depth <= dispatcher.options.emitDepthMax else {
                // Too far from its origin: straight to the lane that buries.
                send(
                    Reentry(event: lineage.buried(event), lane: burialLane), notBefore: 0)
                continue
            }
            if emitted.notBefore <= unixNow { prompt += 1 }
            send(Reentry(event: event), notBefore: emitted.notBefore)
        }
        return prompt
    }

    /// Lets an event come in again: with a log that lasts, in the frame that says what its call did.
    mutating func send(_ reentry: Reentry, notBefore: UInt64) {
        let unixNow = now &+ unixOffset
        if isRecording {
            guard notBefore > unixNow else { return descend(reentry) }
            delay(reentry, until: notBefore)
        }
        emits.add(reentry, notBefore: notBefore, unixNow: unixNow)
    }

    /// The same for timers. A handler may set its timer again for ever, so that is no hop.
    func timers(_ changes: [TimerChange], from reference: DeliveryReference, info: CallInfo) -> [TimerChange] {
        let lineage = lineage(reference, info)
        return changes.map { change in
            guard case .set(let id, var timer) = change else { return change }
            timer.event = lineage.descendant(
                timer.event, place: "timer \(id)", depth: lineage.depth, unixNow: now &+ unixOffset)
            return .set(id: id, event: timer)
        }
    }

    /// What a call wants of streams, with what the appended events inherit; `nil` when it wants nothing, `takes` is
    /// false when somebody else changed them meanwhile.
    func streamChanges(
        _ wanted: CallEffects, from reference: DeliveryReference, info: CallInfo
    ) -> (appends: [StreamAppend], takes: Bool)? {
        guard wanted.changesStreams else { return nil }
        let lineage = lineage(reference, info)
        var appends = wanted.streamAppends
        for index in appends.indices {
            appends[index].events = appends[index].events.enumerated().map { place, event in
                lineage.descendant(
                    event, place: "stream \(appends[index].stream) \(place)", depth: lineage.depth + 1,
                    unixNow: now &+ unixOffset)
            }
        }
        return (appends, host.streamsTake(appends, wanted.streamSnapshots))
    }

    /// Where what a call writes to its handler's state comes from.
    func origin(of reference: DeliveryReference, _ info: CallInfo) -> StateOrigin {
        StateOrigin(
            definition: codes.handler(info.code).definition,
            position: reference.batch.traces[reference.event].position)
    }

    private func lineage(_ reference: DeliveryReference, _ info: CallInfo) -> EmitLineage {
        let trace = reference.batch.traces[reference.event]
        return EmitLineage(
            parent: BatchView(reference.batch).event(reference.event),
            handler: dispatcher.plan.lanes[reference.lane].handler.name,
            context: TraceContext(
                traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: info.span,
                flags: trace.sampled ? TraceContext.Flag.sampled : 0))
    }
}
