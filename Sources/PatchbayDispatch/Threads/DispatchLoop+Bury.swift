import PatchbayEvents

extension DispatchLoop {
    /// Before the batch is appended: what no route takes keeps its place in the log until its dead letter is written.
    func deliverUnmatched(_ batch: EventBatch) { dispatcher.plan.deliverUnmatched(batch) }

    var burialLane: Int { dispatcher.plan.burialLane }

    /// Hands dead letters over while they are taken. What waits here keeps its place in the log and its lane's queue, and
    /// is not written out as text yet.
    mutating func buryWaiting() {
        guard !deaths.isEmpty else { return }
        while deathsTaken < deaths.count, isRecording || host.mayBury() {
            bury(deaths[deathsTaken])
            deathsTaken += 1
        }
        guard deathsTaken == deaths.count || deathsTaken > 4096 else { return }
        deaths.removeFirst(deathsTaken)
        deathsTaken = 0
    }

    private mutating func bury(_ death: DispatchEffects.Death) {
        let reference = core.reference(of: death.delivery)
        var death = death
        // Of what no call ended.
        death.handlerVersion = death.handlerVersion ?? codes.handler(ofLane: reference.lane).version
        let letter = dispatcher.plan.letter(
            death, of: reference, emitDepthMax: dispatcher.options.emitDepthMax, unixNow: now &+ unixOffset)
        let announced =
            reference.batch.isMuted
            ? nil
            : dispatcher.plan.announcement(
                of: letter, reference, emitDepthMax: dispatcher.options.emitDepthMax, unixNow: now &+ unixOffset)
        if isRecording { record(letter, of: reference) } else { host.bury(letter) }
        if let announced {
            send(Reentry(event: announced.event, lane: announced.isTooDeep ? burialLane : nil), notBefore: 0)
        }
    }
}
