import PatchbayEvents

extension DispatchLoop {
    /// Whether some shadow of its route is tried with the call's event.
    func isShadowed(_ call: UInt32, route: UInt16, lane: UInt16) -> Bool {
        let own = shadows[Int(route)]
        guard !own.isEmpty else { return false }
        let key = core.lastingKey(ofCall: call)
        return own.contains { $0.takes(lane: Int(lane), key: key) }
    }

    /// Shadows that are tried with the event of a call that is open.
    func sinks(ofCall call: UInt32, _ info: CallInfo) -> [any ShadowSink] {
        guard info.isShadowed else { return [] }
        let key = core.lastingKey(ofCall: call)
        return shadows[Int(info.route)].filter { $0.takes(lane: Int(info.lane), key: key) }.map(\.sink)
    }

    /// What a call that ends `done` is about to write over.
    func stateBefore(_ outcome: SettledCall, _ info: CallInfo) -> StateBefore {
        guard outcome.kind == .done, let writes = outcome.effects?.stateWrites, !writes.isEmpty else { return [:] }
        return host.stateBefore(Int(info.lane), writes, now &+ unixOffset)
    }

    /// Lets shadows try what a call had; those that have no room for it do not.
    func offer(
        to sinks: [any ShadowSink], _ reference: DeliveryReference, _ info: CallInfo, outcome: String,
        _ details: ResultDetails?, _ effects: CallEffects? = nil, nanoseconds: UInt64, before: StateBefore = [:]
    ) {
        let taking = sinks.filter { $0.takes() }
        guard !taking.isEmpty else { return }
        let call = ShadowedCall(
            event: BatchView(reference.batch).json(of: reference.event, adding: []),
            outcome: outcome, details: details, effects: effects?.withoutRoom, nanoseconds: nanoseconds,
            stateBefore: before)
        for sink in taking { sink.add(call) }
    }

    /// How long a call took, once it has ended.
    func duration(_ outcome: SettledCall, _ info: CallInfo, startedAt: UInt64) -> UInt64 {
        // One that another thread completed ended a moment ago.
        let end = outcome.wasPending || info.endedAt == 0 ? now : info.endedAt
        return end &- min(end, startedAt)
    }
}
